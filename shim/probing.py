"""How long a certificate is good for still, and whether clients take it: for monitoring, in the form of its plug-ins.

    OK 0 · WARNING 1 · CRITICAL 2 · UNKNOWN 3      TEXT | days=59;21:;7:;0      (Monitoring Plugins, "Plugin Output")

`21:` is a range whose lower end is 21: `21` alone would be one up to 21 (there, "Threshold and Ranges").

An endpoint is asked twice: without any check, for the certificate that it shows, and as a client does, for what that
would say.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs.pki.x509 import InvalidCertificate, Leaf, read_chain
from shim.chain.explaining import moment

HTTPS: Final = 443
DAY: Final = 86400


class Level(IntEnum):
    """The exit code that says it."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


class Endpoint(NamedTuple):
    """Where to ask, and for which name."""

    host: str
    port: int
    server_name: str


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How many days before expiry it is worth a warning, and when it is critical."""

    warning: float
    critical: float


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate, and what a client has against it; empty when nothing."""

    leaf: Leaf
    objection: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What monitoring is told."""

    level: Level
    text: str
    perfdata: str = ""

    def __str__(self) -> str:
        """Return the line; what stands in a certificate cannot end it, or the text in it."""
        text = " ".join(self.text.replace("|", "/").split())
        return f"{self.level.name}: {text}{f' | {self.perfdata}' if self.perfdata else ''}"


class CannotProbe(Exception):
    """There is no certificate to look at; `str()` says what was tried on what, and why not."""


def judge(what: str, shown: Shown, thresholds: Thresholds, now: datetime) -> Finding:
    """Return how urgent it is."""
    leaf, left = shown.leaf, (shown.leaf.not_after - now).total_seconds() / DAY
    names = ", ".join((*leaf.dns_names, *leaf.ip_addresses)[:3]) or leaf.common_name or "nobody"
    expiry = f"{'expires' if left > 0 else 'expired'} at {moment(leaf.not_after, now)}"
    text = f"{what}: the certificate for {names} by {leaf.issuer_common_name or 'an unnamed CA'} {expiry}"
    perfdata = f"days={left:.1f};{thresholds.warning:g}:;{thresholds.critical:g}:;0"
    if leaf.not_before > now:
        text, left = f"{text}, and is not valid before {moment(leaf.not_before, now)}", 0
    if shown.objection:
        return Finding(Level.CRITICAL, f"{text}; clients refuse it: {shown.objection}", perfdata)
    if left <= thresholds.critical:
        return Finding(Level.CRITICAL, text, perfdata)
    return Finding(Level.WARNING if left <= thresholds.warning else Level.OK, text, perfdata)


def parse_endpoint(text: str, server_name: str = "") -> Endpoint:
    """Return where HOST, HOST:PORT, [IPv6]:PORT or an IPv6 address leads; ValueError says what is wrong.

    >>> parse_endpoint("shop.example.org").port, parse_endpoint("[2001:db8::1]:8443").host
    (443, '2001:db8::1')
    """
    host, port = text, ""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not host or not (port or str(HTTPS)).isdecimal() or not 0 < int(port or HTTPS) < 1 << 16:
        raise ValueError(f'"{text}" is no endpoint: write HOST, HOST:PORT or [ADDRESS]:PORT')
    return Endpoint(host, int(port or HTTPS), server_name or host)


def ask(endpoint: Endpoint, *, timeout: float, roots: str = "") -> Shown:
    """Return what an endpoint shows; `roots` is a PEM file in place of this computer's roots.  Raises `CannotProbe`."""
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    attempt = f"cannot ask {endpoint.host}:{endpoint.port} for its certificate"
    try:
        der = _handshake(endpoint, unchecked, timeout)
    except UnicodeError as error:
        raise CannotProbe(f"{attempt}: it is no name of a host") from error
    except OSError as error:  # an SSLError is one
        raise CannotProbe(f"{attempt}: {_why(error)}") from error
    if not der:
        raise CannotProbe(f"{attempt}: it shows none")
    try:
        leaf = read_chain(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM))[0]
        checked = ssl.create_default_context(cafile=roots or None)
    except (InvalidCertificate, ValueError, OSError) as error:
        raise CannotProbe(f"{attempt}: {error}") from error
    try:
        _handshake(endpoint, checked, timeout)
    except ssl.SSLCertVerificationError as error:
        return Shown(leaf, error.verify_message)
    except OSError as error:
        return Shown(leaf, _why(error))
    return Shown(leaf)


def _handshake(endpoint: Endpoint, context: ssl.SSLContext, timeout: float) -> bytes:
    with (
        socket.create_connection((endpoint.host, endpoint.port), timeout) as plain,
        context.wrap_socket(plain, server_hostname=endpoint.server_name) as secured,
    ):
        return secured.getpeercert(binary_form=True) or b""


def _why(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
