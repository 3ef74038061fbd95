"""Time zones by their names in the IANA database, as Go's `time.LoadLocation` takes them.

Names are case-sensitive; `Local` and `UTC` are always there, the empty name is UTC; directories (`Europe`) and
paths with dots are no zones.  The database is the `tzdata` package's or the system's, whatever `zoneinfo` finds;
its names are read once, when the first is asked for.
"""

from __future__ import annotations

import zoneinfo
from datetime import UTC, tzinfo
from functools import cache
from typing import Final

LOCAL: Final = "Local"  # to Go the zone of its machine, which in a container is UTC


class UnknownTimeZone(ValueError):
    """There is no zone of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"unknown time zone {name}")


def time_zone(name: str) -> tzinfo:
    """Return the zone of that name; raises `UnknownTimeZone`."""
    if name in {"", "UTC", LOCAL}:
        return UTC
    if name not in _names():
        raise UnknownTimeZone(name)
    return zoneinfo.ZoneInfo(name)


@cache
def _names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
