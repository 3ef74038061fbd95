"""A small HTTP server in threads of its own: what the responder and the pages for probes and metrics have in common.

IPv4 or IPv6 follows from the address; `::` takes both.  No name is looked up for it: the base class would ask
DNS at the start, which may take half a minute where DNS is what is broken.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from shim.flags import Address

# How often it looks whether to stop: a process has three of these, one after the other.
STOPS_WITHIN: Final = 0.1


class Listener(ThreadingHTTPServer):
    """Serves from `start` to `stop`."""

    daemon_threads = True

    def __init__(self, address: Address, handler: type[BaseHTTPRequestHandler], *, name: str) -> None:
        self.address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        try:
            super().__init__((address.host, address.port), handler)
        except OSError as error:
            place = f"{address.host}:{address.port}"
            raise OSError(f"cannot listen on {place} ({name}): {error.strerror}; choose another address") from error
        self._thread = threading.Thread(target=self.serve_forever, args=(STOPS_WITHIN,), name=name, daemon=True)

    def server_bind(self) -> None:
        """Bind, and nothing else."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self.server_port

    def start(self) -> None:
        """Serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; nothing when it has not begun."""
        if self._thread.is_alive():
            self.shutdown()
        self.server_close()
