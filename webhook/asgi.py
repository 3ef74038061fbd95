"""The ASGI application: reviews answered at once, everything else handed to Flask inline.

Flask's dispatch costs some 120 µs per request, ten times the review itself; so the two review paths
go straight to `Reviewer.answer`, which the Flask routes call too.  The rest is rare and small, and
runs on the event loop: nothing in it blocks.
A body is bounded while it arrives, by its declared length and by what really comes; the refusal is
sent first, and then the rest is taken off the wire for a moment, because closing on a client that
still sends would reset the connection before it has read the answer.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from flask import Flask

from webhook.review import MAX_BODY, PATHS, Reply, Reviewer

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Hook = Callable[[], None]

DRAIN_FOR: Final = 1.0  # seconds that a client which sent too much may go on sending


class TooLarge(Exception):
    """The body is larger than any review."""


class Disconnected(Exception):
    """The client is gone, or its time is over: nobody reads an answer."""


class Application:
    """What gunicorn serves.  `start` and `stop` run in the worker process, around its serving."""

    def __init__(self, reviewer: Reviewer, flask: Flask, *, start: Hook, stop: Hook) -> None:
        self._reviewer = reviewer
        self._flask = flask
        self._start = start
        self._stop = stop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or one life of the worker."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(scope, receive)
        except TooLarge:
            await respond(send, self._reviewer.refuse(413, f"a review has at most {MAX_BODY} bytes"))
            await drain(receive)
            return
        except Disconnected:
            return
        if scope["path"] in PATHS and scope["method"] == "POST" and scope["scheme"] == "https":
            content_type = header(scope, b"content-type").decode("latin-1")
            await respond(send, self._reviewer.answer(scope["path"], content_type, body))
        else:
            await self._dispatch(scope, body, send)

    async def _dispatch(self, scope: Scope, body: bytes, send: Send) -> None:
        started: list[Any] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], _exc: Any = None, /
        ) -> Callable[[bytes], object]:
            started[:] = [int(status.split(" ", 1)[0]), headers]
            return no_write

        chunks: Iterable[bytes] = self._flask.wsgi_app(environ(scope, body), start_response)
        content = b"".join(chunks)
        status, headers = started
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": content})


def no_write(_chunk: bytes) -> object:
    """Refuse PEP 3333's old way of writing, which Flask does not use."""
    raise NotImplementedError


def header(scope: Scope, name: bytes) -> bytes:
    """Return the first header of that (lower-case) name, or nothing."""
    for given, value in scope["headers"]:
        if given == name:
            return bytes(value)
    return b""


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """Return the whole body.  How long it may take is the connection's business (`webhook.connection`)."""
    if int(header(scope, b"content-length") or 0) > MAX_BODY:
        raise TooLarge
    message = await receive()
    if message["type"] != "http.request":
        raise Disconnected
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body  # in one piece, as nearly always
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY:
            raise TooLarge
    return b"".join(parts)


async def drain(receive: Receive) -> None:
    """Take the rest of a body off the wire and forget it."""
    try:
        async with asyncio.timeout(DRAIN_FOR):
            message = await receive()
            while message["type"] == "http.request" and message.get("more_body"):
                message = await receive()
    except TimeoutError:
        return


async def respond(send: Send, reply: Reply) -> None:
    """Send the whole answer."""
    headers = [
        (b"content-type", reply.content_type.encode("latin-1")),
        (b"content-length", str(len(reply.body)).encode("ascii")),
    ]
    if reply.close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def environ(scope: Scope, body: bytes) -> dict[str, Any]:
    """Return the request as WSGI wants it (PEP 3333)."""
    host, port = scope.get("server") or ("localhost", 0)
    made: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": str(host),
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            made[key] = value.decode("latin-1")
        elif key != "CONTENT_LENGTH":
            made[f"HTTP_{key}"] = value.decode("latin-1")
    return made
