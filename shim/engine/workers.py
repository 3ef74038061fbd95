"""The threads that take keys from the queue and give each to the loop of its controller.

A fixed number of threads, because what they wait for are the API server, the CA and DNS: their
number bounds how hard we press on those.  They are daemons: a thread that hangs in an act does not
keep the process from ending, and the next process continues from what the API server holds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import structlog

from shim.engine.figures import Figures, Tally
from shim.engine.loop import Ended
from shim.engine.queue import Picked, WorkQueue
from shim.engine.reconciler import Key

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# Kubernetes ends a pod after 30 s; the lease is to be given back well before that.
STOP_DEADLINE: Final = 5.0


class TakesTurns(Protocol):
    """A `Loop`, whatever it observes and does."""

    name: str

    def turn(self, key: Key) -> Ended:
        """Move a key as far as it goes; raises nothing."""


class Workers:
    """A pool of `count` threads over a queue; starts once, stops once."""

    def __init__(
        self,
        queue: WorkQueue,
        loops: Iterable[TakesTurns],
        *,
        count: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._loops = {loop.name: loop for loop in loops}
        self._clock = clock
        self._tally = Tally()
        self._threads = tuple(
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True) for number in range(count)
        )

    def start(self) -> None:
        """Start all threads."""
        for thread in self._threads:
            thread.start()

    def stop(self, deadline: float = STOP_DEADLINE) -> tuple[Key, ...]:
        """Let every thread finish the step it is at, for `deadline` seconds at most; return the keys that still run.

        Without a `start`, as on a standby, there is nothing to wait for.
        """
        self._queue.stop()
        ends_at = self._clock() + deadline
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(ends_at - self._clock(), 0.0))
        still_running = self._queue.running() if self.alive() else ()
        for key in still_running:
            log.warning("still running at stop", **key._asdict())
        return still_running

    @property
    def controllers(self) -> tuple[str, ...]:
        """The names of the controllers, whether they have had a turn or not."""
        return tuple(self._loops)

    def alive(self) -> int:
        """Return how many threads live."""
        return sum(thread.is_alive() for thread in self._threads)

    def ended(self) -> int:
        """Return how many threads have ended; any, before `stop`, means that the process is ill."""
        return sum(thread.ident is not None and not thread.is_alive() for thread in self._threads)

    def figures(self) -> Figures:
        """Return what was done so far."""
        return self._tally.figures()

    def _work(self) -> None:
        while picked := self._queue.get():
            try:
                self._turn(picked)
            finally:
                self._queue.done(picked.key)

    def _turn(self, picked: Picked) -> None:
        key = picked.key
        loop = self._loops.get(key.controller)
        if loop is None:
            log.error("no such controller", **key._asdict())
            return
        started_at = self._clock()
        ended = loop.turn(key)
        self._tally.turn(
            key.controller,
            ended.ending,
            steps=ended.steps,
            busy_for=self._clock() - started_at,
            waited_for=picked.waited,
            level=picked.level,
            reason=ended.reason,
        )
