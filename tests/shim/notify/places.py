"""Real receivers: a mail server with STARTTLS and passwords, and an HTTP server, on this machine."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message as Mail
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


@dataclass
class Inbox:
    """What a mail server has taken, and where it is."""

    port: int
    ca_file: Path
    mails: list[Mail] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)


@dataclass
class Posted:
    """A request that an HTTP receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Hook:
    """An HTTP receiver; `status` is what it answers."""

    url: str
    posted: list[Posted] = field(default_factory=list)
    status: int = 200
    location: str = ""
    arrived: threading.Event = field(default_factory=threading.Event)


class _Handler:
    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def handle_RCPT(  # noqa: N802  the library's word
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  the library's word
        self._inbox.mails.append(message_from_bytes(envelope.content))
        self._inbox.recipients.append(envelope.rcpt_tos)
        return "250 OK"


@contextmanager
def mail_server(folder: Path, port: int, *, user: str = "certshim", password: str = "mail secret") -> Iterator[Inbox]:
    """Run a mail server that takes mail over TLS, from this user alone."""
    ca = trustme.CA()
    ca_file = folder / "mail-ca.pem"
    ca.cert_pem.write_to_path(ca_file)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    inbox = Inbox(port, ca_file)

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        is_right = isinstance(data, LoginPassword) and data == LoginPassword(user.encode(), password.encode())
        return AuthResult(success=is_right, handled=is_right)

    controller = Controller(
        _Handler(inbox),
        hostname="127.0.0.1",
        port=port,
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=authenticate,
    )
    controller.start()
    try:
        yield inbox
    finally:
        controller.stop()


@contextmanager
def hook() -> Iterator[Hook]:
    """Run an HTTP receiver."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.posted.append(Posted(self.path, dict(self.headers.items()), body))
            self.send_response(made.status)
            if made.location:
                self.send_header("Location", made.location)
            self.send_header("Content-Length", "0")
            self.end_headers()
            made.arrived.set()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Hook(f"http://127.0.0.1:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
