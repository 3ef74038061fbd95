"""The smallest controller: an object is a number that is counted up to a goal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from certs.outcomes import DONE, Failure, Outcome


@dataclass(frozen=True, slots=True)
class Counted:
    """How far an object has been counted."""

    at: int


@dataclass(frozen=True, slots=True)
class Count:
    """The step: to the next number."""

    to: int
    secret: str = "-----BEGIN PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class Told:
    """What was reported about a failure."""

    failure: Failure
    retry_at: datetime | None


def counts_up(objects: dict[str, int], name: str, step: Count) -> None:
    """Act as one should: afterwards the object is where the step wanted it."""
    objects[name] = step.to


@dataclass
class Counter:
    """Counts every object up to `goal`; `acts` and `ends` can be replaced to misbehave."""

    objects: dict[str, int]
    goal: int = 3
    name: str = "counter"
    acts: Callable[[dict[str, int], str, Count], None] = counts_up
    ends: Callable[[datetime], Outcome] = lambda _now: DONE
    told: list[Told] = field(default_factory=list)

    def observe(self, namespace: str, name: str) -> tuple[str, Counted] | None:
        return (name, Counted(self.objects[name])) if name in self.objects else None

    def decide(self, observed: tuple[str, Counted], now: datetime) -> Count | Outcome:
        at = observed[1].at
        return Count(at + 1) if at < self.goal else self.ends(now)

    def act(self, observed: tuple[str, Counted], step: Count, now: datetime) -> None:
        self.acts(self.objects, observed[0], step)

    def report(self, observed: tuple[str, Counted], failure: Failure, retry_at: datetime | None, now: datetime) -> None:
        self.told.append(Told(failure, retry_at))
