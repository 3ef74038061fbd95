"""A small HTTP server in threads of its own: what the responder and the pages for probes and metrics have in common.

IPv4 or IPv6, or both, follows from the address (`shim.listening`).  No name is looked up for it: the base class would
ask DNS at the start, which may take half a minute where DNS is what is broken.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from shim.flags import Address
from shim.listening import listening

# How often it looks whether to stop: a process has three of these, one after the other.
STOPS_WITHIN: Final = 0.1


class Listener(ThreadingHTTPServer):
    """Serves from `start` to `stop`."""

    daemon_threads = True

    def __init__(self, address: Address, handler: type[BaseHTTPRequestHandler], *, name: str) -> None:
        super().__init__((address.host, address.port), handler, bind_and_activate=False)
        self.socket.close()  # the base class has made one, of a family that it cannot know
        self.socket = listening(address, name, backlog=self.request_queue_size)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self._thread = threading.Thread(target=self.serve_forever, args=(STOPS_WITHIN,), name=name, daemon=True)

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
