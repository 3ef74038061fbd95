"""Is anything about a Certificate worth telling a person?  Pure, from the object and the clock.

    failing   its issuance failed and has not been mended within `GRACE`; or it gets nowhere for `STUCK`
    limited   the same, because a rate limit of the CA holds it up
    expiring  it should have been renewed long ago; or nobody renews it

| it is told                            | from when on                                                             |
|---------------------------------------|--------------------------------------------------------------------------|
| after a failed attempt                | 15 minutes after the latest failure, or the third failure                |
| of what cannot begin (no issuer, …)   | after 15 minutes; so is what a limit holds up                            |
| of what neither fails nor gets on     | after an hour                                                            |
| when it expires                       | a third of the time from renewal to expiry is left                       |
| when it expires, and is never renewed | 21 days before (a third of the lifetime, where that is less)             |

All of it follows from the objects, so that another process comes to the same.  It is critical once the certificate
that is served has expired, or will within seven days (a tenth of its lifetime, where that is less).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from certs.api.certificate import Certificate, CertificateStatus
from certs.api.meta import Condition, find_condition, is_true

GRACE: Final = timedelta(minutes=15)
STUCK: Final = timedelta(hours=1)
ATTEMPTS: Final = 3
UNRENEWED: Final = timedelta(days=21)
CRITICAL: Final = timedelta(days=7)


class Kind(StrEnum):
    """What is wrong."""

    FAILING = "failing"
    LIMITED = "limited"
    EXPIRING = "expiring"


class Severity(StrEnum):
    """How soon it hurts."""

    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a failure may last, and how long an issuance may take, before it is told."""

    grace: timedelta = GRACE
    stuck: timedelta = STUCK


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with one Certificate, and since when; `expires_at` is that of the certificate in its Secret."""

    kind: Kind
    severity: Severity
    since: datetime
    expires_at: datetime | None


def trouble(certificate: Certificate, now: datetime, patience: Patience, *, is_limited: bool) -> Trouble | None:
    """Return what is worth telling; None for a Certificate that is well, new, or being mended.

    `is_limited`: a limit of the CA holds up its Order at this moment (`certs.decide.limits.is_limited`).
    """
    status = certificate.status
    if certificate.metadata.deletion_timestamp is not None:
        return None
    since = _failing_since(certificate, now, patience, is_limited=is_limited)
    kind = Kind.LIMITED if since is not None and is_limited else Kind.FAILING
    if since is None:
        kind, since = Kind.EXPIRING, expiring_since(status, now)
    if since is None:
        return None
    return Trouble(kind, _severity(status, now), since, status.not_after)


def _failing_since(certificate: Certificate, now: datetime, patience: Patience, *, is_limited: bool) -> datetime | None:
    status = certificate.status
    if status.not_after is not None and status.not_after <= now:
        return status.not_after
    issuing, ready = find_condition(status.conditions, "Issuing"), find_condition(status.conditions, "Ready")
    failed_at = status.last_failure_time
    if failed_at is not None:
        is_old = now - failed_at >= patience.grace or (status.failed_issuance_attempts or 1) >= ATTEMPTS
        return min(failed_at, _not_ready_since(ready) or failed_at) if is_old else None
    if issuing is not None:
        gets_on = is_true(status.conditions, "Issuing") and not is_limited
        allowed = patience.stuck if gets_on else patience.grace
        return _older_than(issuing.last_transition_time, allowed, now)
    return _older_than(_not_ready_since(ready), patience.grace, now)


def _not_ready_since(ready: Condition | None) -> datetime | None:
    return ready.last_transition_time if ready is not None and ready.status != "True" else None


def _older_than(since: datetime | None, allowed: timedelta, now: datetime) -> datetime | None:
    return since if since is not None and now - since >= allowed else None


def expiring_since(status: CertificateStatus, now: datetime) -> datetime | None:
    """Return since when nothing has replaced what should have been renewed long ago; None when all is in time."""
    if status.not_after is None or status.not_before is None:
        return None
    if status.renewal_time is None:
        at = status.not_after - min(UNRENEWED, (status.not_after - status.not_before) / 3)
    else:
        at = status.not_after - (status.not_after - status.renewal_time) / 3
    return at if at <= now else None


def _severity(status: CertificateStatus, now: datetime) -> Severity:
    if status.not_after is None:
        return Severity.WARNING
    lifetime = status.not_after - status.not_before if status.not_before is not None else UNRENEWED
    is_near = status.not_after - now <= min(CRITICAL, lifetime / 10)
    return Severity.CRITICAL if is_near else Severity.WARNING
