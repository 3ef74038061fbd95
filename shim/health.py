"""Small plain HTTP servers beside the work: /livez and /readyz for the kubelet, /metrics for Prometheus.

`/livez` fails only for what a restart would mend; `/readyz` while the stores are not complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

from shim.flags import Address
from shim.listener import Listener


class Page(NamedTuple):
    """What a path answers."""

    status: HTTPStatus
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


Pages = Mapping[str, Callable[[], Page]]


def check(problem: Callable[[], str]) -> Callable[[], Page]:
    """Return a page that answers 200 `ok`, or 503 with the problem while there is one."""

    def page() -> Page:
        found = problem()
        if found:
            return Page(HTTPStatus.SERVICE_UNAVAILABLE, f"{found}\n".encode())
        return Page(HTTPStatus.OK, b"ok\n")

    return page


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    timeout = 10.0
    protocol_version = "HTTP/1.1"
    server_version = "certshim"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with the page of the path."""
        page = self.server.pages.get(self.path.partition("?")[0])
        found = page() if page is not None else Page(HTTPStatus.NOT_FOUND, b"not found\n")
        self.send_response(found.status)
        self.send_header("Content-Type", found.content_type)
        self.send_header("Content-Length", str(len(found.body)))
        self.end_headers()
        self.wfile.write(found.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Say nothing: probes come every few seconds."""


class PageServer(Listener):
    """Serves pages from threads of its own."""

    def __init__(self, address: Address, pages: Pages) -> None:
        self.pages = pages
        super().__init__(address, _Handler, name="pages")
