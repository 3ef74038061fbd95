"""Hands certificates to the Caddy at the edge, which asks for one at each handshake.

The protocol is that of Caddy's `tls.get_certificate.http`: a GET with `server_name` in the query, answered with the
chain and the key as PEM.  On loopback, for the kit's throw-away keys alone.
"""

from __future__ import annotations

import http.server
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from tests.cluster.pki import Pair


class CertificateServer(http.server.ThreadingHTTPServer):
    """Answers each GET with what `choose` returns for the server name."""

    def __init__(self, port: int, choose: Callable[[str], Pair]) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.choose = choose


class _Handler(http.server.BaseHTTPRequestHandler):
    server: CertificateServer

    def do_GET(self) -> None:
        name = parse_qs(urlsplit(self.path).query).get("server_name", [""])[0]
        pair = self.server.choose(name)
        body = pair.certificate + pair.key
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: Caddy logs failed handshakes."""
