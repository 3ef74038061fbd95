"""What is served: reviews answered at once, everything else by Flask, inline.

Flask's dispatch costs some 120 µs per request, ten times the review itself; so the two review paths
go straight to `Reviewer.answer`, which the Flask routes call too.  The rest is rare and small, and
runs on the event loop: nothing in it blocks.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_to_bytes

from flask import Flask

from webhook.review import PATHS, Deferred, Reply, Reviewer

_REVIEWS: Final = {path.encode("ascii"): path for path in PATHS}


class Request(NamedTuple):
    """A request as it came: `target` with its query, header names in lower case."""

    method: bytes
    target: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    secure: bool


class Site:
    """Answers requests; blocks for none of them."""

    def __init__(self, reviewer: Reviewer, flask: Flask) -> None:
        self._reviewer = reviewer
        self._flask = flask

    def answer(self, request: Request) -> Reply | Deferred:
        """Return the answer to a request, or how to get it."""
        if request.method == b"POST" and request.secure:
            # The API server appends `?timeout=10s`: how long it waits, which is no concern of ours.
            path = _REVIEWS.get(request.target.partition(b"?")[0])
            if path is not None:
                return self._reviewer.begin(path, header(request, b"content-type"), request.body)
        return self._dispatch(request)

    def refuse(self, status: int, message: str) -> Reply:
        """Return the answer to what is no request, and count it."""
        return self._reviewer.refuse(status, message)

    def _dispatch(self, request: Request) -> Reply:
        started: list[Any] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], _exc: Any = None, /
        ) -> Callable[[bytes], object]:
            started[:] = [int(status.split(" ", 1)[0]), dict(headers)]
            return no_write

        chunks: Iterable[bytes] = self._flask.wsgi_app(environ(request), start_response)
        body = b"".join(chunks)
        status, headers = started
        return Reply(status, body, headers.get("Content-Type", "text/plain"))


def no_write(_chunk: bytes) -> object:
    """Refuse PEP 3333's old way of writing, which Flask does not use."""
    raise NotImplementedError


def header(request: Request, name: bytes) -> str:
    """Return the first header of that (lower-case) name, or nothing."""
    for given, value in request.headers:
        if given == name:
            return value.decode("latin-1")
    return ""


def environ(request: Request) -> dict[str, Any]:
    """Return the request as WSGI wants it (PEP 3333); a HEAD is a GET whose body the connection leaves out."""
    path, _, query = request.target.partition(b"?")
    made: dict[str, Any] = {
        "REQUEST_METHOD": "GET" if request.method == b"HEAD" else request.method.decode("latin-1"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "0",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https" if request.secure else "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            made[key] = value.decode("latin-1")
        elif key != "CONTENT_LENGTH" and b"_" not in name:  # X_Y must not pass for X-Y
            made[f"HTTP_{key}"] = value.decode("latin-1")
    return made
