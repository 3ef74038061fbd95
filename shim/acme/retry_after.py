"""Retry-After: seconds or an HTTP-date (RFC 9110 §10.2.3), as an aware UTC moment of our own clock.

A date is the server's clock.  When the answer carries a Date too, their difference is what counts,
so a wrong clock on either side shortens or lengthens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST: Final = timedelta(days=8)  # a week is the longest refill of any public CA's limits; beyond it is a mistake


def retry_after(headers: Mapping[str, str], received_at: datetime) -> datetime | None:
    """Return when to ask again, None when the answer does not say or says nonsense.

    >>> retry_after({"Retry-After": "3"}, datetime(2026, 11, 24, tzinfo=UTC)).isoformat()
    '2026-11-24T00:00:03+00:00'
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 12:
        return received_at + min(timedelta(seconds=int(value)), LONGEST)
    until = _date(value)
    if until is None:
        return None
    wait = until - (_date(headers.get("Date", "")) or received_at)
    return received_at + min(max(wait, timedelta()), LONGEST)


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the latter on the last day of the calendar
        return None
