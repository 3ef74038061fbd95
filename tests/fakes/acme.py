"""A small ACME server for the faults that a real one cannot be made to show.

It follows RFC 8555 as far as a client can tell: nonces are its own and good for one request, signatures are
checked, accounts are known by key, an order goes pending → ready → processing → valid.  There is one account
key, validation succeeds at once, and the certificate is some PEM.  On top, `script(path, …)` puts answers before
what it would say: for each request to that path one is taken, until none is left.

What real servers do right is tested on Pebble (`tests/system`), not here.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, ClassVar, Self

from acme.jws import JWS
from josepy.b64 import b64encode
from josepy.errors import DeserializationError
from josepy.jwk import JWK

CHAIN = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
URN = "urn:ietf:params:acme:error:"
IDLE_LIMIT = 5.0  # seconds after which the server drops a silent connection; no test takes as long


@dataclass(frozen=True)
class Scripted:
    """An answer out of the ordinary.

    `hang` sends nothing until the server closes, `drip` the headers byte by byte for as long.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    drip: bool = False
    with_nonce: bool = True


@dataclass(frozen=True)
class Received:
    """A request: its method and path, the protected header and the payload (None: an empty one)."""

    method: str
    path: str
    protected: Mapping[str, Any]
    payload: Any
    user_agent: str


def problem(kind: str, status: int, detail: str = "told by the test", **more: Any) -> Scripted:
    """Return a problem document; `headers` and other members by keyword."""
    headers = {"Content-Type": "application/problem+json", **more.pop("headers", {})}
    body = json.dumps({"type": URN + kind, "detail": detail, "status": status, **more}).encode()
    return Scripted(status, body, headers)


