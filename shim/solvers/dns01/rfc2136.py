"""Dynamic updates (RFC 2136), signed with TSIG (RFC 8945): BIND, Knot, PowerDNS, Windows, and whoever speaks it.

One message changes all values of a name.  It has no prerequisites: adding what is there and deleting what is gone are
no errors (RFC 2136 §3.4.2), and values are deleted one by one (§2.5.4), so what others have written stays.
"""

from __future__ import annotations

import base64
import socket
from dataclasses import dataclass
from typing import Final

import dns.exception
import dns.flags
import dns.inet
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.tsig
import dns.update

from certs.api.issuer import RFC2136, DNS01Solver
from certs.outcomes import Failure, Transient, WaitingForUser
from shim.solvers.dns01 import TTL, Change, Credentials
from shim.solvers.dns01.questions import split

WITHIN: Final = 5.0  # the server may forward to its primary before it answers

ALGORITHMS: Final = {
    "": dns.tsig.HMAC_MD5,
    "HMACMD5": dns.tsig.HMAC_MD5,
    "HMACSHA1": dns.tsig.HMAC_SHA1,
    "HMACSHA256": dns.tsig.HMAC_SHA256,
    "HMACSHA512": dns.tsig.HMAC_SHA512,
}
# RFC 2136 §2.2.  These are about what the server is set to; others (SERVFAIL) may pass.
_USERS: Final = {
    dns.rcode.REFUSED: "refuses; allow updates of the zone with this key there (allow-update, or an update-policy)",
    dns.rcode.NOTAUTH: "is not authoritative for zone {zone}, or does not know the key; mend nameserver or key",
    dns.rcode.NOTZONE: "says that the name is not in zone {zone}",
    dns.rcode.NOTIMP: "does not do dynamic updates",
    dns.rcode.FORMERR: "does not understand the update",
    dns.rcode.YXDOMAIN: "says that there is a record in the way",
    dns.rcode.YXRRSET: "says that there is a record in the way",
}


@dataclass(frozen=True, slots=True)
class Update:
    """One nameserver, with or without a key."""

    host: str
    port: int
    tcp: bool
    key: dns.tsig.Key | None
    within: float = WITHIN

    def change(self, change: Change) -> None:
        """One message; see `DNSWriter`."""
        attempt = f"cannot change {change.name} in zone {change.zone} at {self.host}:{self.port}"
        try:
            response = self._send(self._message(change))
        except (dns.tsig.PeerError, dns.tsig.BadSignature, dns.message.UnknownTSIGKey) as error:
            why = type(error).__name__.removeprefix("Peer")
            sentence = f"{attempt}: the key is not the server's ({why}); compare tsigKeyName, tsigAlgorithm and secret"
            raise WaitingForUser(sentence) from error
        except dns.exception.Timeout as error:
            raise Transient(f"{attempt}: no answer within {self.within:g} s") from error
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise Transient(f"{attempt}: {_why(error)}") from error
        failure = _failure(attempt, change, response.rcode())
        if failure is not None:
            raise failure

    def _message(self, change: Change) -> dns.update.UpdateMessage:
        message = dns.update.UpdateMessage(dns.name.from_text(change.zone))
        name = dns.name.from_text(change.name)
        for value in sorted(change.remove):
            message.delete(name, "TXT", f'"{value}"')
        for value in sorted(change.add):
            message.add(name, TTL, "TXT", f'"{value}"')
        if self.key is not None:
            message.use_tsig(self.key)
        return message

    def _send(self, message: dns.update.UpdateMessage) -> dns.message.Message:
        address = _resolve(self.host)
        if not self.tcp:
            response = dns.query.udp(message, address, timeout=self.within, port=self.port, ignore_unexpected=True)
            if not response.flags & dns.flags.TC:
                return response
        return dns.query.tcp(message, address, timeout=self.within, port=self.port)


def _failure(attempt: str, change: Change, code: dns.rcode.Rcode) -> Failure | None:
    if code == dns.rcode.NOERROR:
        return None
    users = _USERS.get(code)
    if users is not None:
        said = users.format(zone=change.zone)
        return WaitingForUser(f"{attempt}: it {said} ({dns.rcode.to_text(code)})")
    return Transient(f"{attempt}: it answers {dns.rcode.to_text(code)}")


def _why(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def _resolve(host: str) -> str:
    """Return an address of the nameserver; OSError when it has none."""
    if dns.inet.is_address(host):
        return host
    return str(socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)[0][4][0])


def build(solver: DNS01Solver, credentials: Credentials) -> Update:
    """Return the writer that an issuer describes; WaitingForUser when its key is missing or is none."""
    config = solver.rfc2136
    assert config is not None  # noqa: S101  the registry has chosen by this field
    try:
        host, port = split(config.nameserver)
    except ValueError as error:
        raise WaitingForUser(f"rfc2136.nameserver: {error}; write for example 192.0.2.53:53") from error
    return Update(host=host, port=port, tcp=config.protocol == "TCP", key=_key(config, credentials))


def _key(config: RFC2136, credentials: Credentials) -> dns.tsig.Key | None:
    ref = config.tsig_secret_secret_ref
    if ref is None or not ref.name or not config.tsig_key_name:
        return None
    secret = "".join(credentials.secret(ref).split())
    algorithm = ALGORITHMS.get((config.tsig_algorithm or "").upper())
    if algorithm is None:
        raise WaitingForUser(f"rfc2136.tsigAlgorithm: {config.tsig_algorithm} is none of {', '.join(ALGORITHMS)[2:]}")
    try:
        # dnspython would skip what is not base64, and sign with the rest.
        return dns.tsig.Key(config.tsig_key_name.lower(), base64.b64decode(secret, validate=True), algorithm)
    except (ValueError, dns.exception.DNSException) as error:
        raise WaitingForUser(
            f'cannot use the TSIG key in Secret "{ref.name}" (key "{ref.key}"): it is not base64, as DNS servers '
            "write it; store it as it stands in the server's configuration"
        ) from error
