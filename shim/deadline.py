"""Reads that must be complete by a moment, however slowly the other side sends.

A socket's timeout restarts with every byte, so whoever sends one byte now and then holds a worker for as long
as it likes.  Here the timeout that a socket has when reading begins covers all that is read: before each read
the socket gets what is left of it.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any


class TimedReader(io.RawIOBase):
    """The reading half of a socket, until a moment of the monotonic clock; then TimeoutError."""

    def __init__(self, sock: socket.socket) -> None:
        timeout = sock.gettimeout()
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:  # a writable buffer; typeshed's name for it is not public
        """Read what there is, if there is time left."""
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the answer was not complete in time")
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Close this half."""
        self._raw.close()
        super().close()


class _TimedSocket:
    """What http.client asks of a socket when it makes a response."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(TimedReader(self._sock))


class TimedResponse(http.client.HTTPResponse):
    """A response whose status line, headers and body together must be there in time."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(_TimedSocket(sock), *args, **kwargs)  # type: ignore[arg-type] # all it uses is makefile
