"""What the demo's Ingress leads to: a web server with one page.  `python backend.py HOST PORT`."""

from __future__ import annotations

import http.server
import sys
from http import HTTPStatus
from typing import Any, Final

PAGE: Final = b"Hello from the shop, by way of the proxy.\n"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers every GET with the page."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's name
        """Write the line without the time, as nobody reads it but in a failure."""
        sys.stderr.write(f"{format % args}\n")


if __name__ == "__main__":
    http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
