"""Time zones by their names in the IANA database, as Go's `time.LoadLocation` takes them.

Names are case-sensitive; `Local` and `UTC` are always there, the empty name is UTC; directories (`Europe`) and
paths that lead out of the database are no zones.  The database is the `tzdata` package's or the system's,
whatever `zoneinfo` finds; its names are read once, when the first is asked for.
"""

from __future__ import annotations

import zoneinfo
from datetime import UTC, tzinfo
from functools import cache
from itertools import chain
from pathlib import PurePosixPath
from typing import Final

LOCAL: Final = "Local"  # to Go the zone of its machine, which in a container is UTC


class UnknownTimeZone(ValueError):
    """There is no zone of that name; `str()` is Go's sentence."""


def time_zone(name: str) -> tzinfo:
    """Return the zone of that name; raises `UnknownTimeZone`."""
    if name in {"", "UTC", LOCAL}:
        return UTC
    if name not in _names():
        raise UnknownTimeZone(_why_unknown(name))
    return zoneinfo.ZoneInfo(name)


def _why_unknown(name: str) -> str:
    if ".." in name or name.startswith(("/", "\\")):
        return "time: invalid location name"
    return "is a directory" if name.rstrip("/") in _directories() else f"unknown time zone {name}"


@cache
def _names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


@cache
def _directories() -> frozenset[str]:
    return frozenset(map(str, chain.from_iterable(PurePosixPath(name).parents for name in _names())))
