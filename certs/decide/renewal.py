"""When a certificate is to be renewed.

    suggested        the moment that the CA suggests (`certs.decide.ari`), where it does
    desired moment   renewBefore, or that percentage of the lifetime, before expiry; else after two thirds of it, or
                     after half of one that an ACME CA makes shorter than ten days
    clamped          what would have it renewed for ever counts as a third of the granted lifetime, and is said
    windows          the moment that fits `spec.renewal.windows`, else the desired one and an error

A certificate is renewed for ever when the desired moment is not after its issuance: `renewBefore` is as long as what
the issuer really granted, or as what was left of that (CAs date notBefore back, by an hour mostly).  The incumbent
looks at the whole lifetime only.  What cannot be read or is not positive, which only an object stored without
admission has, counts as absent: renewed too early is better than expired.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from certs.api.certificate import CertificateSpec
from certs.decide.effects import Tell
from certs.decide.windows import Span, UnreadableWindow, fitting, read_windows
from certs.durations import Duration, parse_duration

CLAMPED: Final = "RenewBeforeClamped"
SHORT_LIVED: Final = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class RenewalPlan:
    """The UTC moment (whole seconds) at which renewal becomes due, None when never by time.

    `remark` is a warning for people, that not their `renewBefore` counts; `error` says why no window fits, and then
    `at` is the moment without windows.
    """

    at: datetime | None
    remark: Tell | None = None
    error: str = ""


def plan_renewal(
    not_before: datetime,
    not_after: datetime,
    spec: CertificateSpec,
    issued_at: datetime | None = None,
    *,
    suggested: datetime | None = None,
    by_acme: bool = False,
) -> RenewalPlan:
    """Return when and how a certificate is renewed; without `issued_at` it counts as issued at its notBefore.

    A suggested moment from before the issuance does not count: it would come again and again.
    """
    renewal = spec.renewal
    if renewal is not None and renewal.policy == "Disabled":
        return RenewalPlan(None)
    issued_at = max(not_before, issued_at or not_before)
    if suggested is not None and suggested > issued_at:
        desired, remark = suggested, None
    else:
        usual = _usual(not_after - not_before, by_acme=by_acme)
        desired, remark = _desired(not_before, not_after, spec, issued_at, usual)
    if renewal is None or not renewal.windows:
        return RenewalPlan(desired, remark)
    try:
        windows = read_windows(renewal.windows, issued_at)
    except UnreadableWindow as error:
        return RenewalPlan(desired, remark, str(error))
    at = fitting(windows, Span(issued_at, desired, not_after))
    if at is None:
        return RenewalPlan(desired, remark, _no_window(not_before, not_after, desired))
    return RenewalPlan(at, remark)


def moment_text(moment: datetime) -> str:
    """Return the moment as Go prints it, which is the form in the API's messages."""
    return f"{moment:%Y-%m-%d %H:%M:%S} +0000 UTC"


def _desired(
    not_before: datetime, not_after: datetime, spec: CertificateSpec, issued_at: datetime, usual: timedelta
) -> tuple[datetime, Tell | None]:
    """Return the moment without windows, and what is to be said about it."""
    lifetime = not_after - not_before
    refused = ""
    for said, before in _wishes(spec, lifetime):
        desired = _whole(not_after - before)
        if desired > issued_at:
            return desired, _remark(refused, not_after - issued_at, before) if refused else None
        refused = refused or said
    if not_after - usual <= issued_at < not_after:  # most of the lifetime had passed when it was issued
        usual = (not_after - issued_at) / 3
    return _whole(not_after - usual), _remark(refused, not_after - issued_at, usual) if refused else None


def _usual(lifetime: timedelta, *, by_acme: bool) -> timedelta:
    """Return how long before expiry when nobody says (Let's Encrypt's integration guide for the short ones)."""
    return lifetime / 2 if by_acme and lifetime < SHORT_LIVED else lifetime / 3


def _wishes(spec: CertificateSpec, lifetime: timedelta) -> list[tuple[str, timedelta]]:
    """Return how long before expiry the spec wants it, in the order of their weight, each with what to call it."""
    wishes = []
    before = _readable(spec.renew_before)
    if before > timedelta(0):
        wishes.append((f"renewBefore {spec.renew_before}", before))
    percentage = spec.renew_before_percentage
    if percentage is not None and percentage > 0:
        share = lifetime * min(percentage, 100) / 100  # more than all of it is no longer than all: both never fit
        wishes.append((f"renewBeforePercentage {percentage}, {Duration.of(_whole_seconds(share))},", share))
    return wishes


def _remark(said: str, left: timedelta, before: timedelta) -> Tell:
    """Return the warning, with the numbers and what to do."""
    lived, counts = Duration.of(_whole_seconds(max(left, timedelta(0)))), Duration.of(_whole_seconds(before))
    message = (
        f"{said} is not less than the {lived} that the issued certificate is valid, so it would be renewed for ever; "
        f"it is renewed {counts} before expiry instead. Write a shorter renewBefore, or have the issuer grant a longer "
        f"duration"
    )
    return Tell(CLAMPED, message, "Warning")


def _no_window(not_before: datetime, not_after: datetime, desired: datetime) -> str:
    """Return the API's sentence, and what to do."""
    between = f"between {moment_text(not_before)} and {moment_text(not_after)}"
    remedy = "open windows more often, or ask for a longer duration"
    return f"cannot find a time with the given windows {between} for: {moment_text(desired)}; {remedy}"


def _readable(renew_before: str | None) -> timedelta:
    try:
        return parse_duration(renew_before or "0").timedelta
    except ValueError:
        return timedelta(0)


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _whole_seconds(span: timedelta) -> timedelta:
    return timedelta(seconds=span // timedelta(seconds=1))
