"""When a certificate is to be renewed.  Renewal windows and ARI come with later issues; the clamp is here.

With neither `renewBefore` nor a percentage: after two thirds of the lifetime.  A `renewBefore`
that does not fit the lifetime that the issuer really granted would loop for ever, so it counts
as absent then (the incumbent does the same).  So does one that cannot be read, which only an object
stored without admission has: renewed too early is better than expired.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from certs.api.certificate import CertificateSpec
from certs.durations import parse_duration


def renewal_time(not_before: datetime, not_after: datetime, spec: CertificateSpec) -> datetime | None:
    """Return the UTC moment (whole seconds) at which renewal becomes due; None when renewal by time is disabled.

    `notAfter - X`, where X is `renewBefore` if 0 < renewBefore < lifetime, else that percentage of the
    lifetime if 0 < percentage < 100, else a third of the lifetime.
    """
    if spec.renewal is not None and spec.renewal.policy == "Disabled":
        return None
    return (not_after - _renew_before(not_after - not_before, spec)).replace(microsecond=0)


def _renew_before(lifetime: timedelta, spec: CertificateSpec) -> timedelta:
    wanted = _readable(spec.renew_before)
    if timedelta(0) < wanted < lifetime:
        return wanted
    percentage = spec.renew_before_percentage
    if percentage is not None and 0 < percentage < 100:
        return lifetime * percentage / 100
    return lifetime / 3


def _readable(renew_before: str | None) -> timedelta:
    try:
        return parse_duration(renew_before or "0").timedelta
    except ValueError:
        return timedelta(0)
