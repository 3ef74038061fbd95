"""Renewal windows: which moment is taken, in which zone, and what is said when none fits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.api.certificate import Renewal, RenewalWindow
from certs.cron import parse_cron
from certs.decide.renewal import RenewalPlan, plan_renewal
from certs.decide.windows import Schedule, Span, Window, fitting, latest_start
from certs.durations import parse_duration
from tests.certs.decide.objects import DAY, spec

HOUR = timedelta(hours=1)
DAILY = ("0 10 * * *", "2h", "")
# Five years of minutes halved to a second take 28 questions; the search asks a few more around them.
MOST_QUESTIONS = 40


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def plan(
    *windows: tuple[str, str, str],
    desired: str,
    left: timedelta,
    lifetime: timedelta = 90 * DAY,
    age: timedelta | None = None,
) -> RenewalPlan:
    """Plan for a certificate that should be renewed then, with so much left; `age`: what it has lived by then."""
    moment = at(desired)
    renewal = Renewal(windows=tuple(RenewalWindow(cron, length, zone) for cron, length, zone in windows))
    seconds = left // timedelta(seconds=1)
    end = moment + left
    issued_at = moment - age if age is not None else None
    return plan_renewal(end - lifetime, end, spec(renew_before=f"{seconds}s", renewal=renewal), issued_at)


@pytest.mark.parametrize(
    ("windows", "desired", "left", "expected"),
    [
        pytest.param((DAILY,), "2026-03-04T10:30", 30 * DAY, "2026-03-04T10:30", id="inside"),
        pytest.param((DAILY,), "2026-03-04T10:00", 30 * DAY, "2026-03-04T10:00", id="at the start"),
        pytest.param((DAILY,), "2026-03-04T11:59:59", 30 * DAY, "2026-03-04T11:59:59", id="at the last second"),
        pytest.param((DAILY,), "2026-03-04T12:00", 30 * DAY, "2026-03-05T10:00", id="the end is outside"),
        pytest.param((DAILY,), "2026-03-04T09:59:59", 30 * DAY, "2026-03-04T10:00", id="a second early"),
        pytest.param((DAILY,), "2026-03-04T13:00", 30 * DAY, "2026-03-05T10:00", id="the next one"),
        pytest.param(
            (("0 23 * * 1-5", "2h", ""), ("0 10 * * 6,0", "4h", "")),
            "2026-03-07T06:00",
            18 * HOUR,
            "2026-03-07T10:00",
            id="earliest of several",
        ),
        pytest.param(
            (("0 3 1 * *", "1h", ""), DAILY), "2026-03-04T11:00", 30 * DAY, "2026-03-04T11:00", id="inside of any"
        ),
        pytest.param(
            (("0 22 * * *", "4h", ""),), "2026-03-04T01:00", 30 * DAY, "2026-03-04T01:00", id="open over midnight"
        ),
        pytest.param(
            (("0 0 1 * *", "720h", ""),), "2026-03-29T01:00", 30 * DAY, "2026-03-29T01:00", id="open for weeks"
        ),
        pytest.param(
            (("* * * * *", "1s", ""),), "2026-03-04T01:00:30", 30 * DAY, "2026-03-04T01:01", id="each minute's second"
        ),
        pytest.param(
            (("0 3 31 * *", "1h", ""),),
            "2026-04-02T12:00",
            80 * DAY,
            "2026-05-31T03:00",
            id="months without a 31st",
        ),
        pytest.param(
            (("0 3 31 * *", "1h", ""),),
            "2026-04-02T12:00",
            60 * DAY,
            "2026-03-31T03:55",
            id="the next 31st is too late",
        ),
        pytest.param((("0 3 29 2 *", "1h", ""),), "2028-02-10T12:00", 30 * DAY, "2028-02-29T03:00", id="leap day"),
        pytest.param((DAILY,), "2026-03-04T12:30", 21 * HOUR, "2026-03-04T11:55", id="before, five minutes of room"),
        pytest.param(
            (("0 10 * * *", "10m", ""),),
            "2026-03-04T12:30",
            21 * HOUR,
            "2026-03-04T10:09",
            id="before, a tenth of room",
        ),
        pytest.param(
            (("0 10 * * *", "1s", ""),), "2026-03-04T12:30", 21 * HOUR, "2026-03-04T10:00", id="before, a short one"
        ),
        pytest.param(
            (DAILY, ("0 9 * * *", "30m", ""), ("0 8 4 * *", "3h30m", "")),
            "2026-03-04T12:30",
            20 * HOUR,
            "2026-03-04T11:55",
            id="the latest before",
        ),
        pytest.param((DAILY,), "2026-03-04T12:30", 23 * HOUR, "2026-03-04T11:55", id="the next leaves no room"),
        pytest.param(
            (DAILY,), "2026-03-04T12:30", timedelta(seconds=86000), "2026-03-05T10:00", id="the next leaves just enough"
        ),
    ],
)
def test_moment_is_moved_into_a_window(
    windows: tuple[tuple[str, str, str], ...], desired: str, left: timedelta, expected: str
) -> None:
    """Forward if that leaves a tenth of what is left, else back, with room for the issuance before it closes."""
    assert plan(*windows, desired=desired, left=left) == RenewalPlan(at(expected))


@pytest.mark.parametrize(
    ("window", "desired", "expected"),
    [
        pytest.param(
            ("30 2 * * *", "30m", "Europe/Berlin"), "2026-03-28T12:00", "2026-03-30T00:30", id="left out in Berlin"
        ),
        pytest.param(
            ("0 3 * * *", "1h", "Europe/Berlin"), "2026-03-28T12:00", "2026-03-29T01:00", id="summer time in Berlin"
        ),
        pytest.param(
            ("30 1 * * *", "1h", "Europe/Berlin"), "2026-03-29T01:15", "2026-03-29T01:15", id="open over the gap"
        ),
        pytest.param(
            ("30 2 * * *", "15m", "Europe/Berlin"), "2026-10-25T01:35", "2026-10-25T01:35", id="second of two in Berlin"
        ),
        pytest.param(
            ("30 2 * * *", "15m", "Europe/Berlin"), "2026-10-25T00:50", "2026-10-25T01:30", id="between the two"
        ),
        pytest.param(
            ("0 3 * * *", "1h", "Europe/Berlin"), "2026-10-24T12:00", "2026-10-25T02:00", id="winter time in Berlin"
        ),
        pytest.param(
            ("30 2 * * *", "30m", "America/New_York"), "2026-03-07T12:00", "2026-03-09T06:30", id="left out in New York"
        ),
        pytest.param(
            ("0 22 * * *", "2h", "America/New_York"), "2026-03-07T12:00", "2026-03-08T03:00", id="winter in New York"
        ),
        pytest.param(
            ("0 22 * * *", "2h", "America/New_York"), "2026-03-08T12:00", "2026-03-09T02:00", id="summer in New York"
        ),
        pytest.param(
            ("30 1 * * *", "15m", "America/New_York"), "2026-11-01T06:40", "2026-11-01T06:40", id="second in New York"
        ),
        pytest.param(("0 10 * * *", "2h", "Asia/Kathmandu"), "2026-03-04T05:00", "2026-03-04T05:00", id="odd minutes"),
    ],
)
def test_windows_open_by_the_clock_of_their_zone(window: tuple[str, str, str], desired: str, expected: str) -> None:
    """The length of a window is real time."""
    assert plan(window, desired=desired, left=30 * DAY) == RenewalPlan(at(expected))


@pytest.mark.parametrize(
    ("window", "age", "expected"),
    [
        pytest.param(("0 10 1 3 *", "2h", ""), 60 * DAY, "2026-03-01T11:55", id="well after the issuance"),
        pytest.param(
            ("0 10 1 3 *", "2h", ""), timedelta(days=3, hours=2, minutes=30), None, id="issued before it, just"
        ),
        pytest.param(("0 10 1 3 *", "2h", ""), timedelta(days=3, hours=2), None, id="issued when it was open"),
        pytest.param(
            ("0 10 1 3 *", "2h", ""), timedelta(seconds=288200), None, id="too young shortly before it closes"
        ),
        pytest.param(("0 10 1 3 *", "2h", ""), 2 * DAY, None, id="over when it was issued"),
        pytest.param(("0 10 1 1 *", "1440h", ""), 10 * DAY, "2026-03-02T09:55", id="open for long after the issuance"),
    ],
)
def test_windows_that_are_over_count_once_the_certificate_has_some_age(
    window: tuple[str, str, str], age: timedelta, expected: str | None
) -> None:
    """A tenth of the way to the desired moment: renewed at once, it would be renewed for ever."""
    planned = plan(window, desired="2026-03-04T12:00", left=30 * DAY, age=age)

    assert (planned.at, planned.error != "") == (at(expected or "2026-03-04T12:00"), expected is None)


def test_late_window_is_better_than_none() -> None:
    """An hour before expiry, and none before."""
    assert plan(DAILY, desired="2026-03-04T13:00", left=22 * HOUR, age=HOUR / 2).at == at("2026-03-05T10:00")


@pytest.mark.parametrize(
    "window",
    [
        pytest.param(("0 10 4 9 *", "2h", ""), id="not in this lifetime"),
        pytest.param(("0 0 30 2 *", "2h", ""), id="never"),
    ],
)
def test_no_window_fits(window: tuple[str, str, str]) -> None:
    """The desired moment counts, and the API's sentence says why."""
    planned = plan(window, desired="2026-03-04T12:00", left=30 * DAY)

    assert planned == RenewalPlan(
        at("2026-03-04T12:00"),
        error="cannot find a time with the given windows between 2026-01-03 12:00:00 +0000 UTC and "
        "2026-04-03 12:00:00 +0000 UTC for: 2026-03-04 12:00:00 +0000 UTC; "
        "open windows more often, or ask for a longer duration",
    )


