"""Free loopback ports, chosen before the programs that will listen on them are started.

They come from below Linux' range of ephemeral ports (32768 and up), so that no outgoing
connection of some process takes one between the choice and the start.  Two kits that run at the same
time choose at random among twenty thousand; each choice is tried by binding it.
"""

from __future__ import annotations

import random
import socket

_RANGE = range(10_240, 32_000)


class Ports:
    """Hands out ports; never the same twice."""

    def __init__(self) -> None:
        self._given: set[int] = set()
        self._random = random.SystemRandom()  # a seeded run must not choose what another run chose

    def free(self) -> int:
        """Return a TCP port that is free on 127.0.0.1 for TCP and UDP."""
        while True:
            port = self._random.choice(_RANGE)
            if port not in self._given and _is_free(port):
                self._given.add(port)
                return port


def has_ipv6() -> bool:
    """Can something listen on the loopback address of IPv6 here?"""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
