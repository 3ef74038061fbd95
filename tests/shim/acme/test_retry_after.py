from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.acme.retry_after import LONGEST, retry_after

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
THEN = "Tue, 24 Nov 2026 12:01:00 GMT"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "³"}, None),
        ({"Retry-After": "0"}, timedelta()),
        ({"Retry-After": " 120 "}, timedelta(minutes=2)),
        ({"Retry-After": "99999999999"}, LONGEST),
        ({"Retry-After": "9" * 30}, None),
        ({"Retry-After": THEN}, timedelta(minutes=1)),
        ({"Retry-After": THEN, "Date": "Tue, 24 Nov 2026 12:00:50 GMT"}, timedelta(seconds=10)),
        ({"Retry-After": THEN, "Date": "Tue, 24 Nov 2026 07:00:50 -0500"}, timedelta(seconds=10)),
        ({"Retry-After": THEN, "Date": "Wed, 25 Nov 2026 12:00:00 GMT"}, timedelta()),
        ({"Retry-After": THEN, "Date": "nonsense"}, timedelta(minutes=1)),
        ({"Retry-After": "Fri, 24 Nov 2056 12:01:00 GMT"}, LONGEST),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 -0100"}, None),
        ({"Retry-After": "Tuesday, 24-Nov-26 12:01:00 GMT"}, timedelta(minutes=1)),
    ],
    ids=str,
)
def test_when_to_ask_again(headers: dict[str, str], expected: timedelta | None) -> None:
    """Seconds or a date, measured on the server's own clock where it tells it; bounded; nonsense is nothing."""
    assert retry_after(headers, NOW) == (None if expected is None else NOW + expected)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.integers(0, 600_000))  # noqa: DTZ001 - made aware below
def test_skew_of_either_clock_does_not_matter(server: datetime, seconds: int) -> None:
    """Whatever time the server thinks it is."""
    told = server.replace(tzinfo=UTC, microsecond=0)
    headers = {
        "Date": format_datetime(told, usegmt=True),
        "Retry-After": format_datetime(told + timedelta(seconds=seconds), usegmt=True),
    }

    assert retry_after(headers, NOW) == NOW + timedelta(seconds=seconds)


@given(st.text(max_size=60))
def test_any_text_is_survived(text: str) -> None:
    """An answer is some moment within bounds, or None."""
    found = retry_after({"Retry-After": text}, NOW)

    assert found is None or NOW <= found <= NOW + LONGEST
