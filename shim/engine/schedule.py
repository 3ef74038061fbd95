"""When a key gets its next turn: back-off, and the moment a `Wait` stands for.  Pure.

| how the turn ended                   | next attempt                                          |
|--------------------------------------|-------------------------------------------------------|
| Done                                 | when something changes                                |
| Wait(until)                          | at `until`, looked at again every hour                |
| Transient, an unexpected exception   | 1 s, doubling with jitter up to 5 min                 |
| RateLimited(until)                   | at `until`                                            |
| WaitingForUser                       | when something changes; to be safe after 10 min       |
| Unwatched                            | as Transient                                          |
| Permanent                            | when something changes                                |
| somebody else was faster (409, 404)  | 0.1 s, doubling up to 10 s, with what it looks like now |
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from certs.outcomes import Wait
from shim.engine.reconciler import Lane


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds that double from `first` to `cap`."""

    first: float
    cap: float

    def delay(self, failures: int, draw: float) -> float:
        """Return the delay after the n-th failure in a row (n ≥ 1); `draw`, 0 ≤ draw < 1, spreads it.

        The delay lies between three quarters of the doubled time and the whole of it: what failed
        together, because one thing broke, does not come back together.
        """
        doublings = min(failures - 1, 32)  # far past any cap, and still a number
        return min(self.first * 2.0**doublings, self.cap) * (0.75 + 0.25 * draw)


TRANSIENT: Final = Backoff(first=1.0, cap=300.0)

# The store already holds, or the watch brings within milliseconds, what the other one wrote.
OUTRUN: Final = Backoff(first=0.1, cap=10.0)

# For a key that used all steps of its turn: usually it is large and makes progress (an Ingress of a
# hundred hosts), so it continues soon; if it runs in circles, it does so slowly.
UNFINISHED: Final = Backoff(first=0.1, cap=10.0)

# Long waits are cut: the queue counts on the monotonic clock, and a wall clock that was set forwards
# (a resumed machine, a first NTP answer) is noticed after an hour at the latest.
LONGEST_WAIT: Final = 3600.0

# A missed change must not leave a person hanging for ever; a look at the stores costs nothing.
WAITING_FOR_USER: Final = 600.0

# Who comes back this soon is in the middle of something that is about to succeed: the pauses of a look that
# keeps finding nothing double, and leave this lane by themselves.
_SOON: Final = 2.0

# Polls of a CA or a DNS server are seconds apart; who waits longer waits for a renewal or a re-sync.
_LONGEST_POLL: Final = 300.0

# A decision that waits for a moment in the past is a mistake; it must not become a busy loop.
_WAITED_FOR_THE_PAST: Final = 1.0


class Later(NamedTuple):
    """A turn in `after` seconds, in `lane`."""

    lane: Lane
    after: float


def later(wait: Wait, now: datetime) -> Later:
    """Return when, counted from `now`, a waiting key is to be looked at again."""
    seconds = (wait.until - now).total_seconds()
    if seconds <= 0:
        return Later(Lane.POLL, _WAITED_FOR_THE_PAST)
    if seconds <= _SOON and not wait.patient:
        return Later(Lane.UNDERWAY, seconds)
    lane = Lane.POLL if seconds <= _LONGEST_POLL else Lane.ROUTINE
    return Later(lane, min(seconds, LONGEST_WAIT))