@pytest.mark.parametrize(
    ("window", "error"),
    [
        (("soon", "2h", ""), "cannot parse cron 'soon': expected exactly 5 fields, found 1: [soon]"),
        (("", "2h", ""), "cannot parse cron '': empty spec string"),
        (
            ("0 3 * * *", "2h", "Mars/Olympus"),
            "cannot parse cron '0 3 * * *': provided bad location Mars/Olympus: unknown time zone Mars/Olympus",
        ),
        (("0 3 * * *", "2", ""), 'windowDuration: time: missing unit in duration "2"'),
        (("0 3 * * *", "", ""), 'windowDuration: time: invalid duration ""'),
        (("0 3 * * *", "0s", ""), "windowDuration must be positive, and is 0s"),
        (("0 3 * * *", "-1h", ""), "windowDuration must be positive, and is -1h"),
    ],
)
def test_window_that_is_none_is_named(window: tuple[str, str, str], error: str) -> None:
    """An object that was stored without admission: the desired moment counts, even if another window would fit."""
    planned = plan(DAILY, window, desired="2026-03-04T11:00", left=30 * DAY)

    assert planned.at == at("2026-03-04T11:00")
    assert planned.error.startswith("renewal.windows[1]: ")
    assert error in planned.error


def test_windows_beyond_number_are_told() -> None:
    """Nobody keeps a worker busy with twenty thousand of them."""
    assert plan(*[DAILY] * 100, desired="2026-03-04T11:00", left=30 * DAY).error == ""
    assert plan(*[DAILY] * 101, desired="2026-03-04T11:00", left=30 * DAY) == RenewalPlan(
        at("2026-03-04T11:00"), error="renewal.windows: no more than 100 are looked at, and there are 101"
    )


