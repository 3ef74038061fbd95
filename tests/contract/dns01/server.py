"""An HTTP server on loopback that answers as a vendor's fake says, counts, and fails on demand."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from tests.contract.dns01 import RETRY_AFTER, Fault


@dataclass(frozen=True, slots=True)
class Request:
    """What came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # by names in small letters
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Handle = Callable[[Request], Reply]

_FAILING: dict[Fault, Reply] = {
    Fault.REFUSED: Reply(b'{"message": "who are you?"}', 403),
    Fault.LIMITED: Reply(b'{"message": "slowly"}', 429, {"Retry-After": str(RETRY_AFTER)}),
    Fault.DOWN: Reply(b"out of order", 503),
    Fault.GARBAGE: Reply(b"<html>it works</html>"),
}


class VendorServer:
    """The server.  `url` has no final slash; `seen` is every request since the start."""

    def __init__(
        self, handle: Handle, failing: Mapping[Fault, Reply] | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._handle = handle
        self._failing = {**_FAILING, **(failing or {})}
        self._fault: Fault | None = None
        self._end = threading.Event()
        self._lock = threading.Lock()
        self.seen: list[Request] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self._server.server_port}"

    def fail(self, fault: Fault | None) -> None:
        """Fail in that way from now on; None: work again."""
        self._fault = fault

    @contextmanager
    def serving(self) -> Iterator[VendorServer]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._end.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _answer(self, request: Request) -> Reply | None:
        with self._lock:  # fakes are plain dictionaries
            self.seen.append(request)
            if self._fault is None:
                return self._handle(request)
        if self._fault is Fault.SILENT:
            self._end.wait(30)
            return None
        return self._failing[self._fault]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except ConnectionError:
                    self.close_connection = True

            def answer(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = server._answer(
                    Request(self.command, parts.path, dict(parse_qsl(parts.query)), headers, self.rfile.read(length))
                )
                if reply is None:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815  the names that the library asks for

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
