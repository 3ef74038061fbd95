"""Time zones by name, as Go takes them."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from certs.timezones import UnknownTimeZone, time_zone


@pytest.mark.parametrize("name", ["", "UTC", "Local"])
def test_what_is_utc(name: str) -> None:
    assert time_zone(name) is UTC


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/Argentina/Buenos_Aires", "EST", "Etc/GMT+5"])
def test_zones(name: str) -> None:
    assert time_zone(name) == ZoneInfo(name)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Mars/Olympus", "unknown time zone Mars/Olympus"),
        ("europe/berlin", "unknown time zone europe/berlin"),
        ("UTC ", "unknown time zone UTC "),
        ("a\x00b", "unknown time zone a\x00b"),
        ("Europe", "is a directory"),
        ("America/Argentina/", "is a directory"),
        ("../UTC", "time: invalid location name"),
        ("/UTC", "time: invalid location name"),
        ("\\UTC", "time: invalid location name"),
    ],
)
def test_no_zones(name: str, problem: str) -> None:
    with pytest.raises(UnknownTimeZone) as refused:
        time_zone(name)

    assert str(refused.value) == problem
