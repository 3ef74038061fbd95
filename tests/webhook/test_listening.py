"""Where a webhook process listens."""

from __future__ import annotations

import socket
import sys

import pytest

from tests.webhook.wire import answer, connect, free_port, running

DEADLINES = ("5", "5", "1")
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104  for the length of a test
def test_all_addresses_are_those_of_both_families(host: str) -> None:
    """Of reviews, health and metrics alike: a pod of a cluster with IPv6 alone has no others."""
    tls, plain = free_port(), free_port()
    with running([sys.executable, "-m", "tests.webhook.wire", str(tls), str(plain), *DEADLINES, host], tls):
        statuses = []
        for place in ("127.0.0.1", "::1"):
            with connect(tls, place) as secure, socket.create_connection((place, plain), timeout=10) as open_one:
                for connection in (secure, open_one):
                    connection.sendall(LIVEZ)
                    statuses.append(answer(connection)[0])

    assert statuses == [200] * 4
