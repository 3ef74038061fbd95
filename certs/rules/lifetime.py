"""Certificate: how long it lives, and when it is renewed (cert-manager, `internal/apis/certmanager/validation`)."""

from __future__ import annotations

from typing import Final

from certs.api.certificate import CertificateSpec, RenewalWindow
from certs.cron import InvalidCron, parse_cron
from certs.durations import Duration, parse_duration
from certs.problems import Path, Problems, Word
from certs.rules.durations import read_duration
from certs.timezones import UnknownTimeZone, time_zone

SPEC: Final = Path("spec")
MIN_DURATION: Final = parse_duration("1h")
MIN_RENEW_BEFORE: Final = parse_duration("5m")
DEFAULT_DURATION: Final = parse_duration("2160h")
_INT32: Final = 1 << 32
_INT64: Final = 1 << 64
RENEWAL_POLICIES: Final = ("Disabled", "RenewBefore")
CRON_FORM: Final = "cron needs to follow: cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow"


def check_lifetime(spec: CertificateSpec, problems: Problems) -> None:
    """Long enough, and renewed within it.  Only looked at when duration or renewBefore is set, as the API does."""
    duration = read_duration(spec.duration)
    before = read_duration(spec.renew_before)
    if duration is None and before is None:
        return
    effective = duration or DEFAULT_DURATION
    if effective < MIN_DURATION:
        detail = "certificate duration must be greater than 1h0m0s"
        problems.invalid(
            SPEC / "duration", effective.nanoseconds, detail, remedy="write at least 1h, for example 2160h"
        )
    if before is not None and spec.renew_before_percentage is not None:
        detail = "renewBefore and renewBeforePercentage are mutually exclusive and cannot both be set"
        problems.invalid(SPEC / "renewBefore", before.nanoseconds, detail, remedy="remove one of the two")
        problems.invalid(SPEC / "renewBeforePercentage", spec.renew_before_percentage, detail)
    if before is not None:
        _check_renew_before(before, effective, problems)
    if spec.renew_before_percentage is not None:
        _check_percentage(spec.renew_before_percentage, effective, problems)


def _check_renew_before(before: Duration, duration: Duration, problems: Problems) -> None:
    path = SPEC / "renewBefore"
    if before < MIN_RENEW_BEFORE:
        detail = "certificate renewBefore must be greater than 5m0s"
        problems.invalid(path, before.nanoseconds, detail, remedy="write at least 5m, for example 720h")
    if before >= duration:
        detail = f"certificate duration {duration} must be greater than renewBefore {before}"
        problems.invalid(path, before.nanoseconds, detail, remedy="renew later, or ask for a longer duration")


def _check_percentage(percentage: int, duration: Duration, problems: Problems) -> None:
    """What is left of the duration when so many per cent are taken off, as Go computes it.

    The difference has 32 bits and wraps around; the product is a float, and one that no duration can hold
    becomes the least of all, as on amd64.
    """
    path = SPEC / "renewBeforePercentage"
    share = (100 - percentage + _INT32 // 2) % _INT32 - _INT32 // 2
    before = int(float(duration.nanoseconds) * share / 100)
    if not -_INT64 // 2 <= before < _INT64 // 2:
        before = -_INT64 // 2
    if before < MIN_RENEW_BEFORE.nanoseconds:
        detail = "certificate renewBeforePercentage must result in a renewBefore greater than 5m0s"
        problems.invalid(path, percentage, detail, remedy="write a number from 1 to 99")
    if before >= duration.nanoseconds:
        detail = "certificate renewBeforePercentage must result in a renewBefore less than duration"
        problems.invalid(path, percentage, detail, remedy="write a number from 1 to 99")


def check_renewal(spec: CertificateSpec, problems: Problems) -> None:
    """A known policy, no windows for renewals that never happen, and windows that open."""
    renewal = spec.renewal
    if renewal is None:
        return
    path = SPEC / "renewal"
    policy: str = renewal.policy or ""
    for window in renewal.windows:
        read_duration(window.window_duration or None)
    if policy == "Disabled":
        if renewal.windows:
            problems.forbidden(path / "windows", "windows cannot be set when `renewal.policy` is set to Disabled")
        return
    if policy != "RenewBefore":
        problems.unsupported(path / "policy", Word(policy), RENEWAL_POLICIES)
    for i, window in enumerate(renewal.windows):
        _check_window(path / "windows" @ i, window, problems)


def _check_window(path: Path, window: RenewalWindow, problems: Problems) -> None:
    if not window.window_duration:  # absent; `0s` passes
        detail = "windowDuration must be specified and should be greater than 0"
        problems.required(path / "windowDuration", detail, remedy="write how long the window is open, for example 4h")
    zone = window.timezone
    try:
        time_zone(zone)
    except UnknownTimeZone:
        detail = "invalid value for timezone. timezone must be IANA compliant"
        problems.invalid(path / "timezone", zone, detail, remedy="write for example Europe/Berlin")
    try:
        parse_cron(window.cron, zone)
    except InvalidCron as error:
        detail = f"invalid cron syntax: failed to parse cron spec '{window.cron}': {error}. {CRON_FORM}"
        problems.invalid(path / "cron", window.cron, detail, remedy='write for example "0 3 * * sun"')