def test_every_counts_from_the_issuance() -> None:
    """It says how often, not when: each ten days from when it was issued, so that the moment stays the same."""
    assert plan(("@every 240h", "1h", ""), desired="2026-03-04T12:00", left=30 * DAY, age=55 * DAY) == RenewalPlan(
        at("2026-03-09T12:00")
    )


def test_windows_move_the_clamped_moment() -> None:
    """What would renew for ever counts as a third, and that is moved."""
    renewal = Renewal(windows=(RenewalWindow("0 10 * * *", "2h"),))

    planned = plan_renewal(at("2026-03-01T12:00"), at("2026-03-31T12:00"), spec(renew_before="9000h", renewal=renewal))

    assert planned.at == at("2026-03-22T10:00")
    assert planned.remark is not None
    assert planned.error == ""


def test_disabled_has_no_windows() -> None:
    """Admission refuses that; what is stored nevertheless is not renewed by time, and is no error."""
    renewal = Renewal(policy="Disabled", windows=(RenewalWindow("soon", "2h"),))

    assert plan_renewal(at("2026-03-01T12:00"), at("2026-05-01T12:00"), spec(renewal=renewal)) == RenewalPlan(None)


def test_certificate_without_a_known_end_has_windows_too() -> None:
    """RFC 5280 §4.1.2.5: 99991231235959Z says that there is no good notAfter; the calendar ends there as well."""
    end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    renewal = Renewal(windows=(RenewalWindow("0 10 * * *", "2h"),))

    planned = plan_renewal(at("2026-03-01T12:00"), end, spec(renew_before="1h", renewal=renewal))

    assert planned == RenewalPlan(datetime(9999, 12, 31, 11, 55, tzinfo=UTC))


