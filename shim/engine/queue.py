"""The one queue of a process: every key of every controller, each at most once, each at most in one hand.

             add                 due              get
    unknown ─────> delayed ────────────> ready ─────────> running
                      │  add (earlier)     ^                 │ done
                      └────────────────────┤  asked for      │
                                           └─────────────────┴───> unknown
                                             meanwhile

A key in any of these states that is added again is the same key: the better lane and the earlier
moment win, nothing else changes.  Added while it runs, it runs again afterwards, so a change that
comes between `observe` and the end of the turn is never lost.  Which of the ready keys goes first is
decided in `lanes`; how long a failing key is put off, in `schedule`.

Costs: O(log delayed) for a delay, O(1) for the rest, never a walk over all keys.  Memory is a few
words for each key that is delayed, ready, running or failing; the heap's leftovers from overtaken
delays are swept when they outnumber the rest.

Time is the injected monotonic clock, in seconds.  All methods may be called from any thread.
"""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from shim.engine.lanes import LEVEL_NAMES, Lanes, level_of
from shim.engine.reconciler import Key, Lane
from shim.engine.schedule import Backoff

# Below this the sweep would cost more than the leftovers.
_SWEEP_FROM: Final = 64


class Picked(NamedTuple):
    """A key that is now in the caller's hand, until `done`; how many seconds it has waited, and on which level."""

    key: Key
    waited: float
    level: str


@dataclass(frozen=True, slots=True)
class Depth:
    """How full the queue is: keys per level (each lane, and sunk), the oldest's wait in seconds, the others."""

    ready: tuple[int, ...]
    oldest: float
    delayed: int
    running: int
    failing: int


class _Wake(NamedTuple):
    """A wish for a turn."""

    lane: Lane
    at: float

    def merged(self, other: _Wake) -> _Wake:
        return _Wake(min(self.lane, other.lane), min(self.at, other.at))


