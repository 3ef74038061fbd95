"""Leader election by a Lease, the rule: what a candidate does next, given what it has seen and when.

    standby ──(free, or not renewed for a whole lease)──> leader ──(not renewed in time, or taken)──> standby
                                                             └──(stopped: released)

No clock is compared with another machine's.  A standby measures, on its own monotonic clock, for how
long the Lease has not changed (client-go's way); the leader gives up well before that can be a whole lease.
"""

from __future__ import annotations

from dataclasses import dataclass

from certs.api.core import Lease


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """In seconds, cert-manager's defaults.  A request gets half of what is between `renew_within` and `lease_for`."""

    lease_for: float = 60
    renew_within: float = 40
    renew_after: float = 15
    retry_after: float = 2  # after a failure


@dataclass(frozen=True, slots=True)
class Sighting:
    """The Lease as last read (None: there is none), and since when it has looked like that, on our monotonic clock."""

    lease: Lease | None
    since: float


@dataclass(frozen=True, slots=True)
class Create:
    """Make the Lease, held by us."""


@dataclass(frozen=True, slots=True)
class Take:
    """Become its holder."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Renew:
    """Stay its holder."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Lose:
    """Stop working: we are the holder no more."""

    why: str


@dataclass(frozen=True, slots=True)
class Sleep:
    """Nothing to do before that moment of the monotonic clock."""

    until: float


Step = Create | Take | Renew | Lose | Sleep


def decide(me: str, sighting: Sighting, renewed_at: float | None, now: float, times: LeaseTimes) -> Step:
    """Return the next step; `renewed_at` is when our last successful renewal was sent, None for a standby."""
    if renewed_at is not None and now - renewed_at >= times.renew_within:
        return Lose(f"not renewed within {times.renew_within:g} s")
    if sighting.lease is None:
        return Create()
    spec = sighting.lease.spec
    if spec.holder_identity == me:
        due_at = now if renewed_at is None else renewed_at + times.renew_after
        return Renew(sighting.lease) if now >= due_at else Sleep(due_at)
    if renewed_at is not None:
        return Lose(f"taken by {spec.holder_identity}" if spec.holder_identity else "released by somebody else")
    free_at = sighting.since + (spec.lease_duration_seconds or times.lease_for)
    if not spec.holder_identity or now >= free_at:
        return Take(sighting.lease)
    return Sleep(min(now + times.renew_after, free_at))
