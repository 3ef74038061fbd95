"""Where a renewal falls when it may happen in certain windows only: [start, start + windowDuration) of a cron schedule.

    desired inside a window ──> desired
    else the next window's start, if that leaves room before expiry
    else the latest window before, shortly before it closes, if the certificate is not too young then
    else the next window's start, late as it is, while it is before expiry
    else no window fits

The order is the API's as it is shipped: it goes forward first (its proposal and comments say the opposite), so
a certificate that is taken over in the days after its desired moment is not renewed outside of its windows.
Going back, and leaving room, is ours: there a window may open after expiry.

Starts are looked for with `next_after` alone, a few dozen times at most, whatever the expression and the lifetime.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from certs.api.certificate import RenewalWindow
from certs.cron import YEARS_AHEAD, Every, InvalidCron, parse_cron
from certs.durations import parse_duration

# Of the way from the desired moment to expiry, this share is kept for attempts that fail; and of the way from
# the issuance to the desired moment, this share has to be gone before a window comes that is worth renewing in.
ROOM: Final = 10
# A renewal at the end of a window begins so much before it closes, or a tenth of the window before.
BEFORE_CLOSING: Final = timedelta(minutes=5)
# Cron looks no further ahead, so neither do we look further back.
HORIZON: Final = timedelta(days=365 * YEARS_AHEAD)
SECOND: Final = timedelta(seconds=1)
# A leap day costs ten milliseconds in the worst case, and an object has room for twenty thousand windows.
MOST_WINDOWS: Final = 100


class Schedule(Protocol):
    """When windows open."""

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first start strictly after that moment, or None when none comes in time."""
        ...


@dataclass(frozen=True, slots=True)
class Window:
    """When it opens, and for how long."""

    schedule: Schedule
    duration: timedelta


@dataclass(frozen=True, slots=True)
class Span:
    """The life of a certificate: when it was issued, when it should be renewed, when it expires."""

    issued_at: datetime
    desired: datetime
    not_after: datetime


class UnreadableWindow(ValueError):
    """Windows that cannot be looked at, mostly of an object stored without admission; `str()` names which, and why."""


def read_windows(windows: Sequence[RenewalWindow], anchor: datetime) -> tuple[Window, ...]:
    """Return the windows of a spec; `@every` counts from the anchor.  Raises `UnreadableWindow` at the first bad."""
    if len(windows) > MOST_WINDOWS:
        raise UnreadableWindow(
            f"renewal.windows: no more than {MOST_WINDOWS} are looked at, and there are {len(windows)}"
        )
    return tuple(_read(index, window, anchor) for index, window in enumerate(windows))


def fitting(windows: Iterable[Window], span: Span) -> datetime | None:
    """Return the moment at which to renew, None when no window fits."""
    windows = tuple(windows)
    if any(_is_open(window, span.desired) for window in windows):
        return span.desired
    later = min(_starts_after(windows, span), default=None)
    if later is not None and later <= span.not_after - (span.not_after - span.desired) / ROOM:
        return later
    return max(_ends_before(windows, span), default=later)


def latest_start(schedule: Schedule, after: datetime, until: datetime) -> datetime | None:
    """Return the last start in (after, until], by halving what lies between; None when there is none.

    Looks back five years at most.  Starts are a second apart at least, whole minutes but for `@every`.
    """
    after = max(after, until - HORIZON)
    last = _next(schedule, after)
    if last is None or last > until:
        return None
    none_after = until
    while none_after - last > SECOND:
        middle = last + (none_after - last) / 2
        start = _next(schedule, middle)
        if start is None or start > until:
            none_after = middle
        else:
            last = start
    # What is left is at most a second behind the last known start; only its end can be another.
    final = _next(schedule, last)
    return final if final is not None and final <= until else last


@dataclass(frozen=True, slots=True)
class _Repeated:
    """`@every`, which says how often and not when, counted from a moment."""

    delay: timedelta
    anchor: datetime

    def next_after(self, moment: datetime) -> datetime | None:
        return self.anchor + ((moment - self.anchor) // self.delay + 1) * self.delay


def _read(index: int, window: RenewalWindow, anchor: datetime) -> Window:
    try:
        schedule = parse_cron(window.cron, window.timezone)
        duration = parse_duration(window.window_duration).timedelta
    except InvalidCron as error:
        raise UnreadableWindow(f"renewal.windows[{index}]: cannot parse cron {window.cron!r}: {error}") from error
    except ValueError as error:
        raise UnreadableWindow(f"renewal.windows[{index}]: windowDuration: {error}") from error
    if duration <= timedelta(0):
        detail = f"windowDuration must be positive, and is {window.window_duration}"
        raise UnreadableWindow(f"renewal.windows[{index}]: {detail}")
    return Window(_Repeated(schedule.delay, anchor) if isinstance(schedule, Every) else schedule, duration)


def _is_open(window: Window, moment: datetime) -> bool:
    """Is there a start within the window's length before the moment?"""
    start = _next(window.schedule, moment - window.duration)
    return start is not None and start <= moment


def _starts_after(windows: Iterable[Window], span: Span) -> Iterator[datetime]:
    for window in windows:
        start = _next(window.schedule, span.desired)
        if start is not None and start < span.not_after:
            yield start


def _ends_before(windows: Iterable[Window], span: Span) -> Iterator[datetime]:
    """Yield the last useful moment of each schedule's latest window that is over at the desired moment."""
    young_until = span.issued_at + (span.desired - span.issued_at) / ROOM
    for window in windows:
        start = latest_start(window.schedule, young_until - window.duration, span.desired)
        if start is None:
            continue
        moment = start + window.duration - min(BEFORE_CLOSING, window.duration / 10)
        moment = max(start, moment.replace(microsecond=0))
        if moment >= young_until:
            yield moment


def _next(schedule: Schedule, moment: datetime) -> datetime | None:
    """Return the next start; None at the end of the calendar, too (RFC 5280 §4.1.2.5: notAfter may be 9999-12-31)."""
    try:
        return schedule.next_after(moment)
    except (OverflowError, ValueError):
        return None
