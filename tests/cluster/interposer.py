"""A TLS proxy on loopback between a client and a Pebble, that makes the CA do what a good one does not.

    client ──TLS──> interposer ──TLS──> Pebble
                        └ rules: for each kind of request, acts that are taken one after another

Pebble builds its URLs from the Host header and checks signatures against it, so the header is passed on and nothing
has to be rewritten.  An act gets the request and may answer by itself, pass it on and change the answer, or have the
connection break.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final, Self
from urllib.parse import urlsplit

from tests.cluster.ca import Pebble
from tests.cluster.pki import CA

URN: Final = "urn:ietf:params:acme:error:"
# Pebble's paths, by what RFC 8555 calls them.
KINDS: Final = (
    ("directory", re.compile(r"/dir")),
    ("new-nonce", re.compile(r"/nonce-plz")),
    ("new-account", re.compile(r"/sign-me-up")),
    ("new-order", re.compile(r"/order-plz")),
    ("order", re.compile(r"/my-order/")),
    ("orders", re.compile(r"/list-orderz/")),
    ("authorization", re.compile(r"/authZ/")),
    ("challenge", re.compile(r"/chalZ/")),
    ("finalize", re.compile(r"/finalize-order/")),
    ("certificate", re.compile(r"/certZ/")),
)
_PASSED_ON: Final = frozenset(("content-type", "accept", "user-agent", "host"))
_NOT_PASSED_BACK: Final = frozenset(("content-length", "transfer-encoding", "connection", "date"))
_WITHIN: Final = 20.0


class Broken(Exception):
    """The connection to the client is cut."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the client."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def with_json(self, **members: Any) -> Answer:
        """Return it with these members of its object replaced; None removes one."""
        changed = json.loads(self.body) | members
        body = json.dumps({name: value for name, value in changed.items() if value is not None}).encode()
        return replace(self, body=body)

    def with_headers(self, **headers: str) -> Answer:
        """Return it with more headers; an underscore is a hyphen."""
        return replace(self, headers={**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}})


# Takes what passes the request on; returns the answer, or raises Broken.
Act = Callable[[Callable[[], Answer]], Answer]


def refuse(kind: str, status: int, detail: str = "told by the test", **more: Any) -> Act:
    """Answer with a problem document; `headers` and other members by keyword.  Pebble never hears of the request."""
    headers = {"Content-Type": "application/problem+json", **more.pop("headers", {})}
    body = json.dumps({"type": URN + kind, "detail": detail, "status": status, **more}).encode()
    return lambda _pass_on: Answer(status, headers, body)


def say(status: int, body: bytes, **headers: str) -> Act:
    """Answer with that."""
    return lambda _pass_on: Answer(status, {k.replace("_", "-"): v for k, v in headers.items()}, body)


def edit(change: Callable[[Answer], Answer]) -> Act:
    """Pass it on, and change the answer."""
    return lambda pass_on: change(pass_on())


def after(what: Callable[[], None]) -> Act:
    """Do something first, then pass it on."""

    def act(pass_on: Callable[[], Answer]) -> Answer:
        what()
        return pass_on()

    return act


def pass_on(forward: Callable[[], Answer]) -> Answer:
    """Change nothing: for where only a later request is to be met."""
    return forward()


def break_before(_forward: Callable[[], Answer]) -> Answer:
    """Cut the connection; Pebble never hears of the request."""
    raise Broken


def break_after(forward: Callable[[], Answer]) -> Answer:
    """Have Pebble do it, and cut the connection before the client hears of it."""
    forward()
    raise Broken


class Interposer:
    """Use it as a context.  For an issuer it is a CA of its own: `directory_url`, `root_file`."""

    def __init__(self, pebble: Pebble, port: int, folder: Path) -> None:
        self.directory_url = f"https://127.0.0.1:{port}/dir"
        self.root_file = folder / "interposer-root.crt"
        self.seen: list[tuple[str, float]] = []  # what came, and when (monotonic)
        self.passed: list[str] = []  # what Pebble was asked
        self._pebble = urlsplit(pebble.directory_url)
        self._trust = ssl.create_default_context(cafile=str(pebble.root_file))
        self._rules: dict[str, deque[Act]] = defaultdict(deque)
        self._always: dict[str, Act] = {}
        self._lock = threading.Lock()
        ca = CA("interposer CA")
        self.root_file.write_bytes(ca.pem)
        self._server = _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"interposer": self}))
        pair = ca.server("127.0.0.1")
        (folder / "interposer.crt").write_bytes(pair.certificate)
        (folder / "interposer.key").write_bytes(pair.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "interposer.crt", folder / "interposer.key")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def on(self, kind: str, *acts: Act) -> None:
        """Have the next requests of that kind met by these, one each; what comes then is passed on."""
        with self._lock:
            self._rules[kind].extend(acts)

    def always(self, kind: str, act: Act | None) -> None:
        """Have all requests of that kind met by this; None: passed on again."""
        with self._lock:
            if act is None:
                self._always.pop(kind, None)
            else:
                self._always[kind] = act

    def count(self, kind: str) -> int:
        """Return how many requests of that kind came."""
        with self._lock:
            return sum(1 for other, _ in self.seen if other == kind)

    def times(self, kind: str) -> list[float]:
        """Return when they came."""
        with self._lock:
            return [at for other, at in self.seen if other == kind]

    def meet(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request by its rule."""
        kind = next((kind for kind, pattern in KINDS if pattern.match(path)), "other")
        with self._lock:
            self.seen.append((kind, time.monotonic()))
            rules = self._rules[kind]
            act = rules.popleft() if rules else self._always.get(kind, pass_on)

        def forward() -> Answer:
            with self._lock:
                self.passed.append(kind)
            return self._forward(method, path, headers, body)

        return act(forward)

    def _forward(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        host, port = self._pebble.hostname or "", self._pebble.port
        connection = http.client.HTTPSConnection(host, port, timeout=_WITHIN, context=self._trust)
        try:
            connection.request(method, path, body=body or None, headers=dict(headers))
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _NOT_PASSED_BACK}
            links = answer.headers.get_all("Link")
            if links:
                kept["Link"] = ", ".join(links)
            return Answer(answer.status, kept, answer.read())
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: connections break here on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _WITHIN
    interposer: ClassVar[Interposer]

    def do_GET(self) -> None:
        self._meet()

    def do_HEAD(self) -> None:
        self._meet()

    def do_POST(self) -> None:
        self._meet()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Say nothing."""

    def _meet(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name: value for name, value in self.headers.items() if name.lower() in _PASSED_ON}
        try:
            answer = self.interposer.meet(self.command, self.path, headers, body)
        except Broken:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        except OSError:  # Pebble is not there
            answer = Answer(502, {}, b"")
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
