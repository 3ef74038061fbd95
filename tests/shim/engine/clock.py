"""Clocks that stand still until a test moves them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class Clock:
    """A monotonic and a wall clock in one; `wall_jump` is by how much the wall clock was set."""

    seconds: float = 1000.0
    wall_jump: timedelta = timedelta()

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds - 1000.0) + self.wall_jump

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
