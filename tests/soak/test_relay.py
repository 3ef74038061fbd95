"""The relay of the soak, on sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.cluster.ports import Ports
from tests.soak.relay import LOOPBACK, Relay

TIMEOUT = 5.0


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server((LOOPBACK, 0)) as listening:
        listening.settimeout(TIMEOUT)
        yield listening


@pytest.fixture
def relay(server: socket.socket) -> Iterator[Relay]:
    with Relay(Ports().free(), server.getsockname()[1]) as relay:
        yield relay


def test_bytes_go_both_ways_until_the_cut(server: socket.socket, relay: Relay) -> None:
    """Then both ends see a reset, and a new connection is taken."""
    with socket.create_connection((LOOPBACK, relay.port), TIMEOUT) as client:
        inner, _ = server.accept()
        with inner:
            inner.settimeout(TIMEOUT)
            client.sendall(b"there")
            assert inner.recv(10) == b"there"
            inner.sendall(b"back")
            assert client.recv(10) == b"back"

            relay.cut()

            for end in (client, inner):
                with pytest.raises(ConnectionResetError):
                    end.recv(10)
    assert relay.cuts == 1
    with socket.create_connection((LOOPBACK, relay.port), TIMEOUT):
        server.accept()[0].close()


def test_the_end_of_one_side_is_the_end_of_the_other(server: socket.socket, relay: Relay) -> None:
    with socket.create_connection((LOOPBACK, relay.port), TIMEOUT) as client:
        inner, _ = server.accept()
        inner.close()

        assert client.recv(10) == b""


def test_without_a_server_connections_are_reset() -> None:
    nowhere = Ports().free()
    with (
        Relay(Ports().free(), nowhere) as relay,
        pytest.raises(ConnectionResetError),  # by whichever call it meets
        socket.create_connection((LOOPBACK, relay.port), TIMEOUT) as client,
    ):
        client.recv(10)
