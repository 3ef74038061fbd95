"""The few threads on which reviews wait for the API server, so that the event loop does not.

A bounded number may wait at the same time; of more than that, each is refused at once, and whoever asked tries again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from certs.problems import Path, Problem, ProblemType
from webhook.review import Deferred, Reply

THREADS: Final = 4
MOST_WAITING: Final = 64
BUSY: Final = Problem(
    Path("status") / "conditions",
    ProblemType.FORBIDDEN,
    "cannot ask who may approve: too many such questions at once",
    remedy="try again",
)


class LookUps:
    """Runs look-ups; used from the event loop alone."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="look-up")
        self._waiting = 0

    def run(self, deferred: Deferred, finish: Callable[[Reply], None]) -> None:
        """Have it looked up, and call `finish` on the event loop with the answer."""
        if self._waiting >= MOST_WAITING:
            self._loop.call_soon(lambda: finish(deferred.tell(BUSY)))
            return
        self._waiting += 1
        future = self._loop.run_in_executor(self._pool, deferred.look_up)
        future.add_done_callback(lambda done: self._end(deferred, done, finish))

    def _end(self, deferred: Deferred, done: asyncio.Future[Problem | None], finish: Callable[[Reply], None]) -> None:
        self._waiting -= 1
        finish(deferred.tell(done.result()))

    def stop(self) -> None:
        """End the threads; what is underway is finished within its deadlines."""
        self._pool.shutdown(wait=False, cancel_futures=True)
