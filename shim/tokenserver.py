"""The HTTP server behind HTTP-01, fit for the internet: one loop in a thread of its own, one answer per connection.

    connection ──whole head in time?──> look up ──> answer ──> half-close ──> gone
          └── too late, too long, garbage, or the oldest of too many ──> gone

An idle connection costs a file descriptor and no thread.  Each has a deadline that no byte extends.  When more
are open than may be, the one that has been open for longest makes room, which is never the CA's that
has just come.  h11 reads the requests; bodies are not read at all.  What there is to answer is the caller's to say;
what is answered is never made from the request, and all that is not found is 404, without a word.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import h11

from shim.flags import Address
from shim.listening import listening

log = logging.getLogger(__name__)

# File descriptors that are left to everything else in the process: watches, requests, files.
SPARE_DESCRIPTORS: Final = 512
MOST_OPEN: Final = 4096
# A validation is one small request on a fresh connection; whoever needs longer is no CA.
READ_WITHIN: Final = 5.0
# How long the client may take to fetch its answer and hang up.
CLOSE_WITHIN: Final = 2.0
# Request line and headers together.  Proxies add some; a CA sends 200 bytes.
MOST_HEAD: Final = 8192
BACKLOG: Final = 1024


@dataclass(frozen=True, slots=True)
class Found:
    """What to answer; `fetched` is called in the loop's thread after an answer to GET, and must not block."""

    body: bytes
    fetched: Callable[[], None] = lambda: None


Find = Callable[[str, str], Found | None]


def host_and_path(request: h11.Request) -> tuple[str, str]:
    """Return whom and what a request asks for; the absolute form outweighs the Host header (RFC 9112 §3.2.2).

    Nothing is decoded: a token has no character that would need an escape (RFC 8555 §8.1).
    """
    target = request.target.decode("latin-1")
    host = next((value.decode("latin-1") for name, value in request.headers if name == b"host"), "")
    scheme, separator, rest = target.partition("://")
    if not separator or scheme.lower() != "http":
        return host, target
    authority, slash, path = rest.partition("/")
    return authority, slash + path


def without_port(host: str) -> str:
    """Return the host of a Host header."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


class _Connection(asyncio.Protocol):
    """One client: its request is read, answered, and the connection ends."""

    def __init__(self, server: TokenServer) -> None:
        self._server = server
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD)
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._answered = False
        self._received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the time that it has."""
        self._transport = cast("asyncio.Transport", transport)
        self._end_after(self._server.read_within)
        self._server.opened(self)

    def data_received(self, data: bytes) -> None:
        """Read on; what comes after the request's head (a body, another request) is thrown away."""
        if self._answered:
            return
        try:
            # h11 would take a longer head if it came in one piece.
            self._http.receive_data(data[: MOST_HEAD + 1 - self._received])
            self._received += len(data)
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self._answer(error.error_status_hint)
            return
        if isinstance(event, h11.Request):
            self._serve(event)

    def eof_received(self) -> bool:
        """Hang up as well."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it; a client that went away is nobody's error."""
        del exc
        if self._deadline is not None:
            self._deadline.cancel()
        self._server.closed(self)

    def drop(self) -> None:
        """End it now, whatever it is doing."""
        if self._transport is not None:
            self._transport.abort()

    def _serve(self, request: h11.Request) -> None:
        found = self._server.find(*host_and_path(request)) if request.method in {b"GET", b"HEAD"} else None
        if found is None:
            self._answer(404)
            return
        self._answer(200, found.body, with_head_only=request.method == b"HEAD")
        if request.method == b"GET":
            found.fetched()

    def _answer(self, status: int, body: bytes = b"", *, with_head_only: bool = False) -> None:
        """Send the answer and half-close: closing while unread bytes wait would reset what has been sent."""
        transport = self._transport
        assert transport is not None  # noqa: S101  data comes after connection_made
        self._answered = True
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), ("Connection", "close")]
        head = self._http.send(h11.Response(status_code=status, headers=headers)) or b""
        transport.write(head if with_head_only else head + body)
        transport.write_eof()
        self._end_after(CLOSE_WITHIN)
        log.debug("answered", extra={"client": str(transport.get_extra_info("peername")), "status": status})

    def _end_after(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self.drop)


class TokenServer:
    """The server, from `start` to `stop`.  `find` is asked, in the loop's thread, with the host and the path."""

    def __init__(
        self,
        address: Address,
        find: Find,
        *,
        name: str,
        read_within: float = READ_WITHIN,
        most_open: int | None = None,
    ) -> None:
        self.find = find
        self.read_within = read_within
        self._most_open = most_open if most_open is not None else _room()
        # In the order in which they were opened.
        self._open: dict[_Connection, None] = {}
        self._socket = listening(address, name, backlog=BACKLOG)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._running = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Serve; returns once it does."""
        self._thread.start()
        self._running.wait()

    def stop(self) -> None:
        """Stop serving; nothing when it has not begun."""
        if self._loop is not None and self._ending is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join()
        self._socket.close()

    def opened(self, connection: _Connection) -> None:
        """Count a connection; the oldest makes room when there are too many."""
        self._open[connection] = None
        if len(self._open) > self._most_open:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.drop()

    def closed(self, connection: _Connection) -> None:
        """Count it no more."""
        self._open.pop(connection, None)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._running.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ending = asyncio.Event()
        server = await self._loop.create_server(lambda: _Connection(self), sock=self._socket, backlog=BACKLOG)
        self._running.set()
        await self._ending.wait()
        server.close()
        for connection in tuple(self._open):
            connection.drop()
        await server.wait_closed()


def _room() -> int:
    """Return how many connections the process has file descriptors for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_OPEN
    return max(min(MOST_OPEN, soft - SPARE_DESCRIPTORS), 64)
