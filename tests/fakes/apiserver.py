"""An API server on loopback that misbehaves on demand: for faults that the real one cannot be made to show.

By itself it lists (in pages), watches (with bookmarks on request) and writes as `tests.fakes.history` says.
`script` puts faults in front of that, used up one per request of a verb: list, watch, get, create, apply,
patch, update, delete.  `seen` is what was asked.

    with FakeAPIServer() as server:
        server.script("list", Status(403, "Forbidden"), Close())
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, NamedTuple, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import jsonpatch

from certs.api.meta import KubeObject, to_builtins
from tests.fakes.history import Collection, History, Key, Plain, Refused


class Seen(NamedTuple):
    """A request that came in."""

    verb: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Status:
    """Refuse with a Status of this code."""

    code: int
    reason: str = ""
    message: str = ""
    retry_after: int | None = None


@dataclass(frozen=True)
class Answer:
    """Answer with exactly this."""

    body: bytes
    code: int = 200


@dataclass(frozen=True)
class Close:
    """Hang up without an answer."""


@dataclass(frozen=True)
class Silence:
    """Take the request and say nothing, until the client or the test hangs up."""


@dataclass(frozen=True)
class Stream:
    """Begin a watch, say these chunks, one every `drip` seconds, and end in one of four ways."""

    chunks: tuple[bytes, ...] = ()
    then: Literal["end", "close", "reset", "silence"] = "end"
    drip: float = 0.0


Fault = Status | Answer | Close | Silence | Stream

_PATCHES: Final = {"application/apply-patch+yaml": "apply", "application/json-patch+json": "json-patch"}
_VERBS: Final = {"POST": "create", "PUT": "update", "DELETE": "delete"}


@dataclass
class FakeAPIServer:
    """Use as a context manager; everything it says and hears is on 127.0.0.1."""

    history: History = field(default_factory=History)
    seen: list[Seen] = field(default_factory=list)
    uninstalled: set[str] = field(default_factory=set)  # plurals whose kind is not there

    def __post_init__(self) -> None:
        self._faults: dict[str, deque[Fault | None]] = defaultdict(deque)
        self._heard = threading.Condition()
        self._bookmarks = 0
        self._closing = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._port = 0
        self._listener: _Listener | None = None

    def __enter__(self) -> Self:
        self.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()

    @property
    def url(self) -> str:
        """Where it listens; the same after `refuse` and `listen`."""
        return f"http://127.0.0.1:{self._port}"

    def kubeconfig(self, path: Path) -> str:
        """Write a kubeconfig file for it and return its name."""
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "fake",
                    "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
                    "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
                    "users": [{"name": "fake", "user": {"token": "sesame"}}],
                }
            )
        )
        return str(path)

    def listen(self) -> None:
        """Accept connections (again)."""
        self._closing.clear()
        self._listener = _Listener(self, self._port)
        self._port = self._listener.server_address[1]
        threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True).start()

    def refuse(self) -> None:
        """Hang up on everybody and refuse connections until `listen`."""
        if self._listener is None:
            return
        self._closing.set()
        self._listener.shutdown()
        self._listener.socket.close()
        self.hang_up()
        self._listener.server_close()
        self._listener = None

    def hang_up(self) -> None:
        """Cut all connections."""
        with self._heard:
            sockets = list(self._sockets)
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # its client was faster
        with self.history.changed:
            self.history.changed.notify_all()

    def script(self, verb: str, *faults: Fault | None) -> None:
        """Meet the next requests of that verb with these, one each; with None as if nothing had been said."""
        self._faults[verb].extend(faults)

    def put(self, obj: KubeObject) -> Plain:
        """Create or replace an object as another client would; return it as stored."""
        resource = obj.resource
        plain = to_builtins(obj)
        collection = (resource.api_version, resource.plural)
        old = self.history.objects.get(collection, {}).get((obj.metadata.namespace, obj.metadata.name))
        if old is None:
            return self.history.create(collection, plain)
        plain["metadata"]["uid"] = old["metadata"]["uid"]
        return self.history.put(collection, plain, "MODIFIED")

    def remove(self, obj: KubeObject) -> None:
        """Delete an object as another client would."""
        collection = (obj.resource.api_version, obj.resource.plural)
        self.history.delete(collection, (obj.metadata.namespace, obj.metadata.name), {})

    def bookmark(self) -> None:
        """Send a bookmark to every watch."""
        with self.history.changed:
            self.history.version += 1
            self._bookmarks += 1
            self.history.changed.notify_all()

    def count(self, verb: str) -> int:
        """How often was that asked?"""
        return sum(request.verb == verb for request in self.seen)

    def wait_until(self, condition: Callable[[], bool], timeout: float = 5.0) -> bool:
        """Block until the condition holds, looking again after each request; False if it does not within the time."""
        deadline = time.monotonic() + timeout
        with self._heard:
            while not condition():
                if time.monotonic() > deadline:
                    return False
                self._heard.wait(0.01)
        return True

    def hear(self, request: Seen) -> Fault | None:
        """Take note of a request; return the fault that is its turn."""
        with self._heard:
            self.seen.append(request)
            self._heard.notify_all()
            faults = self._faults[request.verb]
            return faults.popleft() if faults else None

    def attend(self, sock: socket.socket, *, gone: bool) -> None:
        """Keep the list of open connections; one that was accepted while closing is closed."""
        with self._heard:
            (self._sockets.discard if gone else self._sockets.add)(sock)
        if self._closing.is_set() and not gone:
            sock.shutdown(socket.SHUT_RDWR)

    @property
    def closing(self) -> threading.Event:
        """Set while it refuses connections."""
        return self._closing

    @property
    def bookmarks(self) -> int:
        """How many bookmarks were asked for."""
        return self._bookmarks


class _Listener(ThreadingHTTPServer):
    allow_reuse_address = True
    request_queue_size = 64  # many clients at once are no fault
    daemon_threads = False  # so that server_close waits for the handlers

    def __init__(self, server: FakeAPIServer, port: int) -> None:
        self.fake = server
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that hang up are the subject of these tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes
    server: _Listener

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is inherited
        """Say nothing."""

    def setup(self) -> None:
        super().setup()
        self.server.fake.attend(self.connection, gone=False)

    def finish(self) -> None:
        self.server.fake.attend(self.connection, gone=True)
        super().finish()

    def do_GET(self) -> None:
        """Every method comes here."""
        fake = self.server.fake
        url = urlsplit(self.path)
        target = _Target.of(url.path)
        query = dict(parse_qsl(url.query))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        verb = _verb(self.command, target, query, self.headers.get("Content-Type", ""))
        fault = fake.hear(Seen(verb, url.path, query, dict(self.headers), body))
        try:
            if fault is not None:
                self._perform(fault)
            elif target.collection[1] in fake.uninstalled:
                self._answer(404, b"404 page not found\n")
            elif verb == "watch":
                self._watch(target, int(query["resourceVersion"]))
            else:
                answer = _respond(fake.history, verb, target, query, body)
                self._answer(201 if verb == "create" else 200, json.dumps(answer).encode())
        except Refused as refused:
            self._answer(refused.code, json.dumps(refused.status).encode(), refused.headers)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815  # the names are inherited

    def _answer(self, code: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _perform(self, fault: Fault) -> None:
        match fault:
            case Status(code, reason, message, after):
                raise Refused(code, reason, message, headers={} if after is None else {"Retry-After": str(after)})
            case Answer(body, code):
                self._answer(code, body)
            case Close():
                self.close_connection = True
            case Silence():
                self._say_nothing()
            case Stream(chunks, then, drip):
                self._begin_stream()
                for chunk in chunks:
                    self._chunk(chunk)
                    self.server.fake.closing.wait(drip)
                self._end(then)

    def _end(self, then: str) -> None:
        self.close_connection = True
        if then == "end":
            self.wfile.write(b"0\r\n\r\n")
        elif then == "silence":
            self._say_nothing()
        elif then == "reset":  # lingering for no time makes the close a RST
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _say_nothing(self) -> None:
        """Block until somebody hangs up: the client sends no more, so a read ends with the connection."""
        self.close_connection = True
        self.rfile.read(1)

    def _begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _watch(self, target: _Target, version: int) -> None:
        """Send events from the history as they come, until somebody hangs up."""
        fake, history = self.server.fake, self.server.fake.history
        self._begin_stream()
        if version < history.floor:
            self._chunk(line("ERROR", Refused(410, "Expired", "too old resource version").status))
            self._end("end")
            return
        bookmarks = fake.bookmarks
        while not fake.closing.is_set():
            with history.changed:
                lines = [
                    line(change, obj)
                    for at, collection, change, obj in history.events
                    if at > version and collection == target.collection and target.covers(obj)
                ]
                if fake.bookmarks > bookmarks:
                    bookmarks = fake.bookmarks
                    lines.append(line("BOOKMARK", {"metadata": {"resourceVersion": str(history.version)}}))
                version = max(version, history.version)
                if not lines:
                    history.changed.wait(0.05)
            for data in lines or [b""]:
                if data:
                    self._chunk(data)
        self.close_connection = True


@dataclass(frozen=True)
class _Target:
    """What a URL path is about."""

    collection: Collection
    key: Key
    subresource: str = ""

    @classmethod
    def of(cls, path: str) -> _Target:
        """Read /api/v1/… and /apis/group/version/…, with or without all that may follow; discovery is scripted."""
        _, root, *rest = [unquote(part) for part in path.split("/")]
        depth = 1 if root == "api" else 2
        api_version, rest = "/".join(rest[:depth]), rest[depth:]
        namespace = ""
        if rest[:1] == ["namespaces"] and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        plural, name, subresource = [*rest, "", "", ""][:3]
        return cls((api_version, plural), (namespace, name), subresource)

    def covers(self, obj: Plain) -> bool:
        """Is the object in the collection's namespace?"""
        return self.key[0] in ("", obj["metadata"].get("namespace", ""))


