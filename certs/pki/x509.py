"""Certificates and chains: read into values, and told in the annotations of a Secret.

Times are aware UTC, serial numbers integers, key identifiers bytes (empty when absent).
Nothing is verified here: who signed what and whether it is trusted is the reader's business.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from certs.api.certificate import KeyUsage
from certs.pki import pem
from certs.pki.csr import is_ca
from certs.pki.keys import public_der
from certs.pki.names import Names, read_names
from certs.pki.subject import Subject, common_name, read_subject
from certs.pki.usages import read_usages

_PREFIX: Final = "cert-manager.io/"
_NEEDS_QUOTES: Final = frozenset(',"\r\n')


class InvalidCertificate(pem.InvalidPEM):
    """The bytes are not a certificate, or not a chain of them."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate as read; `public_key`, `subject.der` and `issuer_der` are for comparing."""

    der: bytes
    serial: int
    not_before: datetime
    not_after: datetime
    subject: Subject
    issuer_common_name: str
    issuer_der: bytes
    names: Names
    public_key: bytes
    usages: tuple[KeyUsage, ...]
    is_ca: bool
    subject_key_id: bytes
    authority_key_id: bytes

    @property
    def common_name(self) -> str:
        """The subject's common name, or an empty string."""
        return self.subject.common_name

    @property
    def dns_names(self) -> tuple[str, ...]:
        """The DNS names, lower case."""
        return self.names.dns_names

    @property
    def ip_addresses(self) -> tuple[str, ...]:
        """The IP addresses."""
        return self.names.ip_addresses

    @property
    def uris(self) -> tuple[str, ...]:
        """The URIs."""
        return self.names.uris

    @property
    def emails(self) -> tuple[str, ...]:
        """The e-mail addresses."""
        return self.names.emails


@lru_cache(maxsize=pem.KEPT)
def read_chain(data: bytes) -> tuple[Leaf, ...]:
    """Return the certificates of a PEM text in their order, which is leaf first (RFC 8555 §9.1, RFC 8446 §4.4.2).

    What was read lately is remembered (`pem.KEPT`).

    Raises `InvalidCertificate` when there is none, one does not decode, one is over 36 500 bytes
    or all are over 95 000.
    """
    try:
        found = pem.blocks(data, "certificate chain", pem.MAX_CHAIN)
    except pem.InvalidPEM as error:
        raise InvalidCertificate(str(error)) from error
    for block in found:
        if block.label != "CERTIFICATE":
            raise InvalidCertificate(f"cannot read certificate chain: a block is {block.label}, not CERTIFICATE")
    return tuple(_read(block.der, position) for position, block in enumerate(found, 1))


def secret_annotations(leaf: Leaf) -> dict[str, str]:
    """Return the annotations by which a Secret tells what certificate is in it.

    The first four are always there, if need be empty; the others only with a value.
    """
    subject = leaf.subject.attributes
    always = {
        "common-name": leaf.common_name,
        "alt-names": csv(leaf.dns_names),
        "ip-sans": csv(leaf.ip_addresses),
        "uri-sans": csv(leaf.uris),
    }
    with_value = {
        "email-sans": csv(leaf.emails),
        "subject-serialnumber": subject.serial_number,
        "subject-organizations": csv(subject.organizations),
        "subject-organizationalunits": csv(subject.organizational_units),
        "subject-countries": csv(subject.countries),
        "subject-provinces": csv(subject.provinces),
        "subject-localities": csv(subject.localities),
        "subject-postalcodes": csv(subject.postal_codes),
        "subject-streetaddresses": csv(subject.street_addresses),
    }
    present = {key: value for key, value in with_value.items() if value}
    return {_PREFIX + key: value for key, value in (always | present).items()}


def csv(values: Iterable[str]) -> str:
    """Return the values as one line of comma-separated values, quoted where they must be (RFC 4180 §2).

    >>> csv(["Example, Inc.", "plain"])
    '"Example, Inc.",plain'
    """
    return ",".join(_quoted(value) for value in values)


def _quoted(value: str) -> str:
    # As Go's encoding/csv writes it, so that a Secret written before compares equal.
    if not _NEEDS_QUOTES.intersection(value) and not value[:1].isspace() and value != r"\.":
        return value
    escaped = value.replace('"', '""')
    return f'"{escaped}"'


def _read(der: bytes, position: int) -> Leaf:
    try:
        pem.require_size(der, "certificate", pem.MAX_CERTIFICATE)
        return _leaf(x509.load_der_x509_certificate(der), der)
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise InvalidCertificate(f"cannot read certificate {position} of the chain: {error}") from error


def _leaf(certificate: x509.Certificate, der: bytes) -> Leaf:
    extensions = certificate.extensions
    return Leaf(
        der=der,
        serial=certificate.serial_number,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        subject=read_subject(certificate.subject),
        issuer_common_name=common_name(certificate.issuer),
        issuer_der=certificate.issuer.public_bytes(),
        names=read_names(extensions),
        public_key=public_der(certificate.public_key()),
        usages=read_usages(extensions),
        is_ca=is_ca(extensions) is True,
        subject_key_id=_subject_key_id(extensions),
        authority_key_id=_authority_key_id(extensions),
    )


def _subject_key_id(extensions: x509.Extensions) -> bytes:
    try:
        return extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return b""


def _authority_key_id(extensions: x509.Extensions) -> bytes:
    try:
        return extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier or b""
    except x509.ExtensionNotFound:
        return b""
