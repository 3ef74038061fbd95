"""What the engine did so far, in numbers that only grow; metrics read them when somebody asks."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class Figures:
    """A copy of the counters; all but the turns are by controller, times are in seconds."""

    turns: Mapping[tuple[str, Ending], int]
    steps: Mapping[str, int]
    busy_for: Mapping[str, float]
    waited_for: Mapping[str, float]


class Tally:
    """The counters.  May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: Counter[tuple[str, Ending]] = Counter()
        self._steps: Counter[str] = Counter()
        self._busy_for: dict[str, float] = {}
        self._waited_for: dict[str, float] = {}

    def turn(self, controller: str, ending: Ending, *, steps: int, busy_for: float, waited_for: float) -> None:
        """Count one turn; `busy_for` and `waited_for` in seconds."""
        with self._lock:
            self._turns[controller, ending] += 1
            self._steps[controller] += steps
            self._busy_for[controller] = self._busy_for.get(controller, 0.0) + busy_for
            self._waited_for[controller] = self._waited_for.get(controller, 0.0) + waited_for

    def figures(self) -> Figures:
        """Return the counters as they are now."""
        with self._lock:
            return Figures(dict(self._turns), dict(self._steps), dict(self._busy_for), dict(self._waited_for))
