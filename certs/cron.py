"""Cron expressions as the API reads them: the standard parser of `robfig/cron` v3, with its sentences.

    minute hour day-of-month month day-of-week        each *, ?, a number, a name, a-b, a/step, a-b/step, or a list
    @yearly @annually @monthly @weekly @daily @midnight @hourly @every <duration>
    TZ=<zone> or CRON_TZ=<zone> in front

It is lenient in its own way, and so are we: trailing commas, `+1`, `*-5` (which is `*`), `*/60`, a list of nothing.
Day-of-month and day-of-week both count when both are restricted: a day fits when either does (cron(5)).

A moment fits in the wall clock of the zone.  Where clocks go forward, moments that do not exist are left out, so
a daily one may be skipped that day; where they go back, the repeated hour counts twice.  Whoever looks further
than five years ahead for the next one gives up (`* * 30 2 *` never comes).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from certs.atoi import atoi
from certs.durations import parse_duration
from certs.goprint import SPACES
from certs.timezones import UnknownTimeZone, time_zone

YEARS_AHEAD: Final = 5
SECOND: Final = timedelta(seconds=1)


class InvalidCron(ValueError):
    """The expression is not one; `str()` is the API's sentence."""


@dataclass(frozen=True, slots=True)
class _Field:
    """What may stand in one place."""

    least: int
    most: int
    names: Mapping[str, int]


_MONTHS: Final = {
    name: number
    for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)  # noqa: SIM905
}
_DAYS: Final = {name: number for number, name in enumerate("sun mon tue wed thu fri sat".split())}  # noqa: SIM905
_FIELDS: Final = (
    _Field(0, 59, {}),
    _Field(0, 23, {}),
    _Field(1, 31, {}),
    _Field(1, 12, _MONTHS),
    _Field(0, 6, _DAYS),
)
_DESCRIPTORS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY: Final = "@every "
_TO_SPACE: Final = str.maketrans(dict.fromkeys(SPACES, " "))


