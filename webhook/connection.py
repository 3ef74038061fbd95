"""One HTTP/1.1 connection: bytes in, requests answered on the spot, each answer in one write.

    idle ──first byte──> arriving ──whole──> answered ──> idle, or closed
                            │
                            ├─ needs a look-up ──> waiting ──looked up──> answered; nothing is read meanwhile
                            │
                            ├─ nothing for `idle`, not whole within `whole` ──> 408, closed
                            ├─ the client ends its side too early ────────────> 400, closed
                            └─ malformed, or larger than any review ──────────> 4xx, the rest drained, closed

gunicorn's own connection runs a task for each request so that an ASGI application may await; ours awaits nothing
(the rare look-up runs on a thread, and its end is a callback), so a request is answered within `data_received`:
no task, no event, no queue, which halves the cost of a review.
The parser is gunicorn's, with its limits and its checks against smuggling.
A client that still sends when it is refused is read for a moment longer, because closing would reset the
connection before it has seen the answer.  There is one timer per connection, which looks after both
idleness and lateness; a request that comes in one piece, as nearly all do, does not touch it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from typing import Any, Final, Protocol

from gunicorn.asgi.parser import LimitRequestHeaders, LimitRequestLine, ParseError, UnsupportedTransferCoding

from webhook.deadlines import Deadlines
from webhook.lookups import LookUps
from webhook.review import MAX_BODY, Deferred, Reply
from webhook.site import Request, Site

MAX_LINE: Final = 8190  # bytes of the request line, and of each header: gunicorn's defaults
MAX_HEADERS: Final = 100


class Host(Protocol):
    """What the worker process is to its connections."""

    site: Site
    look_ups: LookUps
    deadlines: Deadlines
    parser: Callable[..., Any]
    loop: asyncio.AbstractEventLoop
    alive: bool
    nr_conns: int
    connections: set[Connection]
    date: bytes


class TooLarge(Exception):
    """The body is larger than any review."""


class Connection(asyncio.Protocol):
    """Serves one client."""

    _transport: asyncio.Transport  # from `connection_made` on, which asyncio calls first

    def __init__(self, host: Host, *, secure: bool) -> None:
        self._host = host
        self._secure = secure
        self._timer: asyncio.TimerHandle | None = None
        self._body: bytes | bytearray = b""
        self._began: float | None = None  # of the request that is arriving
        self._last = 0.0  # when something was heard or said
        self._refused = False
        self._waiting = False  # for a look-up
        self._held = b""  # what came meanwhile
        self._parser = host.parser(
            on_headers_complete=self._on_headers,
            on_body=self._on_body,
            limit_request_line=MAX_LINE,
            limit_request_fields=MAX_HEADERS,
            limit_request_field_size=MAX_LINE,
        )

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # it is a stream's
        """Begin, idle."""
        self._transport = transport
        self._host.nr_conns += 1
        self._host.connections.add(self)
        self._last = self._host.loop.time()
        self._watch_until(self._last + self._host.deadlines.keepalive)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and answer every request that they complete."""
        if self._refused:
            return
        if self._waiting:
            self._held += data  # at most what was on its way when reading stopped
            return
        self._last = self._host.loop.time()
        self._take(data)

    def _take(self, data: bytes) -> None:
        while data and self._feed(data):
            if not self._parser.is_complete:
                self._expect_more()
                return
            data = self._parser.remaining()
            if not self._answer(data):
                return

    def end_if_idle(self, since: float) -> None:
        """Close, unless a request is under way or there was one after that moment of the loop's clock."""
        if self._began is None and not self._waiting and not self._refused and self._last <= since:
            self._close()

    def eof_received(self) -> None:
        """Tell a client that ended its side too early; the transport closes by itself."""
        if self._began is not None and not self._refused and not self._waiting:
            self._refuse(400, "the request ended before it was whole")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """End."""
        self._refused = True
        self._host.nr_conns -= 1
        self._host.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def pause_writing(self) -> None:
        """Hear no more from a client that does not read."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Hear it again."""
        if not self._waiting:
            self._transport.resume_reading()

    def _feed(self, data: bytes) -> bool:
        """Parse; answers and returns False what is no request."""
        try:
            self._parser.feed(data)
        except TooLarge:
            self._refuse(413, f"a review has at most {MAX_BODY} bytes", drain=True)
        except LimitRequestLine:
            self._refuse(414, "the request line is too long", drain=True)
        except LimitRequestHeaders:
            self._refuse(431, "there are too many headers, or one is too long", drain=True)
        except UnsupportedTransferCoding:
            self._refuse(501, "send a body plain or chunked", drain=True)
        except (ParseError, ValueError) as error:  # int() refuses thousands of digits
            self._refuse(400, f"this is no HTTP request: {str(error)[:120]}", drain=True)
        else:
            return True
        return False

    def _on_headers(self) -> bool:
        """Called by the parser; returns that the body is not to be skipped."""
        if (self._parser.content_length or 0) > MAX_BODY:
            raise TooLarge
        if (b"expect", b"100-continue") in self._parser.headers and self._parser.http_version >= (1, 1):
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return False

    def _on_body(self, chunk: bytes) -> None:
        """Called by the parser."""
        if not self._body:
            self._body = chunk  # all of it, as nearly always
        elif isinstance(self._body, bytearray):
            self._body += chunk
        else:
            self._body = bytearray(self._body + chunk)
        if len(self._body) > MAX_BODY:
            raise TooLarge

    def _expect_more(self) -> None:
        """Hold the client to its deadlines from now on."""
        if self._began is None:
            self._began = self._last
            self._watch_until(self._due())

    def _answer(self, rest: bytes) -> bool:
        """Answer the request that is whole; False when it was the connection's last, or has to wait.

        `rest` is what came behind it.
        """
        parser = self._parser
        request = Request(parser.method, parser.path, parser.headers, bytes(self._body), self._secure)
        answer = self._host.site.answer(request)
        if isinstance(answer, Deferred):
            self._waiting, self._held = True, rest
            self._transport.pause_reading()
            self._host.look_ups.run(answer, self._looked_up)
            return False
        return self._end_request(answer)

    def _looked_up(self, reply: Reply) -> None:
        """Go on where the look-up began."""
        self._waiting = False
        if self._refused or self._transport.is_closing():  # the client did not wait
            return
        self._last = self._host.loop.time()
        if self._end_request(reply):
            self._transport.resume_reading()
            held, self._held = self._held, b""
            self._take(held)

    def _end_request(self, reply: Reply) -> bool:
        """Send the answer; False when it was the connection's last."""
        parser = self._parser
        last = reply.close or not parser.should_keep_alive or not self._host.alive
        self._send(reply, last=last, bodiless=parser.method == b"HEAD")
        if last:
            self._close()
            return False
        self._began = None
        self._body = b""
        parser.reset()
        return True

    def _refuse(self, status: int, message: str, *, drain: bool = False) -> None:
        """Answer what is no request and end, at once or when the client has stopped sending."""
        self._refused = True
        self._body = b""
        self._send(self._host.site.refuse(status, message), last=True)
        if drain:
            self._watch_until(self._host.loop.time() + self._host.deadlines.drain)
        else:
            self._close()

    def _send(self, reply: Reply, *, last: bool, bodiless: bool = False) -> None:
        """Write head and body at once: one TLS record, one system call."""
        line = _line(reply.status)
        closing = b"\r\nConnection: close" if last else b""
        head = b"%bContent-Type: %b\r\nContent-Length: %d\r\nDate: %b%b\r\n\r\n" % (
            line,
            reply.content_type.encode("latin-1"),
            len(reply.body),
            self._host.date,
            closing,
        )
        self._write(head if bodiless else head + reply.body)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def _close(self) -> None:
        self._refused = True
        self._transport.close()
        self._watch_until(self._host.loop.time() + self._host.deadlines.drain)

    def _due(self) -> float:
        """When patience ends."""
        deadlines = self._host.deadlines
        if self._began is None:
            return self._last + deadlines.keepalive
        return min(self._last + deadlines.idle, self._began + deadlines.whole)

    def _watch_until(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._host.loop.call_at(due, self._watch)

    def _watch(self) -> None:
        """End what is over; what was moved in the meantime is watched on."""
        if self._refused:  # had its time to read the answer
            self._transport.abort() if self._transport.is_closing() else self._close()
        elif self._waiting:
            self._watch_until(self._host.loop.time() + self._host.deadlines.keepalive)
        elif self._host.loop.time() < self._due():
            self._watch_until(self._due())
        elif self._began is None:
            self._close()
        else:
            self._refuse(408, "the request did not arrive in time")


@cache
def _line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode("ascii")
