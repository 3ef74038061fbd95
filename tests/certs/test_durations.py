from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.durations import Duration, parse_duration

SECOND = 1_000_000_000
counts = st.integers(-(1 << 63), (1 << 63) - 1)


@pytest.mark.parametrize(
    ("text", "nanoseconds", "written"),
    [
        ("0", 0, "0s"),
        ("-0", 0, "0s"),
        ("2160h", 2160 * 3600 * SECOND, "2160h0m0s"),
        ("90m", 90 * 60 * SECOND, "1h30m0s"),
        ("-1h", -3600 * SECOND, "-1h0m0s"),
        ("+5s", 5 * SECOND, "5s"),
        ("1.5s", 1_500_000_000, "1.5s"),
        ("60.5s", 60_500_000_000, "1m0.5s"),
        (".5m", 30 * SECOND, "30s"),
        ("1.h", 3600 * SECOND, "1h0m0s"),
        ("1ms", 1_000_000, "1ms"),
        ("1500us", 1_500_000, "1.5ms"),
        ("1.5µs", 1_500, "1.5µs"),
        ("2μs", 2_000, "2µs"),
        ("7ns", 7, "7ns"),
        ("1h1h", 7200 * SECOND, "2h0m0s"),
        ("0.830103483285477580700h", 2_988_372_539_827, "49m48.372539827s"),
        ("9223372036854775807ns", (1 << 63) - 1, "2562047h47m16.854775807s"),
        ("-2562047h47m16.854775808s", -(1 << 63), "-2562047h47m16.854775808s"),
    ],
)
def test_reads_and_writes_as_go_does(text: str, nanoseconds: int, written: str) -> None:
    """The count is Go's to the nanosecond, and so is the form (compared with Go 1.26)."""
    duration = parse_duration(text)

    assert duration.nanoseconds == nanoseconds
    assert str(duration) == written


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        ("h", 'time: invalid duration "h"'),
        (".s", 'time: invalid duration ".s"'),
        ("1h ", 'time: unknown unit "h " in duration "1h "'),
        ("90", 'time: missing unit in duration "90"'),
        ("1.2.3s", 'time: missing unit in duration "1.2.3s"'),
        ("90d", 'time: unknown unit "d" in duration "90d"'),
        ('1"', 'time: unknown unit "\\"" in duration "1\\""'),
        ("1é", 'time: unknown unit "\\xc3\\xa9" in duration "1\\xc3\\xa9"'),
        ("9223372036854775808ns", 'time: invalid duration "9223372036854775808ns"'),
        ("2562048h", 'time: invalid duration "2562048h"'),
        ("2562047h2562047h", 'time: invalid duration "2562047h2562047h"'),
    ],
)
def test_refuses_with_the_words_of_go(text: str, error: str) -> None:
    """The text of the error is Go's, since people and scripts match on it."""
    with pytest.raises(ValueError) as caught:
        parse_duration(text)

    assert str(caught.value) == error


def test_a_long_hostile_number_is_refused_quickly() -> None:
    """A megabyte of digits costs no more than looking at them once."""
    with pytest.raises(ValueError):
        parse_duration("9" * 1_000_000 + "h")
    assert parse_duration("0." + "0" * 1_000_000 + "1h").nanoseconds == 0


@given(counts)
def test_what_is_written_reads_back(count: int) -> None:
    """Every duration there is survives writing and reading."""
    assert parse_duration(str(Duration(count))).nanoseconds == count


@given(st.text(alphabet="0123456789.-+hmsuµn ", max_size=30))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    """No text raises anything else, and what is read fits into 64 bits."""
    try:
        duration = parse_duration(text)
    except ValueError:
        return

    assert -(1 << 63) <= duration.nanoseconds < 1 << 63


@given(st.timedeltas(min_value=timedelta(days=-100_000), max_value=timedelta(days=100_000)))
def test_a_timedelta_survives(span: timedelta) -> None:
    """A timedelta has no finer parts than a duration."""
    assert Duration.of(span).timedelta == span


@pytest.mark.parametrize(("nanoseconds", "microseconds"), [(1999, 1), (-1999, -1)], ids=["positive", "negative"])
def test_a_timedelta_leaves_out_nanoseconds(nanoseconds: int, microseconds: int) -> None:
    """What is smaller than a microsecond is cut, towards zero on both sides."""
    assert Duration(nanoseconds).timedelta == timedelta(microseconds=microseconds)


@given(counts, counts)
def test_durations_are_ordered_by_length(one: int, other: int) -> None:
    """The longer is the greater."""
    assert (Duration(one) < Duration(other)) == (one < other)