class FakeCA:
    """The server; a context manager.  `url` is the directory's."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.offered: tuple[str, ...] = ("http-01",)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"fake": self}))
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.root = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.root}/dir"
        self.offers_ari = True
        self.offers_key_change = False
        self.closing = threading.Event()
        self.received: list[Received] = []
        self.account: dict[str, Any] | None = None
        self.orders: dict[str, dict[str, Any]] = {}
        self.meta: dict[str, Any] = {"termsOfService": f"{self.root}/terms", "profiles": {"short": "six days"}}
        self.connections = 0
        self.names = {"newNonce": "new-nonce", "newAccount": "new-account", "newOrder": "new-order"}
        self._scripts: defaultdict[str, deque[Scripted]] = defaultdict(deque)
        self._nonces: set[str] = set()
        self._numbers = count(1)
        self._lock = threading.Lock()

    def script(self, path: str, *answers: Scripted) -> None:
        """Answer the next requests to the path so."""
        self._scripts[path].extend(answers)

    def move(self, what: str) -> None:
        """Have what the directory calls so at another address from now on."""
        self.names[what] += "/moved"

    def requests(self, path: str) -> list[Received]:
        """Return what came to the path so far."""
        return [received for received in self.received if received.path == path]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    # --- what a server says by itself -----------------------------------------------------------

    def answer(self, method: str, path: str, body: bytes, user_agent: str) -> Scripted:
        protected: Mapping[str, Any] = {}
        payload = None
        refused = None
        if method == "POST":
            protected, payload, refused = self._open(path, body)
        self.received.append(Received(method, path, protected, payload, user_agent))
        if self._scripts[path]:
            return self._scripts[path].popleft()
        return refused or self._normal(path, payload, protected)

    def new_nonce(self) -> str:
        with self._lock:
            nonce = b64encode(f"nonce-{next(self._numbers)}".encode()).decode()
            self._nonces.add(nonce)
            return nonce

    def _open(self, path: str, body: bytes) -> tuple[Mapping[str, Any], Any, Scripted | None]:
        try:
            signed = JWS.json_loads(body.decode())
        except (DeserializationError, ValueError):
            return {}, None, problem("malformed", 400)
        protected = json.loads(signed.signature.protected)
        payload = json.loads(signed.payload) if signed.payload else None
        return protected, payload, self._refusal(path, signed, protected)

    def _refusal(self, path: str, signed: JWS, protected: Mapping[str, Any]) -> Scripted | None:
        with self._lock:
            if protected.get("nonce") not in self._nonces:
                return problem("badNonce", 400)
            self._nonces.remove(protected["nonce"])
        if protected.get("url") != self.root + path:
            return problem("unauthorized", 401)
        if path == "/new-account":
            return None if signed.verify() else problem("malformed", 400)
        if self.account is None or protected.get("kid") != f"{self.root}/account/1":
            return problem("accountDoesNotExist", 400)
        return None if signed.verify(self.account["key"]) else problem("malformed", 400)

    def _normal(self, path: str, payload: Any, protected: Mapping[str, Any]) -> Scripted:
        kind, _, number = path.lstrip("/").partition("/")
        if number == "moved":
            number = ""
        elif kind in {name.partition("/")[0] for name in self.names.values()} - set(self.names.values()):
            return problem("malformed", 404, "not found")
        says: dict[str, Callable[[], Scripted]] = {
            "dir": lambda: _json(self._directory()),
            "new-nonce": Scripted,
            "new-account": lambda: self._account(payload, protected),
            "account": lambda: self._account(payload, protected),
            "new-order": lambda: self._new_order(payload),
        }
        says_of_order = {
            "order": self._order,
            "finalize": self._finalize,
            "authorization": self._authorization,
            "challenge": self._challenge,
            "certificate": self._certificate,
        }
        if kind in says_of_order and number in self.orders:
            return says_of_order[kind](number)
        return says[kind]() if kind in says else problem("malformed", 404, "not found")

    def _directory(self) -> dict[str, Any]:
        urls = {key: f"{self.root}/{path}" for key, path in self.names.items()}
        if self.offers_ari:
            urls["renewalInfo"] = f"{self.root}/ari"
        if self.offers_key_change:
            urls["keyChange"] = f"{self.root}/key-change"
        return {**urls, "meta": self.meta, "surprise": {"new": True}}

    def _account(self, payload: Any, protected: Mapping[str, Any]) -> Scripted:
        if payload and payload.get("onlyReturnExisting") and self.account is None:
            return problem("accountDoesNotExist", 400)
        status = 200 if self.account else 201
        if self.account is None:
            self.account = {"contact": [], "key": JWK.from_json(protected["jwk"])}
        if payload and "contact" in payload:
            self.account["contact"] = payload["contact"]
        shown = {"status": "valid", "contact": self.account["contact"], "orders": f"{self.root}/orders"}
        return _json(shown, status, {"Location": f"{self.root}/account/1"})

    def _new_order(self, payload: Any) -> Scripted:
        number = str(next(self._numbers))
        self.orders[number] = {
            "status": "pending",
            "identifiers": payload["identifiers"],
            "authorizations": [f"{self.root}/authorization/{number}"],
            "finalize": f"{self.root}/finalize/{number}",
            "expires": "2026-11-25T12:00:00.123456789Z",
            "error": None,
        }
        return _json(self.orders[number], 201, {"Location": f"/order/{number}"})

    def _order(self, number: str) -> Scripted:
        order = self.orders[number]
        shown = dict(order)
        if order["status"] == "processing":
            order |= {"status": "valid", "certificate": f"{self.root}/certificate/{number}"}
        return _json(shown)

    def _finalize(self, number: str) -> Scripted:
        order = self.orders[number]
        if order["status"] != "ready":
            return problem("orderNotReady", 403)
        order["status"] = "processing"
        return _json(order, 200, {"Retry-After": "5"})

    def _challenge(self, number: str) -> Scripted:
        self.orders[number]["status"] = "ready"
        return _json({})

    def _certificate(self, _number: str) -> Scripted:
        links = f'<{self.root}/dir>;rel="index", <{self.root}/other/1>;rel="alternate"'
        return Scripted(200, CHAIN.encode(), {"Link": links})

    def _authorization(self, number: str) -> Scripted:
        order = self.orders[number]
        challenges = [
            *(
                {"type": kind, "url": f"{self.root}/challenge/{number}", "token": "dG9rZW4", "status": "pending"}
                for kind in self.offered
            ),
            {"type": "from-the-future-01", "url": f"{self.root}/challenge/{number}", "records": [1]},
        ]
        status = "pending" if order["status"] == "pending" else "valid"
        return _json({"status": status, "identifier": order["identifiers"][0], "challenges": challenges})


class _Handler(BaseHTTPRequestHandler):
    """The wire side; `fake` is set on a subclass per server."""

    fake: ClassVar[FakeCA]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes
    timeout = IDLE_LIMIT

    def setup(self) -> None:
        super().setup()
        self.fake.connections += 1

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        scripted = self.fake.answer(self.command, self.path, body, self.headers.get("User-Agent", ""))
        if scripted.hang or scripted.drip:
            self.close_connection = True
            self._hold(drip=scripted.drip)
        else:
            self._send(scripted)

    do_HEAD = do_POST = do_GET  # noqa: N815 - http.server looks for these

    def log_message(self, *_: object) -> None:
        pass

    def _send(self, scripted: Scripted) -> None:
        self.send_response(scripted.status)
        for name, value in scripted.headers.items():
            self.send_header(name, value)
        if scripted.with_nonce and self.command != "GET":
            self.send_header("Replay-Nonce", self.fake.new_nonce())
        self.send_header("Content-Length", str(len(scripted.body)))
        self.end_headers()
        try:
            self.wfile.write(b"" if self.command == "HEAD" else scripted.body)
        except OSError:
            self.close_connection = True  # the client had enough

    def _hold(self, *, drip: bool) -> None:
        while drip and not self.fake.closing.wait(0.02):
            try:
                self.wfile.write(b"H")
            except OSError:
                return
        self.fake.closing.wait(IDLE_LIMIT)


def _json(value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Scripted:
    return Scripted(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})
