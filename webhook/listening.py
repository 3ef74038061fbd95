"""Where it is listened: at the addresses of both families where all are meant.

`0.0.0.0` is all addresses to Go's programs, whose defaults ours are, those of IPv6 too; and the pods of a cluster may
have no others.
"""

from __future__ import annotations

import socket
from functools import cache
from typing import Final

from webhook.settings import Listen

EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - what to look for
BOTH: Final = "::"


def everywhere(at: Listen) -> Listen:
    """Return where to listen: at `::` where all addresses are meant and a socket of it takes those of IPv4 as well."""
    return Listen(BOTH, at.port) if at.host in EVERYWHERE and _takes_both() else at


def listening(at: Listen) -> socket.socket | None:
    """Return a socket for all addresses, None where some are meant: asyncio, given `::`, would leave out IPv4."""
    if at.host not in EVERYWHERE:
        return None
    chosen = everywhere(at)
    family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
    sock = socket.create_server(chosen, family=family, dualstack_ipv6=chosen.host == BOTH and _takes_both())
    sock.settimeout(0)
    return sock


@cache
def _takes_both() -> bool:
    """Try it: the kernel may be without IPv6, or be told (bindv6only) to keep the families apart."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind((BOTH, 0))
            return not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    except OSError:
        return False
