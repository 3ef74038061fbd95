"""Sockets to listen on: at the addresses of both families where all are meant.

Go's programs, whose defaults ours are, take `0.0.0.0` and an empty host for all addresses, those of IPv6 too; and the
pods of a cluster may have no others.  A kernel without IPv6 gives IPv4 alone.
"""

from __future__ import annotations

import errno
import socket
from typing import Final

from shim.flags import EVERYWHERE, Address

BOTH: Final = "::"
# What a kernel without IPv6 says to `::`.
_NO_IPV6: Final = frozenset((errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL))


def listening(address: Address, name: str, *, backlog: int) -> socket.socket:
    """Return a socket that listens there (`::` takes IPv4 too); raises OSError that says what to do."""
    try:
        return _listening(address.host, address.port, backlog)
    except OSError as error:
        place = f"{address.host}:{address.port}"
        why = str(error.strerror).partition(" (while attempting")[0]
        raise OSError(f"cannot listen on {place} ({name}): {why}; choose another address") from error


def _listening(host: str, port: int, backlog: int) -> socket.socket:
    if host == EVERYWHERE and socket.has_dualstack_ipv6():
        try:
            return _listening(BOTH, port, backlog)
        except OSError as error:
            if error.errno not in _NO_IPV6:
                raise
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == BOTH and socket.has_dualstack_ipv6()
    return socket.create_server((host, port), family=family, backlog=backlog, dualstack_ipv6=both)