class WorkQueue:
    """Keys to be worked on; `draw` (0 ≤ draw() < 1) spreads the back-off."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, draw: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._draw = draw
        self._changed = threading.Condition()
        self._stopped = False
        self._ready = Lanes()
        self._delayed: dict[Key, _Wake] = {}
        self._heap: list[tuple[float, Key]] = []  # an item counts if the key is delayed to that very moment
        self._running: dict[Key, _Wake | None] = {}  # with what was asked for meanwhile
        self._holders: dict[Key, int] = {}  # the thread that has the key in hand
        self._failures: dict[Key, int] = {}

    def add(self, key: Key, lane: Lane = Lane.FRESH, *, after: float = 0.0) -> None:
        """Ask for a turn in `after` seconds; what was asked before stays if it was for sooner or in a better lane."""
        with self._changed:
            self._add(key, _Wake(lane, self._clock() + max(after, 0.0)))

    def wake(self, key: Key, lane: Lane = Lane.FRESH) -> None:
        """Ask for a turn now because something changed, unless the change is the key's own doing.

        A thread that holds the key and writes hears of its write at once (the answer goes into the store):
        it observes again anyway, or has just scheduled the next attempt, which must not be undone by
        the very status that tells of it.

        Not for a change that others may have a part in (a new generation, a deletion): an answer to our
        write of the status may bring it, and nobody would hear of it again.  That is for `add`.
        """
        with self._changed:
            if self._holders.get(key) != threading.get_ident():
                self._add(key, _Wake(lane, self._clock()))

    def get(self) -> Picked | None:
        """Block until a key is due and take it in hand; None: the queue is stopped."""
        with self._changed:
            while not self._stopped:
                if picked := self._pick():
                    return picked
                # Every waiting thread sleeps until the earliest delay, and `_delay` wakes them all
                # when that becomes earlier: none of them is "the one who watches the clock" and may be busy.
                self._changed.wait(self._heap[0][0] - self._clock() if self._heap else None)
            return None

    def take(self) -> Picked | None:
        """Take a due key in hand without blocking; None: none is due, or the queue is stopped."""
        with self._changed:
            return None if self._stopped else self._pick()

    def done(self, key: Key) -> None:
        """Let go of a key; if it was added meanwhile it waits again."""
        with self._changed:
            self._holders.pop(key, None)
            if wake := self._running.pop(key):
                self._add(key, wake)

    def retry(self, key: Key, backoff: Backoff, *, at_least: float = 0.0) -> float:
        """Count a failure and ask for a turn after its back-off; return the seconds until then."""
        with self._changed:
            after = max(backoff.delay(self._failed(key), self._draw()), at_least)
            self._add(key, _Wake(Lane.POLL, self._clock() + after))
            return after

    def failed(self, key: Key) -> None:
        """Count a failure, and leave it to the caller or to a change to ask for the next turn."""
        with self._changed:
            self._failed(key)

    def failures(self, key: Key) -> int:
        """Return how often in a row a key has failed."""
        with self._changed:
            return self._failures.get(key, 0)

    def forget(self, key: Key) -> None:
        """Forget the failures of a key: it worked, or is gone.  Its turns stay as they were asked for."""
        with self._changed:
            self._failures.pop(key, None)

    def stop(self) -> None:
        """Hand out no more keys, and wake everyone who waits for one."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    def running(self) -> tuple[Key, ...]:
        """Return the keys that are in somebody's hand."""
        with self._changed:
            return tuple(self._running)

    def depth(self) -> Depth:
        """Return the figures for metrics."""
        with self._changed:
            now = self._clock()
            self._wake_due(now)
            oldest = self._ready.oldest()
            return Depth(
                ready=self._ready.sizes(),
                oldest=0.0 if oldest is None else now - oldest,
                delayed=len(self._delayed),
                running=len(self._running),
                failing=len(self._failures),
            )

    def _add(self, key: Key, wake: _Wake) -> None:
        if key in self._running:
            asked = self._running[key]
            self._running[key] = asked.merged(wake) if asked else wake
        elif key in self._ready:
            self._make_ready(key, wake.lane, wake.at)
        else:
            delayed = self._delayed.get(key)
            merged = delayed.merged(wake) if delayed else wake
            if merged.at <= self._clock():
                self._make_ready(key, merged.lane, merged.at)
                if delayed:
                    del self._delayed[key]
                    self._sweep()
            else:
                self._delay(key, merged)

    def _make_ready(self, key: Key, lane: Lane, since: float) -> None:
        self._ready.put(key, level_of(lane, self._failures.get(key, 0)), since)
        self._changed.notify()

    def _delay(self, key: Key, wake: _Wake) -> None:
        delayed = self._delayed.get(key)
        self._delayed[key] = wake
        if delayed and delayed.at == wake.at:
            return
        heapq.heappush(self._heap, (wake.at, key))
        if self._heap[0] == (wake.at, key):
            self._changed.notify_all()
        self._sweep()

    def _sweep(self) -> None:
        if len(self._heap) > _SWEEP_FROM + 2 * len(self._delayed):
            self._heap = [(delay.at, key) for key, delay in self._delayed.items()]
            heapq.heapify(self._heap)

    def _wake_due(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now:
            at, key = heapq.heappop(self._heap)
            wake = self._delayed.get(key)
            if wake and wake.at == at:
                del self._delayed[key]
                self._make_ready(key, wake.lane, at)

    def _pick(self) -> Picked | None:
        now = self._clock()
        self._wake_due(now)
        picked = self._ready.pick()
        if picked is None:
            return None
        key, since, level = picked
        self._running[key] = None
        self._holders[key] = threading.get_ident()
        return Picked(key, now - since, LEVEL_NAMES[level])

    def _failed(self, key: Key) -> int:
        self._failures[key] = self._failures.get(key, 0) + 1
        return self._failures[key]