@dataclass
class Counting:
    """A schedule that counts how often it is asked."""

    schedule: Schedule
    asked: list[datetime] = field(default_factory=list)

    def next_after(self, moment: datetime) -> datetime | None:
        self.asked.append(moment)
        return self.schedule.next_after(moment)


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("* * * * *", "2032-06-01T00:01"),
        ("@every 1s", "2032-06-01T00:01:01"),
        ("0 0 * * *", "2032-06-01T00:00"),
        ("* * 30 2 *", None),
        ("0 0 29 2 *", "2032-02-29T00:00"),
        ("59 23 31 12 *", "2031-12-31T23:59"),
        ("0 0 1 7 *", "2031-07-01T00:00"),
    ],
)
def test_looking_back_asks_a_bounded_number_of_times(cron: str, expected: str | None) -> None:
    """Ten years of any expression."""
    schedule = Counting(parse_cron(cron))

    # `@every` counts from whatever cron is asked for, so that here only the number of questions is of interest.
    found = latest_start(schedule, at("2026-06-01T00:00"), at("2032-06-01T00:01:01"))

    assert found == (at(expected) if expected else None)
    assert len(schedule.asked) <= MOST_QUESTIONS


def test_looking_back_does_not_begin_where_cron_gives_up() -> None:
    """There is no leap day in 2100, so that from 2096 cron sees none for eight years."""
    assert latest_start(parse_cron("0 0 29 2 *"), at("2096-03-01"), at("2105-01-01")) == at("2104-02-29")


def test_fitting_asks_a_bounded_number_of_times() -> None:
    """All ways of a window that never opens, and of one that only opened."""
    for cron in ("* * 30 2 *", "0 0 29 2 *"):
        schedule = Counting(parse_cron(cron))
        span = Span(at("2026-06-01T00:00"), at("2032-10-01T00:00"), at("2036-01-01T00:00"))

        fitting((Window(schedule, HOUR),), span)

        assert len(schedule.asked) <= MOST_QUESTIONS


CRONS = st.sampled_from(
    ["* * * * *", "*/7 3 * * *", "0 10 * * 6,0", "30 2 * * *", "0 3 31 * *", "0 3 29 2 *", "0 0 1 1 *", "@every 37h"]
)
ZONES = st.sampled_from(["", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"])
LENGTHS = st.sampled_from(["1s", "5m", "1h", "26h", "720h"])
WINDOWS = st.lists(st.tuples(CRONS, LENGTHS, ZONES), min_size=1, max_size=3)


@given(
    WINDOWS,
    st.datetimes(datetime(2024, 1, 1), datetime(2029, 1, 1)),  # noqa: DTZ001  a zone is added below
    st.integers(60, 3 * 365 * 86400),
    st.integers(0, 4 * 3600),
    st.integers(1, 120),
)
def test_moment_is_in_a_window_or_an_error_says_why(
    windows: list[tuple[str, str, str]], begin: datetime, seconds: int, backdated: int, percentage: int
) -> None:
    """After the issuance, before expiry, whatever the windows are; each of those that are not told is in one."""
    issued_at = begin.replace(tzinfo=UTC, microsecond=0)
    not_after = issued_at + timedelta(seconds=seconds)
    renewal = Renewal(windows=tuple(RenewalWindow(*window) for window in windows))
    wanted = spec(renew_before_percentage=percentage, renewal=renewal)

    planned = plan_renewal(issued_at - timedelta(seconds=backdated), not_after, wanted, issued_at)

    assert planned.at is not None
    assert issued_at < planned.at < not_after
    assert planned.error or any(is_open(window, planned.at, issued_at) for window in windows)


def is_open(window: tuple[str, str, str], moment: datetime, issued_at: datetime) -> bool:
    """Is the window open at the moment, asked in another way: start by start from before the moment."""
    cron, length, zone = window
    long = parse_duration(length).timedelta
    if cron.startswith("@every "):
        return (moment - issued_at) % parse_duration(cron.removeprefix("@every ")).timedelta < long
    start = parse_cron(cron, zone).next_after(moment - max(long, timedelta(days=1)) - timedelta(minutes=1))
    while start is not None and start <= moment:
        if moment < start + long:
            return True
        start = parse_cron(cron, zone).next_after(start)
    return False
