"""Slow clients on the wire, with deadlines so short that nobody waits for them."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.webhook.wire import answer, connect, free_port, has_hung_up, head, running

IDLE, WHOLE, DRAIN = 0.15, 0.5, 0.2
SLACK = 0.7  # a loaded machine


class Ports(NamedTuple):
    """Where the webhook listens."""

    tls: int
    plain: int


@pytest.fixture(scope="module")
def ports() -> Iterator[Ports]:
    tls, plain = free_port(), free_port()
    arguments = map(str, (tls, plain, IDLE, WHOLE, DRAIN))
    with running([sys.executable, "-m", "tests.webhook.wire", *arguments], tls):
        yield Ports(tls, plain)


@pytest.mark.parametrize(
    "sent", [b"P", b"POST /validate HTTP/1.1\r\nHost: x\r\nConte", head(2000), head(2000) + b"{"], ids=range(4)
)
def test_silence_within_a_request_is_refused(ports: Ports, sent: bytes) -> None:
    with connect(ports.tls) as connection:
        began = time.monotonic()
        connection.sendall(sent)

        assert answer(connection)[0] == 408
        assert has_hung_up(connection)
        assert IDLE * 0.9 < time.monotonic() - began < IDLE + SLACK


def test_bytes_that_keep_coming_buy_no_more_time(ports: Ports) -> None:
    with connect(ports.tls) as connection:
        began = time.monotonic()
        connection.sendall(head(2000))
        connection.settimeout(IDLE / 4)
        while not (status := drip(connection)) and time.monotonic() - began < WHOLE + SLACK:
            pass

    assert status == 408
    assert WHOLE * 0.9 < time.monotonic() - began < WHOLE + SLACK


def drip(connection: socket.socket) -> int:
    """Send one more byte, and return the status of an answer, or zero."""
    connection.sendall(b"{")
    try:
        return answer(connection)[0]
    except TimeoutError:
        return 0


def test_pauses_shorter_than_the_deadline_are_fine(ports: Ports) -> None:
    with connect(ports.tls) as connection:
        connection.sendall(head(2))
        time.sleep(IDLE / 2)  # the pause is what is tested
        connection.sendall(b"{")
        time.sleep(IDLE / 2)
        connection.sendall(b"}")

        assert answer(connection)[0] == 400  # judged: it is no review


def test_connection_idle_between_requests_has_more_time(ports: Ports) -> None:
    with connect(ports.tls) as connection:
        for _ in range(2):
            connection.sendall(head(2) + b"{}")

            assert answer(connection)[0] == 400
            time.sleep(IDLE * 2)  # the pause is what is tested


def test_request_that_ends_too_early_is_refused_at_once(ports: Ports) -> None:
    with socket.create_connection(("127.0.0.1", ports.plain), timeout=5) as connection:
        began = time.monotonic()
        connection.sendall(head(2000) + b"{")
        connection.shutdown(socket.SHUT_WR)

        assert answer(connection)[0] == 400
        assert has_hung_up(connection)
        assert time.monotonic() - began < SLACK


def test_tls_that_ends_too_early_is_ended_at_once(ports: Ports) -> None:
    """Without TLS's own goodbye, after which nothing could be said any more."""
    with connect(ports.tls) as connection:
        began = time.monotonic()
        connection.sendall(head(2000) + b"{")
        socket.socket.shutdown(connection, socket.SHUT_WR)

        assert answer(connection)[0] in {0, 400}
        assert time.monotonic() - began < SLACK


def test_refused_client_that_sends_on_is_cut_off(ports: Ports) -> None:
    with connect(ports.tls) as connection:
        began = time.monotonic()
        connection.sendall(head(10_000_000))
        status = answer(connection)[0]
        while is_read(connection) and time.monotonic() - began < DRAIN + SLACK:
            time.sleep(0.01)  # not as fast as it can: it is the time that is tested

    assert status == 413
    assert DRAIN * 0.9 < time.monotonic() - began < DRAIN + SLACK


def is_read(connection: socket.socket) -> bool:
    """Send a thousand bytes more, if the server still takes them."""
    try:
        connection.sendall(b"x" * 1000)
    except OSError:
        return False
    return True


def test_reviews_are_not_taken_without_tls(ports: Ports) -> None:
    with socket.create_connection(("127.0.0.1", ports.plain), timeout=5) as connection:
        connection.sendall(head(2) + b"{}")

        assert answer(connection)[0] == 404
