"""Durations as Go writes them: `2160h0m0s`, `1.5s`, `1m0.5s`, the form of every duration field of our kinds.

Reading follows Go's `time.ParseDuration` and writing `time.Duration.String`, down to the texts of the
errors and the nanosecond, because clients written in Go read what we write and the other way round.
A duration is a signed 64-bit count of nanoseconds: what does not fit is invalid, as it is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, micro sign
    "μs": 1_000,  # U+03BC, Greek letter mu: Go reads both
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_SECOND: Final = _UNITS["s"]
_MINUTE: Final = _UNITS["m"]
_HOUR: Final = _UNITS["h"]

_BEYOND: Final = 1 << 63  # the first count that does not fit; its negative just does

# What people write; whatever it says fits.
_USUAL = re.compile(r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?")

_TERM = re.compile(r"(?P<whole>[0-9]*)(?:\.(?P<fraction>[0-9]*))?(?P<unit>[^.0-9]*)")


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A span of time, exact to the nanosecond; `str()` is Go's form."""

    nanoseconds: int

    @classmethod
    def of(cls, span: timedelta) -> Duration:
        """Return the same span."""
        return cls(span // timedelta(microseconds=1) * 1000)

    @property
    def timedelta(self) -> timedelta:
        """The same span without what is smaller than a microsecond."""
        span = timedelta(microseconds=abs(self.nanoseconds) // 1000)
        return -span if self.nanoseconds < 0 else span

    def __str__(self) -> str:
        sign = "-" if self.nanoseconds < 0 else ""
        return sign + _format(abs(self.nanoseconds))


def parse_duration(text: str) -> Duration:
    """Return what the text says; a ValueError has Go's text, for example `time: missing unit in duration "5"`.

    >>> str(parse_duration("1h30m")), str(parse_duration("1.5s"))
    ('1h30m0s', '1.5s')
    """
    usual = _USUAL.fullmatch(text)
    if usual is not None and text:
        hours, minutes, seconds = usual.groups("0")
        return Duration(int(hours) * _HOUR + int(minutes) * _MINUTE + int(seconds) * _SECOND)
    negative = text.startswith("-")
    rest = text[1:] if text.startswith(("-", "+")) else text
    if rest == "0":
        return Duration(0)
    if not rest:
        raise _invalid(text)
    nanoseconds = at = 0
    while at < len(rest):
        term = _TERM.match(rest, at)
        if term is None or not (term["whole"] or term["fraction"]):
            raise _invalid(text)
        nanoseconds += _term(term, text)
        if nanoseconds > _BEYOND:
            raise _invalid(text)
        at = term.end()
    if nanoseconds == _BEYOND and not negative:
        raise _invalid(text)
    return Duration(-nanoseconds if negative else nanoseconds)


def _term(term: re.Match[str], text: str) -> int:
    """Return the nanoseconds of one number with its unit."""
    # More digits than a count can have, before the unit is even looked at; `int` of a long text would be slow, too.
    whole = term["whole"].lstrip("0")
    if len(whole) > len(str(_BEYOND)) or int(whole or "0") > _BEYOND:
        raise _invalid(text)
    if not term["unit"]:
        raise ValueError(f"time: missing unit in duration {_quote(text)}")
    unit = _UNITS.get(term["unit"])
    if unit is None:
        raise ValueError(f"time: unknown unit {_quote(term['unit'])} in duration {_quote(text)}")
    return int(whole or "0") * unit + _fraction(term["fraction"] or "", unit)


def _fraction(digits: str, unit: int) -> int:
    """Return the nanoseconds of what stands behind the point, computed as Go does, in floats, to cut as it cuts.

    A digit with which the number would not fit any more counts for nothing, nor does any behind it.
    """
    number, scale = 0, 1.0
    for digit in digits:
        longer = number * 10 + int(digit)
        if number > (_BEYOND - 1) // 10 or longer > _BEYOND:
            break
        number, scale = longer, scale * 10
    return int(float(number) * (unit / scale))


def _format(nanoseconds: int) -> str:
    if not nanoseconds:
        return "0s"
    if nanoseconds < _SECOND:
        unit = next(unit for unit in ("ms", "µs", "ns") if nanoseconds >= _UNITS[unit])
        return f"{_decimal(nanoseconds, _UNITS[unit])}{unit}"
    hours, rest = divmod(nanoseconds, _HOUR)
    minutes, rest = divmod(rest, _MINUTE)
    seconds = f"{_decimal(rest, _SECOND)}s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _decimal(count: int, unit: int) -> str:
    """Return count/unit without trailing zeros."""
    whole, rest = divmod(count, unit)
    places = len(str(unit)) - 1
    return f"{whole}.{rest:0{places}}".rstrip("0") if rest else str(whole)


def _invalid(text: str) -> ValueError:
    return ValueError(f"time: invalid duration {_quote(text)}")


def _quote(text: str) -> str:
    """Quote as package time does: what is not printable ASCII becomes the hex of its UTF-8 bytes."""
    return '"' + "".join(_escape(char) for char in text) + '"'


def _escape(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char < " " or not char.isascii():
        return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogatepass"))
    return char
