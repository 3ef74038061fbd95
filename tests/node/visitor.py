"""Somebody on the Internet who visits a site, and trusts the CA alone."""

from __future__ import annotations

import http.client
import socket
import ssl

from tests.cluster import Cluster
from tests.node.network import HOST


def visit(cluster: Cluster, host: str) -> str | None:
    """Return what https://HOST/ answers, when its certificate is the CA's and for that host; None until then."""
    context = ssl.create_default_context(cadata=cluster.ca.root().decode())
    try:
        with (
            socket.create_connection((HOST, 443), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            secure.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            answer = http.client.HTTPResponse(secure)
            answer.begin()
            return answer.read().decode() if answer.status == http.HTTPStatus.OK else None
    except (OSError, ssl.SSLError):
        return None
