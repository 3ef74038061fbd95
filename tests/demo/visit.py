"""A visit to the site as a browser makes it: TLS with the host's name, the chain verified up to the CA's root.

Only the way there is short-cut: the connection goes to the proxy's address, because the demo's names are in no DNS.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any, Final

_TIMEOUT: Final = 5.0
_AGAIN_AFTER: Final = 0.1


@dataclass(frozen=True, slots=True)
class Visit:
    """What was seen."""

    protocol: str
    issuer: str
    names: tuple[str, ...]
    not_before: str
    not_after: str
    status: int
    body: str


def visit(host: str, address: tuple[str, int], root: bytes) -> Visit:
    """Fetch `https://host/` at the address, trusting that root (PEM) alone; ssl.SSLError when it does not verify."""
    context = ssl.create_default_context(cadata=root.decode())
    with (
        socket.create_connection(address, timeout=_TIMEOUT) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        connection = http.client.HTTPSConnection(host)
        connection.sock = secure
        connection.request("GET", "/", headers={"Connection": "close"})
        response = connection.getresponse()
        certificate: dict[str, Any] = dict(secure.getpeercert() or {})
        return Visit(
            protocol=secure.version() or "",
            issuer=_common_name(certificate["issuer"]),
            names=tuple(value for _, value in certificate["subjectAltName"]),
            not_before=certificate["notBefore"],
            not_after=certificate["notAfter"],
            status=response.status,
            body=response.read(200).decode(errors="replace").strip(),
        )


def visit_when_served(host: str, address: tuple[str, int], root: bytes, *, seconds: float) -> Visit:
    """Visit again until it verifies: a proxy needs a moment to take up a new Secret.  Raises the last OSError."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return visit(host, address, root)
        except OSError:  # ssl.SSLError is one
            if time.monotonic() > deadline:
                raise
            time.sleep(_AGAIN_AFTER)


def _common_name(names: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    return next((value for part in names for key, value in part if key == "commonName"), "(no common name)")
