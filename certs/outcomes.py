"""How a turn of work can end: done, wait until a moment, or a failure with a class.

A failure is an exception with a sentence that names cause, object and remedy.  Its class
decides the schedule (design: "a failure has a class, a sentence and a next attempt"):

    Transient       again in seconds, with back-off          network, 5xx, conflict
    RateLimited     again exactly at `until`                 429 and 503 with Retry-After
    WaitingForUser  again when the thing that was wrong changes  missing Secret, issuer not ready
      Unwatched     the same, with back-off: no watch tells       a right that RBAC does not give
    Permanent       not before the object itself changes     rejected identifier, bad configuration
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing to do until something changes."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until` (aware UTC) unless something changes; `why` is for people.

    `patient`: whoever else has something to do goes first then, however soon it is.
    """

    until: datetime
    why: str
    patient: bool = False


Outcome = Done | Wait

DONE = Done()


class Failure(Exception):
    """Base of the four classes; `str()` is the sentence for people, `reason` the CamelCase word for machines."""

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class Transient(Failure):
    """Likely to pass by itself; tried again with back-off."""


class RateLimited(Failure):
    """The other side named the moment of the next attempt."""

    def __init__(self, message: str, *, until: datetime, reason: str = "") -> None:
        super().__init__(message, reason=reason)
        self.until = until


class WaitingForUser(Failure):
    """Somebody must mend something first; a change of it wakes the key."""


class Unwatched(WaitingForUser):
    """Somebody must mend something of which no watch tells, so it is tried again with back-off, as `Transient` is."""


class Permanent(Failure):
    """Will not get better by trying again; a change of the object wakes the key."""
