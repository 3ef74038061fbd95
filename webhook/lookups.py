"""The few threads on which reviews wait for the API server, so that the event loop does not.

A bounded number may wait at the same time; of more than that, each is refused at once, and whoever asked tries again.
A look-up has its deadline from the moment when the review came, however long it stood in line.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from certs.problems import Path, Problem, ProblemType
from webhook.review import LOOKED_UP_WITHIN, Deferred, Reply

log = logging.getLogger(__name__)

THREADS: Final = 4
MOST_WAITING: Final = 64


def unanswered(why: str) -> Problem:
    """Return that nobody could be asked."""
    detail = f"cannot ask who may approve: {why}"
    return Problem(Path("status") / "conditions", ProblemType.FORBIDDEN, detail, remedy="try again")


class LookUps:
    """Runs look-ups; used from the event loop alone."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="look-up")
        self._waiting = 0

    def run(self, deferred: Deferred, finish: Callable[[Reply], None]) -> None:
        """Have it looked up, and call `finish` on the event loop with the answer, whatever happens."""
        if self._waiting >= MOST_WAITING:
            self._loop.call_soon(lambda: finish(deferred.tell(unanswered("too many such questions at once"))))
            return
        self._waiting += 1
        future = self._loop.run_in_executor(self._pool, deferred.look_up, time.monotonic() + LOOKED_UP_WITHIN)
        future.add_done_callback(lambda done: self._end(deferred, done, finish))

    def _end(self, deferred: Deferred, done: asyncio.Future[Problem | None], finish: Callable[[Reply], None]) -> None:
        self._waiting -= 1
        finish(deferred.tell(_result(done)))

    def stop(self) -> None:
        """End the threads; what is underway is finished within its deadlines."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _result(done: asyncio.Future[Problem | None]) -> Problem | None:
    """Return what was found; a look-up that broke is told like one that had no answer, and logged."""
    if done.cancelled():
        return unanswered("the webhook is stopping")
    error = done.exception()
    if error is None:
        return done.result()
    log.error("look-up failed", exc_info=error)
    return unanswered("the webhook failed, see its log")
