"""Connections whose answers must be complete by a deadline.

Any tenant may name any server in an Issuer, so a server that sends one byte now and then must not hold a worker
for as long as it likes (`shim.deadline`): the timeout that the connection has when it starts to wait for the
answer covers status line, headers and body together.  (Connecting, the TLS handshake and sending are
bounded as a whole by Python already.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from urllib3 import PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from shim.deadline import TimedResponse
from shim.proxy import proxy as proxy_named


class _TimedHTTPConnection(HTTPConnection):
    response_class = TimedResponse


class _TimedHTTPSConnection(HTTPSConnection):
    response_class = TimedResponse


class _TimedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _TimedHTTPConnection


class _TimedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _TimedHTTPSConnection


_POOLS: Final[Mapping[str, type[HTTPConnectionPool]]] = {"http": _TimedHTTPPool, "https": _TimedHTTPSPool}


def pool(proxy: str = "", **settings: Any) -> PoolManager:
    """Return a connection pool (directly or through a proxy) with such connections; settings are urllib3's."""
    manager = _through(proxy, **settings) if proxy else PoolManager(**settings)
    manager.pool_classes_by_scheme = dict(_POOLS)
    return manager


def _through(named: str, **settings: Any) -> ProxyManager:
    chosen = proxy_named(named)
    return ProxyManager(chosen.url, proxy_headers=chosen.headers, **settings)
