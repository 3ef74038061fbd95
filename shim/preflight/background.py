"""Threads that ask, so that no worker waits: all questions of one look at the same time, and bounded.

A question that has not begun within its time is dropped, as is a look for which there is no room: what is not known is
no finding, and whoever needs it asks again.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

import structlog

from certs.decide.preflight import WITHIN
from shim.engine.ring import Ring

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# They wait for the network; a resolver that is near answers within a millisecond.
THREADS: Final = 8
MOST_WAITING: Final = 2000
MOST_EACH: Final = 500

AnswerT = TypeVar("AnswerT")
# One question, asked until a moment of the monotonic clock at most.
Task = Callable[[float], AnswerT]
Done = Callable[[tuple[AnswerT, ...]], None]


class _Look(Generic[AnswerT]):
    """The answers of one look, until the last is there."""

    def __init__(self, count: int, end: float, done: Done[AnswerT]) -> None:
        self.end = end
        self._done = done
        self._lock = threading.Lock()
        self._left = count
        self._answers: list[AnswerT] = []

    def answered(self, answer: AnswerT | None) -> None:
        """Note one answer; the last has all of them told."""
        with self._lock:
            self._left -= 1
            if answer is not None:
                self._answers.append(answer)
            if self._left:
                return
        self._done(tuple(self._answers))


class Background(Generic[AnswerT]):
    """The threads; they begin with the first look.  `begin` may be called from any thread, and does not block.

    Tenants take turns, and each has a share of the room: one's thousand dead names do not delay another's first.
    """

    def __init__(self, *, threads: int = THREADS, within: float = WITHIN.total_seconds()) -> None:
        self._count = threads
        self._within = within
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._waiting: Ring[int, tuple[_Look[AnswerT], Task[AnswerT]]] = Ring()
        self._threads: list[threading.Thread] = []
        self._stopped = False

    def begin(self, tasks: Sequence[Task[AnswerT]], done: Done[AnswerT], *, tenant: str = "") -> None:
        """Have all asked; `done` gets the answers, once, from another thread (from this one when there is no room)."""
        look = _Look(len(tasks), time.monotonic() + self._within, done)
        with self._changed:
            if tasks and not self._stopped and self._has_room(tenant, len(tasks)):
                for task in tasks:
                    self._waiting.put(tenant, next(self._numbers), (look, task))
                self._start()
                self._changed.notify(len(tasks))
                return
        done(())

    def _has_room(self, tenant: str, count: int) -> bool:
        return self._waiting.count(tenant) + count <= MOST_EACH and len(self._waiting) + count <= MOST_WAITING

    def stop(self) -> None:
        """Ask no more; threads are daemons, and what they wait for ends within seconds."""
        with self._changed:
            self._stopped = True
            self._waiting = Ring()
            self._changed.notify_all()

    def _start(self) -> None:
        if self._threads:
            return
        for number in range(self._count):
            thread = threading.Thread(target=self._work, name=f"preflight {number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (picked := self._pick()) is not None:
            look, task = picked
            try:
                look.answered(_asked(task, look.end))
            except Exception:  # as below: the thread goes on
                log.exception("answers about names were lost")

    def _pick(self) -> tuple[_Look[AnswerT], Task[AnswerT]] | None:
        with self._changed:
            while not self._stopped:
                if self._waiting:
                    return self._waiting.take_next()[1]
                self._changed.wait()
            return None


def _asked(task: Task[AnswerT], end: float) -> AnswerT | None:
    if time.monotonic() > end:
        return None
    try:
        return task(end)
    except Exception:  # a mistake here must not end the thread, and is no finding about a name
        log.exception("question about a name crashed")
        return None
