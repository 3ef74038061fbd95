"""How long a client may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a client may take, in seconds."""

    handshake: float = 5.0
    whole: float = 5.0  # from a request's first byte to its last: the longest that the API server waits for us
    idle: float = 0.7  # between two bytes of a request; the refusal shall be there within a second
    drain: float = 1.0  # that a client which was refused may go on sending
    keepalive: float = 120.0  # the API server closes after 90 s, and it shall be the one who closes
