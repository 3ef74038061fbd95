"""Connections whose answers must be complete by a deadline.

A socket's timeout restarts with every byte, so a server that sends one byte now and then holds
a worker for as long as it likes; and any tenant may name any server in an Issuer.  Here the
timeout that the connection has when it starts to wait for the answer covers status line, headers
and body together: before each read the socket gets what is left of it.  (Connecting, the TLS
handshake and sending are bounded as a whole by Python already.)
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Mapping
from typing import Any, Final

from urllib3 import PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class _TimedReader(io.RawIOBase):
    """The reading half of a socket, until a moment of the monotonic clock."""

    def __init__(self, sock: socket.socket) -> None:
        timeout = sock.gettimeout()
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # a writable buffer; typeshed's name for it is not public
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the answer was not complete in time")
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedSocket:
    """What http.client asks of a socket when it makes a response."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._sock))


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(_TimedSocket(sock), *args, **kwargs)  # type: ignore[arg-type] # all it uses is makefile


class _TimedHTTPConnection(HTTPConnection):
    response_class = _TimedResponse


class _TimedHTTPSConnection(HTTPSConnection):
    response_class = _TimedResponse


class _TimedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _TimedHTTPConnection


class _TimedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _TimedHTTPSConnection


_POOLS: Final[Mapping[str, type[HTTPConnectionPool]]] = {"http": _TimedHTTPPool, "https": _TimedHTTPSPool}


def pool(proxy: str = "", **settings: Any) -> PoolManager:
    """Return a connection pool (directly or through a proxy) with such connections; settings are urllib3's."""
    manager = ProxyManager(proxy, **settings) if proxy else PoolManager(**settings)
    manager.pool_classes_by_scheme = dict(_POOLS)
    return manager
