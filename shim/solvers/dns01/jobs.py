"""Work that may take longer than a worker may wait: it goes on in a thread of its own, and is asked for again.

A vendor's API has deadlines for each request, but a change may take several of them, and a client library its own
retries.  So a worker starts the work, waits a moment, and comes back later for what came of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Final, TypeVar

ResultT = TypeVar("ResultT")

# Each is a thread that waits for the network; more than this only happens when all of them wait in vain.
MOST: Final = 64


class StillWorking(Exception):
    """It goes on; ask again."""


class Jobs:
    """What goes on, by name.  Threads are daemons: nothing that they do must be finished for the process to end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._going: dict[str, Future[Any]] = {}

    def run(self, name: str, work: Callable[[], ResultT], *, patience: float) -> ResultT:
        """Return what came of the work of that name, begun now or earlier, or raise what it raised.

        Raises StillWorking when it is not over within `patience` seconds, or when too much goes on already.
        """
        with self._lock:
            future: Future[ResultT] | None = self._going.get(name)
            if future is None:
                if len(self._going) >= MOST:
                    self._drop_ended()
                if len(self._going) >= MOST:
                    raise StillWorking
                future = self._going[name] = Future()
                threading.Thread(target=_fulfil, args=(future, work), name=name, daemon=True).start()
        return self._result(name, future, patience)

    def join(self, name: str, *, patience: float) -> None:
        """Return when no work of that name goes on any more, however it ended; StillWorking when it does."""
        with self._lock:
            future = self._going.get(name)
        if future is not None:
            try:
                self._result(name, future, patience)
            except StillWorking:
                raise
            except Exception:  # noqa: BLE001, S110  whoever asked for the work is not interested any more
                pass

    def _result(self, name: str, future: Future[ResultT], patience: float) -> ResultT:
        try:
            # The work may itself raise TimeoutError: ask by the future whether it is over.
            future.exception(patience)
        except FutureTimeout:
            raise StillWorking from None
        with self._lock:
            if self._going.get(name) is future:
                del self._going[name]
        return future.result()

    def _drop_ended(self) -> None:
        """Forget results that nobody came for."""
        for name in [name for name, future in self._going.items() if future.done()]:
            del self._going[name]


def _fulfil(future: Future[ResultT], work: Callable[[], ResultT]) -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001  it is raised where the result is asked for
        future.set_exception(error)
    else:
        future.set_result(result)
