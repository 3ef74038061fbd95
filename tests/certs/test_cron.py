"""Cron expressions: what is taken, what is refused in which words, and when the next moment is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.cron import Calendar, InvalidCron, parse_cron

FRIDAY = datetime(2026, 3, 27, 12, 0, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "following"),
    [
        ("* * * * *", "", "2026-03-27T12:01"),
        ("0 3 * * sun", "", "2026-03-29T03:00"),
        ("0 3 * * SUN", "", "2026-03-29T03:00"),
        ("30 4 1,15 * *", "", "2026-04-01T04:30"),
        ("0 0 13 * fri", "", "2026-04-03T00:00"),
        ("0 0 13 * ?", "", "2026-04-13T00:00"),
        ("0 12-14/2 * * *", "", "2026-03-27T14:00"),
        ("50/5 * * * *", "", "2026-03-27T12:50"),
        ("1,2, * * * *", "", "2026-03-27T12:01"),
        ("+1 *-5 */60 * *", "", "2026-04-01T00:01"),
        ("\n0\t0\u3000* feb\n*", "", "2027-02-01T00:00"),
        ("0" * 5000 + " 3 * * *", "", "2026-03-28T03:00"),
        ("0 0 29 2 *", "", "2028-02-29T00:00"),
        ("0 0 30 2 *", "", None),
        (", * * * *", "", None),
        ("@yearly", "", "2027-01-01T00:00"),
        ("@monthly", "", "2026-04-01T00:00"),
        ("@weekly", "", "2026-03-29T00:00"),
        ("@daily", "Europe/Berlin", "2026-03-27T23:00"),
        ("@hourly", "Asia/Kathmandu", "2026-03-27T12:15"),
        ("@every 90m", "", "2026-03-27T13:30"),
        ("@every -1h", "", "2026-03-27T12:00:01"),
        ("TZ=Europe/Berlin 0 3 * * *", "", "2026-03-28T02:00"),
        ("CRON_TZ=Asia/Tokyo 0 3 * * *", "", "2026-03-27T18:00"),
        ("0 3 * * *", "Local", "2026-03-28T03:00"),
    ],
)
def test_next_moment(text: str, zone: str, following: str | None) -> None:
    assert parse_cron(text, zone).next_after(FRIDAY) == (at(following) if following else None)


@pytest.mark.parametrize(
    ("text", "zone", "moment", "following"),
    [
        pytest.param("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", "2026-03-30T00:30", id="left out in spring"),
        pytest.param("0 3 * * *", "Europe/Berlin", "2026-03-28T12:00", "2026-03-29T01:00", id="just after the gap"),
        pytest.param("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", "2026-10-25T00:30", id="first of two"),
        pytest.param("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30", "2026-10-25T01:30", id="second of two"),
        pytest.param("0 0 * * *", "America/Santiago", "2026-09-05T12:00", "2026-09-07T03:00", id="midnight left out"),
    ],
)
def test_clocks_that_change(text: str, zone: str, moment: str, following: str) -> None:
    assert parse_cron(text, zone).next_after(at(moment)) == at(following)


@pytest.mark.parametrize(
    ("text", "zone", "problem"),
    [
        ("", "", "empty spec string"),
        ("", "UTC", "expected exactly 5 fields, found 0: []"),
        ("* * * *", "", "expected exactly 5 fields, found 4: [* * * *]"),
        ("TZ=UTC * * * * *", "UTC", "expected exactly 5 fields, found 6: [TZ=UTC * * * * *]"),
        ("TZ=UTC", "", "expected timezone prefix to be followed by a cron spec: TZ=UTC"),
        ("TZ=UTC ", "", "expected exactly 5 fields, found 0: []"),
        ("* * * * 7", "", "end of range (7) above maximum (6): 7"),
        ("60 * * * *", "", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "", "beginning of range (0) below minimum (1): 0"),
        ("5-1 * * * *", "", "beginning of range (5) beyond end of range (1): 5-1"),
        ("1-2-3 * * * *", "", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "", "too many slashes: 1/2/3"),
        ("1/0 * * * *", "", "step of range should be a positive number: 1/0"),
        ("* * L * *", "", 'failed to parse int from L: strconv.Atoi: parsing "L": invalid syntax'),
        ("jan * * * *", "", 'failed to parse int from jan: strconv.Atoi: parsing "jan": invalid syntax'),
        (
            f"{2**63} * * * *",
            "",
            f'failed to parse int from {2**63}: strconv.Atoi: parsing "{2**63}": value out of range',
        ),
        ("1/-1 * * * *", "", "negative number (-1) not allowed: -1"),
        ("-1 * * * *", "", 'failed to parse int from : strconv.Atoi: parsing "": invalid syntax'),
        ("@reboot", "", "unrecognized descriptor: @reboot"),
        ("@Daily", "", "unrecognized descriptor: @Daily"),
        ("@every", "", "unrecognized descriptor: @every"),
        ("@every soon", "", 'failed to parse duration @every soon: time: invalid duration "soon"'),
        ("* * * * *", "Mars/Olympus", "provided bad location Mars/Olympus: unknown time zone Mars/Olympus"),
        ("* * * * *", "europe/berlin", "provided bad location europe/berlin: unknown time zone europe/berlin"),
        ("* * * * *", "Europe", "provided bad location Europe: is a directory"),
        ("* * * * *", "../UTC", "provided bad location ../UTC: time: invalid location name"),
    ],
)
def test_what_is_refused(text: str, zone: str, problem: str) -> None:
    with pytest.raises(InvalidCron) as refused:
        parse_cron(text, zone)

    assert str(refused.value) == problem


ZONES = st.sampled_from(["", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"])
PLACES = st.tuples(
    st.sampled_from(["*", "0", "30", "*/7", "5-10"]),
    st.sampled_from(["*", "0", "2", "23", "*/5"]),
    st.sampled_from(["*", "1", "29", "31", "*/10"]),
    st.sampled_from(["*", "2", "feb-apr", "12"]),
    st.sampled_from(["*", "0", "mon-fri"]),
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - set beside


@given(PLACES, ZONES, MOMENTS)
def test_the_next_moment_fits_and_none_before_it_does(places: tuple[str, ...], zone: str, moment: datetime) -> None:
    schedule = parse_cron(" ".join(places), zone)
    assert isinstance(schedule, Calendar)

    found = schedule.next_after(moment)

    assert found is None or found > moment
    if found is None or found - moment > timedelta(days=2):
        return
    for minute in range(1, int((found - moment).total_seconds() // 60) + 2):
        tried = (moment.replace(second=0, microsecond=0) + timedelta(minutes=minute)).astimezone(schedule.zone)
        fits = (
            tried.minute in schedule.minutes.numbers
            and tried.hour in schedule.hours.numbers
            and tried.month in schedule.months.numbers
            and schedule.has_day(tried)
        )
        assert fits == (tried.astimezone(UTC) == found) or tried.astimezone(UTC) > found
