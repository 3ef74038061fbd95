"""Answers HTTP-01: for every pending Challenge in the store, at any host that leads here.

    GET /.well-known/acme-challenge/<token>   Host: <the challenge's name>   → 200, the key authorization

It keeps nothing of its own, so every replica answers, from the moment at which the Challenge is in its
store.  A token is answered only for the name that it was given for (RFC 8555 §8.3), and only while a
Challenge with it exists.  Everything else is 404.

Hostile input: requests are read within a deadline and bounded by the server; no more than `MOST_AT_ONCE`
are served at a time, and what comes beyond that waits in the kernel's backlog.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

import structlog

from certs.api.challenge import Challenge
from shim.deadline import TimedReader
from shim.flags import Address
from shim.kube.store import Store
from shim.listener import Listener
from shim.stores import TOKEN

log: structlog.stdlib.BoundLogger = structlog.get_logger()

PREFIX: Final = "/.well-known/acme-challenge/"
MOST_AT_ONCE: Final = 128
# A validation is one small request on a fresh connection; whoever needs longer is no CA.
READ_WITHIN: Final = 5.0

Asked = Callable[[Challenge], None]


def key_authorization(challenges: Store[Challenge], host: str, path: str) -> Challenge | None:
    """Return the Challenge that a request is about, or None.  `host` is the Host header, with or without a port."""
    if not path.startswith(PREFIX):
        return None
    name = _without_port(host).lower()
    token = path.removeprefix(PREFIX)
    candidates = challenges.by_index(TOKEN, token) if token else ()
    return next((one for one in candidates if one.spec.dns_name == name and one.spec.type == "HTTP-01"), None)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


class _Handler(BaseHTTPRequestHandler):
    server: Responder
    protocol_version = "HTTP/1.1"
    server_version = "certshim"
    sys_version = ""

    def setup(self) -> None:
        """Read the whole request within the deadline, whatever the pace at which it comes."""
        super().setup()
        self.connection.settimeout(self.server.read_within)
        self.rfile = io.BufferedReader(TimedReader(self.connection))

    def do_GET(self) -> None:
        """Answer with the key authorization, or 404."""
        challenge = key_authorization(self.server.challenges, self.headers.get("Host", ""), self.path)
        if challenge is None:
            self._reply(HTTPStatus.NOT_FOUND, b"no challenge of this token is pending for this host\n")
            return
        self._reply(HTTPStatus.OK, challenge.spec.key.encode())
        self.server.asked(challenge)

    def _reply(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Log at debug: anybody on the internet can make these lines."""
        log.debug("responder", client=self.client_address[0], line=format % args)


class Responder(Listener):
    """The server; `asked` is called after each answer, which for the CA's request means: its verdict is near."""

    request_queue_size = 256

    def __init__(
        self, address: Address, challenges: Store[Challenge], asked: Asked, *, read_within: float = READ_WITHIN
    ) -> None:
        self.challenges = challenges
        self.asked = asked
        self.read_within = read_within
        self._free = threading.BoundedSemaphore(MOST_AT_ONCE)
        super().__init__(address, _Handler, name="responder")

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection, and make room for the next."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Wait for room, then serve in a thread."""
        self._free.acquire()  # released by the thread
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  the base class's signature
        """A client that went away is nobody's error."""
        log.debug("responder connection failed", client=str(client_address))
