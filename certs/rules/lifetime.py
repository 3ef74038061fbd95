"""Certificate: how long it lives, and when it is renewed (cert-manager, `internal/apis/certmanager/validation`)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from certs.api.certificate import CertificateSpec, RenewalWindow
from certs.cron import InvalidCron, parse_cron
from certs.durations import Duration, parse_duration
from certs.problems import Path, Problems
from certs.rules.findings import Undecodable
from certs.timezones import UnknownTimeZone, time_zone

SPEC: Final = Path("spec")
MIN_DURATION: Final = timedelta(hours=1)
MIN_RENEW_BEFORE: Final = timedelta(minutes=5)
MICROSECOND: Final = timedelta(microseconds=1)
DEFAULT_DURATION: Final = "2160h"
RENEWAL_POLICIES: Final = ("Disabled", "RenewBefore")
CRON_FORM: Final = "cron needs to follow: cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow"


def check_lifetime(spec: CertificateSpec, problems: Problems) -> None:
    """Long enough, and renewed within it.  Only looked at when duration or renewBefore is set, as the API does."""
    duration = _duration(spec.duration)
    before = _duration(spec.renew_before)
    if before is not None and spec.renew_before_percentage is not None:
        detail = "renewBefore and renewBeforePercentage are mutually exclusive and cannot both be set"
        problems.invalid(SPEC / "renewBefore", before.nanoseconds, detail, remedy="remove one of the two")
        problems.invalid(SPEC / "renewBeforePercentage", spec.renew_before_percentage, detail)
    if duration is None and before is None:
        return
    effective = duration or parse_duration(DEFAULT_DURATION)
    if effective.timedelta < MIN_DURATION:
        detail = "certificate duration must be greater than 1h0m0s"
        problems.invalid(
            SPEC / "duration", effective.nanoseconds, detail, remedy="write at least 1h, for example 2160h"
        )
    if before is not None:
        _check_renew_before(before, effective, problems)
    if spec.renew_before_percentage is not None:
        _check_percentage(spec.renew_before_percentage, effective, problems)


def _duration(text: str | None) -> Duration | None:
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise Undecodable(str(error)) from error


def _check_renew_before(before: Duration, duration: Duration, problems: Problems) -> None:
    path = SPEC / "renewBefore"
    if before.timedelta < MIN_RENEW_BEFORE:
        detail = "certificate renewBefore must be greater than 5m0s"
        problems.invalid(path, before.nanoseconds, detail, remedy="write at least 5m, for example 720h")
    if before.nanoseconds >= duration.nanoseconds:
        detail = f"certificate duration {duration} must be greater than renewBefore {before}"
        problems.invalid(path, before.nanoseconds, detail, remedy="renew later, or ask for a longer duration")


def _check_percentage(percentage: int, duration: Duration, problems: Problems) -> None:
    """As Go computes it: 32 bits for the difference, 64 for the product, and a quotient without fraction."""
    path = SPEC / "renewBeforePercentage"
    product = _wrapped(duration.nanoseconds * _wrapped(100 - percentage, 32), 64)
    before = abs(product) // 100 * (1 if product >= 0 else -1)
    if before < MIN_RENEW_BEFORE // MICROSECOND * 1000:
        detail = "certificate renewBeforePercentage must result in a renewBefore greater than 5m0s"
        problems.invalid(path, percentage, detail, remedy="write a number from 1 to 99")
    if before >= duration.nanoseconds:
        detail = "certificate renewBeforePercentage must result in a renewBefore less than duration"
        problems.invalid(path, percentage, detail, remedy="write a number from 1 to 99")


def _wrapped(number: int, bits: int) -> int:
    """Return the number as a signed integer of so many bits holds it."""
    return (number + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)


def check_renewal(spec: CertificateSpec, problems: Problems) -> None:
    """A known policy, no windows for renewals that never happen, and windows that open."""
    renewal = spec.renewal
    if renewal is None:
        return
    path = SPEC / "renewal"
    if renewal.policy == "Disabled":
        if renewal.windows:
            problems.forbidden(path / "windows", "windows cannot be set when `renewal.policy` is set to Disabled")
        return
    if renewal.policy != "RenewBefore":
        problems.unsupported(path / "policy", f"unsupported field {_word(renewal.policy)}", RENEWAL_POLICIES)
    for i, window in enumerate(renewal.windows):
        _check_window(path / "windows" @ i, window, problems)


def _check_window(path: Path, window: RenewalWindow, problems: Problems) -> None:
    if not window.window_duration:  # absent; `0s` passes
        detail = "windowDuration must be specified and should be greater than 0"
        problems.required(path / "windowDuration", detail, remedy="write how long the window is open, for example 4h")
    else:
        _duration(window.window_duration)
    zone = window.timezone
    try:
        time_zone(zone)
    except UnknownTimeZone:
        detail = "invalid value for timezone. timezone must be IANA compliant"
        problems.invalid(path / "timezone", zone, detail, remedy="write for example Europe/Berlin")
    try:
        parse_cron(window.cron, zone)
    except InvalidCron as error:
        detail = f"invalid cron syntax: {error}. {CRON_FORM}"
        problems.invalid(path / "cron", window.cron, detail, remedy='write for example "0 3 * * sun"')


def _word(policy: str | None) -> str:
    return policy or ""
