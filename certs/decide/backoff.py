"""How long to stay away from an issuer after failed issuances of one Certificate.

One hour after the first failure, doubling to thirty-two, as the flags say.  Where the Order of the failed request
tells what it failed by, that counts instead:

    Setback.PROOF    a name could not be proven         1, 10, 100 minutes, then daily
    Setback.REFUSAL  the CA will not issue as it stands  once a day, or when the spec changes

The ladder is Let's Encrypt's advice for clients that fail ("Integration Guide", retries): the first steps
are for what somebody is about to mend, and three attempts within two hours stay within its five failures an hour.
A refusal would only be repeated; once a day is for what is mended outside of the cluster, as CAA records are.

Failures that will pass by themselves never get here: they keep the Order pending and are retried by their
class (`certs.outcomes`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from certs.api.certificate import CertificateStatus
from certs.decide.pauses import doubled

DAILY: Final = timedelta(days=1)
LADDER: Final = (timedelta(minutes=1), timedelta(minutes=10), timedelta(minutes=100), DAILY)


class Setback(Enum):
    """What an ACME issuance has failed by."""

    PROOF = auto()
    REFUSAL = auto()


@dataclass(frozen=True, slots=True)
class BackoffLimits:
    """Shortest and longest pause after failed issuances."""

    minimum: timedelta = timedelta(hours=1)
    maximum: timedelta = timedelta(hours=32)


def next_attempt(status: CertificateStatus, limits: BackoffLimits, setback: Setback | None = None) -> datetime | None:
    """Return the moment before which no new issuance starts, or None when nothing has failed.

    Without a known setback: minimum x 2^(attempts-1), within the limits.  Missing or non-positive attempts
    count as one.
    """
    if status.last_failure_time is None:
        return None
    return status.last_failure_time + _pause(max(status.failed_issuance_attempts or 1, 1), limits, setback)


def _pause(attempts: int, limits: BackoffLimits, setback: Setback | None) -> timedelta:
    match setback:
        case Setback.PROOF:
            return LADDER[min(attempts, len(LADDER)) - 1]
        case Setback.REFUSAL:
            return DAILY
        case None:
            # Beyond 2^32 the maximum has long been reached; the cap keeps the power small.
            pause = doubled(limits.minimum, attempts - 1, limits.maximum)
            return max(pause, limits.minimum)
