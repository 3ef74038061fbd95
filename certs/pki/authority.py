"""A CA as it stands in a Secret: its key, its certificate, and the certificates above it as far as they are known.

`tls.crt` has the CA's certificate first, and perhaps those above it; `ca.crt` may add the root, as it does in a
Secret that another CA of ours signed.  Certificates that do not belong to the way up are skipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from certs.pki import pem
from certs.pki.keys import InvalidKey, Key, decode_key, matches
from certs.pki.x509 import InvalidCertificate, Leaf, read_chain


class Flaw(StrEnum):
    """What kind of thing is wrong: it cannot be read, or it must not sign."""

    UNREADABLE = "unreadable"
    UNFIT = "unfit"


class UnusableAuthority(ValueError):
    """The key pair cannot sign; `str()` is the sentence."""

    def __init__(self, message: str, flaw: Flaw) -> None:
        super().__init__(message)
        self.flaw = flaw


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA; `certificates` begins with its own and goes up, each one the issuer of the one before."""

    key: Key = field(repr=False)
    certificates: tuple[Leaf, ...]

    @property
    def certificate(self) -> Leaf:
        """The CA's own certificate."""
        return self.certificates[0]

    @property
    def above(self) -> tuple[Leaf, ...]:
        """What belongs into a chain behind the leaf: all but a root, RFC 8446 §4.4.2."""
        return tuple(one for one in self.certificates if not is_self_signed(one))

    @property
    def top(self) -> Leaf:
        """The topmost certificate that is known."""
        return self.certificates[-1]


def read_authority(data: Mapping[str, bytes], now: datetime) -> Authority:
    """Return the CA of a Secret's data; raises `UnusableAuthority`, also for one that has expired."""
    for name in ("tls.crt", "tls.key"):
        if not data.get(name):
            raise UnusableAuthority(f'it has no "{name}"', Flaw.UNREADABLE)
    try:
        chain = read_chain(data["tls.crt"])
        more = read_chain(data["ca.crt"]) if data.get("ca.crt") else ()
        key = decode_key(data["tls.key"])
    except (InvalidCertificate, InvalidKey) as error:
        raise UnusableAuthority(str(error), Flaw.UNREADABLE) from None  # what decoding failed on may quote the key
    _require_fit(chain[0], key, now)
    return Authority(key, _way_up(chain[0], (*chain[1:], *more)))


def is_self_signed(certificate: Leaf) -> bool:
    """Did its own key sign it?"""
    return certificate.issuer_der == certificate.subject.der and _is_issued_by(certificate, certificate)


def _require_fit(certificate: Leaf, key: Key, now: datetime) -> None:
    if not certificate.is_ca:
        raise UnusableAuthority("certificate is not a CA", Flaw.UNFIT)
    if not matches(key, certificate):
        raise UnusableAuthority("the private key does not belong to the certificate", Flaw.UNFIT)
    if certificate.not_after <= now:
        raise UnusableAuthority(
            f"the CA certificate has expired (notAfter: {certificate.not_after:%Y-%m-%dT%H:%M:%SZ})", Flaw.UNFIT
        )


def _way_up(own: Leaf, others: Sequence[Leaf]) -> tuple[Leaf, ...]:
    way = [own]
    while not is_self_signed(way[-1]):
        issuer = next((one for one in others if one not in way and _is_issued_by(way[-1], one)), None)
        if issuer is None:
            break
        way.append(issuer)
    return tuple(way)


def _is_issued_by(certificate: Leaf, issuer: Leaf) -> bool:
    if certificate.issuer_der != issuer.subject.der:
        return False
    try:
        x509.load_der_x509_certificate(certificate.der).verify_directly_issued_by(
            x509.load_der_x509_certificate(issuer.der)
        )
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def chain_pem(certificates: Sequence[Leaf]) -> bytes:
    """Return the certificates as one PEM text."""
    return b"".join(pem.encode("CERTIFICATE", one.der) for one in certificates)
