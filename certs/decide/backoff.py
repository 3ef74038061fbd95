"""How long to stay away from an issuer after failed issuances of one Certificate.

One hour after the first failure, doubling to thirty-two: the CA's limits on failed validations
(five an hour at Let's Encrypt) leave no room for more.  Failures that will pass by themselves never get
here: they keep the Order pending and are retried by their class (`certs.outcomes`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from certs.api.certificate import CertificateStatus


@dataclass(frozen=True, slots=True)
class BackoffLimits:
    """Shortest and longest pause after failed issuances."""

    minimum: timedelta = timedelta(hours=1)
    maximum: timedelta = timedelta(hours=32)


def next_attempt(status: CertificateStatus, limits: BackoffLimits) -> datetime | None:
    """Return the moment before which no new issuance starts, or None when nothing has failed.

    minimum x 2^(attempts-1), within the limits; missing or non-positive attempts count as one.
    """
    if status.last_failure_time is None:
        return None
    attempts = max(status.failed_issuance_attempts or 1, 1)
    # Beyond 2^32 the maximum has long been reached; the cap keeps the power small.
    pause = min(limits.minimum * (1 << min(attempts - 1, 32)), limits.maximum)
    return status.last_failure_time + max(pause, limits.minimum)