def line(change: str, obj: Plain) -> bytes:
    """Return one line of a watch."""
    return json.dumps({"type": change, "object": obj}).encode() + b"\n"


def _verb(method: str, target: _Target, query: Mapping[str, str], content_type: str) -> str:
    if method == "GET":
        return "get" if target.key[1] else "watch" if "watch" in query else "list"
    if method == "PATCH":
        return _PATCHES.get(content_type.partition(";")[0], "patch")
    return _VERBS[method]


def _respond(history: History, verb: str, target: _Target, query: Mapping[str, str], body: bytes) -> Plain:
    """Do what a well-behaved server does and return the answer."""
    collection, key = target.collection, target.key
    sent: Plain = json.loads(body) if body else {}
    is_new = key not in history.objects.get(collection, {})
    match verb:
        case "list":
            answer = history.page(collection, key[0], int(query.get("limit", 0)), query.get("continue", ""))
        case "get":
            answer = history.get(collection, key)
        case "create" | "apply" if verb == "create" or is_new:
            answer = history.create(collection, sent)
        case "update":
            history.demand_version(history.get(collection, key), sent["metadata"].get("resourceVersion"))
            answer = history.merge(collection, key, {"status": sent.get("status")})
        case "json-patch":
            old = history.get(collection, key)
            new: Plain = jsonpatch.apply_patch(json.loads(json.dumps(old)), body)  # with lists where a test put tuples
            history.demand_version(old, new["metadata"]["resourceVersion"])
            answer = history.put(collection, new, "MODIFIED")
        case "delete":
            answer = history.delete(collection, key, sent.get("preconditions", {}))
        case _:
            answer = history.merge(collection, key, sent)
    return answer
