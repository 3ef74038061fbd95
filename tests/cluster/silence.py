"""An address where connections are left hanging, as behind a firewall that drops what it does not like."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

SILENT: Final = "127.0.0.99"
# Linux lets one more in than it is told, and answers to none above that.
FULL: Final = 4


@contextmanager
def silence(port: int, address: str = SILENT) -> Iterator[str]:
    """Listen there, keep the queue of connections full, and take none; the address."""
    with ExitStack() as held:
        listener = held.enter_context(socket.socket())
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(FULL):
            one = held.enter_context(socket.socket())
            one.settimeout(0)
            one.connect_ex((address, port))
        yield address
