"""Where it is listened: at the addresses of both families unless one is named."""

from __future__ import annotations

import socket

import pytest

from shim.flags import address
from shim.listening import listening

BOTH = ["127.0.0.1", "::1"]


@pytest.mark.parametrize(
    ("written", "places"),
    [("0.0.0.0:0", BOTH), (":0", BOTH), ("[::]:0", BOTH), ("127.0.0.1:0", BOTH[:1]), ("[::1]:0", BOTH[1:])],
)
def test_where_it_is_listened(written: str, places: list[str]) -> None:
    """Pods of a cluster with IPv6 alone are reached, too, by what the flags say unless told otherwise."""
    with listening(address(written), "pages", backlog=1) as listener:
        port = listener.getsockname()[1]
        reached = [place for place in BOTH if is_reached(place, port)]

    assert reached == places


def is_reached(place: str, port: int) -> bool:
    try:
        socket.create_connection((place, port), timeout=5).close()
    except OSError:
        return False
    return True


def test_an_address_that_is_taken_is_said_as_it_was_written() -> None:
    said = r"^cannot listen on 0\.0\.0\.0:\d+ \(pages\): Address already in use; choose another address$"
    with listening(address("0.0.0.0:0"), "pages", backlog=1) as first, pytest.raises(OSError, match=said):
        listening(address(f"0.0.0.0:{first.getsockname()[1]}"), "pages", backlog=1)
