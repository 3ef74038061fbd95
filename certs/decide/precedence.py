"""Which first issuances begin first: those of names at which somebody answers.

    new, over HTTP ──LookAhead──> somebody answers at each name, or it is not known in time ──> begins
                        ^  └─ nobody does ──> its turn, 50 ms after the one before it ──> begins
                        │                        │ others are under way, and one like it began within 3 s
                        └────────────────────────┘

An issuance that cannot end costs as much as one that can, until it is at the point where nothing comes back: a key, an
order, a dozen writes.  Two hundred names whose DNS is not there yet, at the same moment as twenty that work, would make
these take several times as long as alone.  So they let the others go first, and one after another begins when nobody
else is under way; nothing is refused, and a name alone waits for nothing but the look.

A look is the name's DNS and a connection, no request.  What is seen from here may be wrong: a cluster that cannot
reach its own load balancer sees nobody anywhere.  So it decides on the order alone, and that nobody answers counts no
more once such a name was proven.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from certs.outcomes import Wait

# A name that works is known to within some milliseconds, and a look takes one second; whoever looks on a machine that
# is so busy that it takes longer is not kept waiting for it.
WITHIN: Final = timedelta(seconds=3)
# One such issuance takes some 0.15 s of CPU in all processes together, and is told of by the Challenge.
APART: Final = timedelta(milliseconds=50)
# How long others go first before it is looked at again.
BEHIND: Final = timedelta(seconds=2)
# However much others have under way: one begins in this time, so that nobody waits for ever.  It is what twenty others
# take on an idle machine; where they take longer, each that begins among them makes it longer still.
ONE_IN: Final = timedelta(seconds=3)
# What has not ended by then waits for somebody, and nobody waits for it.  It takes seconds with a public CA, and more
# on a machine that is busy.
UNDER_WAY_FOR: Final = timedelta(minutes=1)
# Whose turn takes longer than this to come is told, by Ready=False, that it is known.
TELL_AFTER: Final = timedelta(seconds=5)


class Sight(StrEnum):
    """What was seen at a name."""

    SOMEBODY = "somebody answers"
    NOBODY = "nobody answers"  # from here
    NOWHERE = "the name leads nowhere"


@dataclass(frozen=True, slots=True)
class Prospect:
    """What this process knows of the names of a Certificate that was never issued; at first nothing.

    `turn_at` is its turn, where nobody answers at one of them; it has to `yield_until` then, for as long as others are
    under way.
    """

    since: datetime | None = None
    asked_at: datetime | None = None
    answered: bool = False
    turn_at: datetime | None = None
    yield_until: datetime | None = None
    begun: bool = False

    @property
    def is_good(self) -> bool:
        """Will it begin at once, as far as is known?"""
        return self.begun or (self.answered and self.turn_at is None)


@dataclass(frozen=True, slots=True)
class LookAhead:
    """Have it looked at, in the background, whether anybody answers at the names."""


def before_beginning(prospect: Prospect | None, now: datetime) -> LookAhead | Wait | None:
    """Return what comes before a first issuance, or None when it may begin; None for a prospect: none is needed."""
    if prospect is None or prospect.is_good:
        return None
    if prospect.asked_at is None:
        return LookAhead()
    if prospect.turn_at is None:
        known_at = prospect.asked_at + WITHIN
        return Wait(known_at, "its names are looked at", patient=True) if now < known_at else None
    if now < prospect.turn_at:
        return Wait(prospect.turn_at, "nobody answers at one of its names, so others go first", patient=True)
    return LookAhead() if prospect.yield_until is not None and now < prospect.yield_until else None


def is_told(prospect: Prospect | None, now: datetime) -> bool:
    """Has it waited for so long that its status is to say something?"""
    return prospect is not None and prospect.since is not None and now >= prospect.since + TELL_AFTER


def looking(prospect: Prospect, turn_at: datetime | None, now: datetime) -> Prospect:
    """Return what is known when the names are looked at; `turn_at` is when it goes on if nobody answers again."""
    return Prospect(since=prospect.since or now, asked_at=now, turn_at=turn_at)


def is_doubtful(seen: tuple[Sight, ...], *, blind: bool) -> bool:
    """Will it end in nothing, as far as can be seen?  `blind`: that nobody answers says nothing here."""
    return any(one is Sight.NOWHERE or (one is Sight.NOBODY and not blind) for one in seen)
