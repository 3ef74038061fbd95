"""What the engine did so far, in numbers that only grow; metrics read them when somebody asks."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import Final


class Ending(StrEnum):
    """How a turn ended."""

    DONE = "done"
    WAIT = "wait"
    GONE = "gone"  # nothing to observe
    OUTRUN = "outrun"  # somebody else changed the object first
    TRANSIENT = "transient"
    RATE_LIMITED = "rate-limited"
    WAITING_FOR_USER = "waiting-for-user"
    PERMANENT = "permanent"
    CRASHED = "crashed"  # an exception nobody expected; treated as transient
    CIRCLING = "circling"  # the same step twice on the same state
    UNFINISHED = "unfinished"  # more steps than one turn has
    STOPPED = "stopped"  # between two steps, because the process ends


OTHER: Final = "other"
MOST_REASONS: Final = 200  # ours and those of ACME are some eighty, each with one class or two
# A key that waits for milliseconds is what should be; for minutes, somebody has a flood.
WAITS: Final = (0.001, 0.01, 0.1, 1.0, 10.0, 60.0, 600.0)


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations in seconds: how many were at most as long as each bound, the last one without bound; and their sum."""

    at_most: tuple[int, ...]
    total: float


class Timings:
    """Durations counted by labels and bounds.  May be used from any thread; the labels are the caller's to bound."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, ...], tuple[list[int], float]] = {}

    def add(self, seconds: float, *labels: str) -> None:
        """Count one duration."""
        with self._lock:
            counts, total = self._counts.get(labels) or ([0] * (len(self.bounds) + 1), 0.0)
            counts[bisect_left(self.bounds, seconds)] += 1
            self._counts[labels] = (counts, total + seconds)

    def timings(self) -> Mapping[tuple[str, ...], Timing]:
        """Return what was counted until now."""
        with self._lock:
            return {
                labels: Timing(tuple(accumulate(counts)), total) for labels, (counts, total) in self._counts.items()
            }


@dataclass(frozen=True, slots=True)
class Figures:
    """A copy of the counters; all but the turns are by controller, times are in seconds.

    `failures` are by ending and reason, `waits` by level of the queue.
    """

    turns: Mapping[tuple[str, Ending], int]
    failures: Mapping[tuple[Ending, str], int]
    waits: Mapping[tuple[str, ...], Timing]
    steps: Mapping[str, int]
    busy_for: Mapping[str, float]
    waited_for: Mapping[str, float]


class Tally:
    """The counters.  May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: Counter[tuple[str, Ending]] = Counter()
        self._failures: Counter[tuple[Ending, str]] = Counter()
        self._waits = Timings(WAITS)
        self._steps: Counter[str] = Counter()
        self._busy_for: dict[str, float] = {}
        self._waited_for: dict[str, float] = {}

    def turn(
        self,
        controller: str,
        ending: Ending,
        *,
        steps: int,
        busy_for: float,
        waited_for: float,
        level: str,
        reason: str = "",
    ) -> None:
        """Count one turn; times in seconds, `level` is where its key has waited, `reason` why it failed if it did.

        Reasons may be the words of a server: after `MOST_REASONS` different ones, a new one is counted as `other`.
        """
        self._waits.add(waited_for, level)
        with self._lock:
            self._turns[controller, ending] += 1
            if reason:
                known = (ending, reason) in self._failures or len(self._failures) < MOST_REASONS
                self._failures[ending, reason if known else OTHER] += 1
            self._steps[controller] += steps
            self._busy_for[controller] = self._busy_for.get(controller, 0.0) + busy_for
            self._waited_for[controller] = self._waited_for.get(controller, 0.0) + waited_for

    def figures(self) -> Figures:
        """Return the counters as they are now."""
        waits = self._waits.timings()
        with self._lock:
            return Figures(
                dict(self._turns),
                dict(self._failures),
                waits,
                dict(self._steps),
                dict(self._busy_for),
                dict(self._waited_for),
            )
