"""A web server on loopback that answers as a test says, for whoever looks whether a token can be fetched."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "token.thumbprint"
PATH = "/.well-known/acme-challenge/token"
Answer = Callable[[BaseHTTPRequestHandler], None]


def say(status: int, body: bytes = b"", **headers: str) -> Answer:
    """Return an answer of that status."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


class Site:
    """A web server on loopback: `pages` by path, `hosts` is what it was asked for."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET, tls: ssl.SSLContext | None = None) -> None:
        self.pages: dict[str, Answer] = {PATH: say(200, KEY.encode())}
        self.hosts: list[str] = []
        self.names: list[str | None] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 5

            def do_GET(self) -> None:
                site.hosts.append(self.headers["Host"])
                with contextlib.suppress(OSError):
                    site.pages.get(self.path, say(404))(self)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        server = type("Server", (ThreadingHTTPServer,), {"address_family": family, "daemon_threads": True})
        self._server = server(("::1" if family is socket.AF_INET6 else "127.0.0.1", 0), Handler)
        if tls is not None:
            tls.sni_callback = lambda _sock, name, _context: self.names.append(name)
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
