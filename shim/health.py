"""Small plain HTTP servers beside the work: /livez and /readyz for the kubelet, /metrics for Prometheus.

`/livez` fails only for what a restart would mend; `/readyz` while the stores are not complete, and when the process
ends.  A page gets the query of the request: `?verbose` tells each check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from certs.health import Finding, is_well, told
from shim.flags import Address
from shim.listener import Listener


class Page(NamedTuple):
    """What a path answers."""

    status: HTTPStatus
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


Show = Callable[[str], Page]
Pages = Mapping[str, Show]


def checked(name: str, look: Callable[[], Sequence[Finding]]) -> Show:
    """Return the page of that name, which answers 200, or 503 while a check fails, in words."""

    def page(query: str) -> Page:
        findings = look()
        status = HTTPStatus.OK if is_well(findings) else HTTPStatus.SERVICE_UNAVAILABLE
        verbose = "verbose" in parse_qs(query, keep_blank_values=True)
        return Page(status, told(name, findings, verbose=verbose).encode())

    return page


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    timeout = 10.0
    protocol_version = "HTTP/1.1"
    server_version = "certshim"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with the page of the path."""
        path, _, query = self.path.partition("?")
        page = self.server.pages.get(path)
        found = page(query) if page is not None else Page(HTTPStatus.NOT_FOUND, b"not found\n")
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