@dataclass(frozen=True, slots=True)
class Every:
    """Again and again after a fixed time, at least a second, whole seconds."""

    delay: timedelta

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the next moment after that one, in UTC."""
        return moment.astimezone(UTC).replace(microsecond=0) + self.delay


@dataclass(frozen=True, slots=True)
class Set:
    """The numbers that fit in one place; `free` when the place was a star and restricts nothing."""

    numbers: frozenset[int]
    free: bool


@dataclass(frozen=True, slots=True)
class Calendar:
    """Minutes, hours and days of a zone's wall clock."""

    minutes: Set
    hours: Set
    days: Set
    months: Set
    weekdays: Set
    zone: tzinfo

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first whole minute after that moment that fits, in UTC; None when none does within five years."""
        if not (self.minutes.numbers and self.hours.numbers):
            return None
        start = moment.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        local = start.astimezone(self.zone)
        last = local.year + YEARS_AHEAD
        while local.year <= last:
            if local.month not in self.months.numbers:
                local = self._midnight(local.year + local.month // 12, local.month % 12 + 1, 1)
            elif not self.has_day(local):
                local = self._next_day(local)
            elif local.hour not in self.hours.numbers:
                local = self._later(local, timedelta(minutes=60 - local.minute))
            elif local.minute not in self.minutes.numbers:
                local = self._later(local, timedelta(minutes=1))
            else:
                return local.astimezone(UTC)
        return None

    def has_day(self, local: datetime) -> bool:
        """Does the day fit: by month and week day, either when both are restricted."""
        by_date = local.day in self.days.numbers
        by_weekday = local.isoweekday() % 7 in self.weekdays.numbers
        if self.days.free or self.weekdays.free:
            return by_date and by_weekday
        return by_date or by_weekday

    def _later(self, local: datetime, step: timedelta) -> datetime:
        """Go on in real time, so that what the wall clock skips or repeats is skipped or repeated."""
        return (local.astimezone(UTC) + step).astimezone(self.zone)

    def _next_day(self, local: datetime) -> datetime:
        noon = datetime(local.year, local.month, local.day, 12, tzinfo=UTC) + timedelta(days=1)
        return self._midnight(noon.year, noon.month, noon.day)

    def _midnight(self, year: int, month: int, day: int) -> datetime:
        """Return the first moment of a day; where midnight does not exist, the clock after it."""
        return datetime(year, month, day, tzinfo=self.zone).astimezone(UTC).astimezone(self.zone)


Schedule = Calendar | Every


def parse_cron(text: str, zone: str = "") -> Schedule:
    """Return the schedule of an expression, in the zone of that name; raises `InvalidCron`.

    With a zone, one in the expression itself is one field too many.
    """
    return _parse(f"CRON_TZ={zone} {text}" if zone else text)


def _parse(spec: str) -> Schedule:
    if not spec:
        raise InvalidCron("empty spec string")
    where: tzinfo = UTC
    if spec.startswith(("TZ=", "CRON_TZ=")):
        named, space, rest = spec.partition(" ")
        if not space:
            raise InvalidCron(f"expected timezone prefix to be followed by a cron spec: {spec}")
        name = named.partition("=")[2]
        try:
            where = time_zone(name)
        except UnknownTimeZone as error:
            raise InvalidCron(f"provided bad location {name}: {error}") from error
        spec = rest.strip(SPACES)
    if spec.startswith("@"):
        return _descriptor(spec, where)
    fields = _words(spec)
    if len(fields) != len(_FIELDS):
        raise InvalidCron(f"expected exactly {len(_FIELDS)} fields, found {len(fields)}: [{' '.join(fields)}]")
    return _calendar(fields, where)


def _calendar(fields: Sequence[str], zone: tzinfo) -> Calendar:
    minutes, hours, days, months, weekdays = map(_set, fields, _FIELDS)
    return Calendar(minutes, hours, days, months, weekdays, zone)


def _words(text: str) -> list[str]:
    return [word for word in text.translate(_TO_SPACE).split(" ") if word]


def _descriptor(spec: str, where: tzinfo) -> Schedule:
    if spec in _DESCRIPTORS:
        return _calendar(_DESCRIPTORS[spec].split(), where)
    if spec.startswith(_EVERY):
        try:
            delay = parse_duration(spec.removeprefix(_EVERY)).timedelta
        except ValueError as error:
            raise InvalidCron(f"failed to parse duration {spec}: {error}") from error
        return Every(max(SECOND, delay - timedelta(microseconds=delay.microseconds)))
    raise InvalidCron(f"unrecognized descriptor: {spec}")


def _set(text: str, field: _Field) -> Set:
    numbers: set[int] = set()
    free = False
    for part in dict.fromkeys(filter(None, text.split(","))):
        some, star = _range(part, field)
        numbers.update(some)
        free = free or star
    return Set(frozenset(numbers), free)


def _range(text: str, field: _Field) -> tuple[range, bool]:
    """Return the numbers of one part, and whether it is a star."""
    span, *steps = text.split("/")
    low, *highs = span.split("-")
    star = low in {"*", "?"}
    if star:
        start, end = field.least, field.most
    else:
        start = _number(low, field.names)
        if len(highs) > 1:
            raise InvalidCron(f"too many hyphens: {text}")
        end = _number(highs[0], field.names) if highs else start
    step = 1
    if len(steps) > 1:
        raise InvalidCron(f"too many slashes: {text}")
    if steps:
        step = _number(steps[0], {})
        end = end if highs else field.most
        star = star and step <= 1
    _check(start, end, step, field, text)
    return range(start, end + 1, step), star


def _check(start: int, end: int, step: int, field: _Field, text: str) -> None:
    if start < field.least:
        raise InvalidCron(f"beginning of range ({start}) below minimum ({field.least}): {text}")
    if end > field.most:
        raise InvalidCron(f"end of range ({end}) above maximum ({field.most}): {text}")
    if start > end:
        raise InvalidCron(f"beginning of range ({start}) beyond end of range ({end}): {text}")
    if step == 0:
        raise InvalidCron(f"step of range should be a positive number: {text}")


def _number(text: str, names: Mapping[str, int]) -> int:
    """Return a number, or a name's."""
    named = names.get(text.lower())
    if named is not None:
        return named
    try:
        number = atoi(text)
    except ValueError as error:
        raise InvalidCron(f"failed to parse int from {text}: {error}") from error
    if number < 0:
        raise InvalidCron(f"negative number ({number}) not allowed: {text}")
    return number
