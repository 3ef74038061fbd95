"""Distinguished names: from a spec to DER, and from DER to the attributes that the API names.

A subject made of fields has the order and the grouping that Go's `pkix.Name` gives it (one RDN
per attribute type, several values in one set); a `literalSubject` (`certs.pki.literal`) is as it was written.
Both have the octets that Go gives them: an existing request is compared with those of a literal subject, and
the subject of a CA must keep its octets when it is renewed, since Go finds the CA of a certificate by them
(RFC 5280 §7.1 would have it compare the letters).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.x509.name import _ASN1Type  # there is no public way to choose the type of a string
from cryptography.x509.oid import NameOID, ObjectIdentifier

from certs.api.certificate import CertificateSpec, X509Subject
from certs.outcomes import Permanent
from certs.pki.literal import Attribute, InvalidLiteralSubject, parse_literal

# In the order of the encoded name: the field, its attribute type, its path for people.
_FIELDS: Final = (
    ("countries", NameOID.COUNTRY_NAME, "countries"),
    ("provinces", NameOID.STATE_OR_PROVINCE_NAME, "provinces"),
    ("localities", NameOID.LOCALITY_NAME, "localities"),
    ("street_addresses", NameOID.STREET_ADDRESS, "streetAddresses"),
    ("postal_codes", NameOID.POSTAL_CODE, "postalCodes"),
    ("organizations", NameOID.ORGANIZATION_NAME, "organizations"),
    ("organizational_units", NameOID.ORGANIZATIONAL_UNIT_NAME, "organizationalUnits"),
)

_PRINTABLE: Final = re.compile(r"[A-Za-z0-9'()+,\-./:=? ]*")


class UnusableSpec(Permanent):
    """The spec cannot become a certificate signing request; the sentence names the field."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A name as read from a request or certificate; attributes that the API does not name stay in `der`."""

    der: bytes
    common_name: str
    attributes: X509Subject

    @property
    def is_empty(self) -> bool:
        """Does it hold no attribute at all?"""
        return self.der == b"\x30\x00"


def name_of(spec: CertificateSpec) -> x509.Name:
    """Return the subject to request; raises `UnusableSpec`."""
    if spec.literal_subject:
        return _literal(spec.literal_subject)
    subject = spec.subject or X509Subject()
    sets = [_rdn(oid, getattr(subject, field), f"spec.subject.{path}") for field, oid, path in _FIELDS]
    sets.append(_rdn(NameOID.COMMON_NAME, (spec.common_name,), "spec.commonName"))
    sets.append(_rdn(NameOID.SERIAL_NUMBER, (subject.serial_number,), "spec.subject.serialNumber"))
    return x509.Name([rdn for rdn in sets if rdn is not None])


def read_subject(name: x509.Name) -> Subject:
    """Return the name as a value; of several common names or serial numbers the last, as Go does."""
    listed = {field: _values(name, oid) for field, oid, _ in _FIELDS}
    serial_number = ("", *_values(name, NameOID.SERIAL_NUMBER))[-1]
    return Subject(
        der=name.public_bytes(),
        common_name=common_name(name),
        attributes=X509Subject(**listed, serial_number=serial_number),
    )


def common_name(name: x509.Name) -> str:
    """Return the (last) common name, or an empty string."""
    return ("", *_values(name, NameOID.COMMON_NAME))[-1]


def _values(name: x509.Name, oid: ObjectIdentifier) -> tuple[str, ...]:
    # A value may be bytes (BIT STRING, for x500UniqueIdentifier): nothing that the API could name.
    values = (attribute.value for attribute in name.get_attributes_for_oid(oid))
    return tuple(value for value in values if isinstance(value, str))


def _rdn(oid: ObjectIdentifier, values: Iterable[str], path: str) -> x509.RelativeDistinguishedName | None:
    wanted = [value for value in dict.fromkeys(values) if value]
    if not wanted:
        return None
    try:
        return x509.RelativeDistinguishedName([_typed(oid, value) for value in wanted])
    except ValueError as error:
        raise UnusableSpec(
            f"cannot make a certificate request: {path}: {error}: change it", reason="RequestFailed"
        ) from error


def _literal(text: str) -> x509.Name:
    try:
        rdns = parse_literal(text)
        return x509.Name([x509.RelativeDistinguishedName([_attribute(part) for part in rdn]) for rdn in rdns])
    except InvalidLiteralSubject as error:
        raise UnusableSpec(
            f"cannot make a certificate request: spec.literalSubject {text!r} is not an RFC 4514 name: {error}: "
            "write it like CN=www,OU=shop,O=Example,C=DE",
            reason="RequestFailed",
        ) from error
    except (
        ValueError
    ) as error:  # an OID that has no encoding, a value that is no UTF-8 or too long, the same value twice
        raise UnusableSpec(
            f"cannot make a certificate request: spec.literalSubject {text!r}: {error}: change it",
            reason="RequestFailed",
        ) from error


def _attribute(attribute: Attribute) -> x509.NameAttribute[str]:
    attribute.value.encode()  # which a value that is no UTF-8 fails
    return _typed(ObjectIdentifier(".".join(map(str, attribute.oid))), attribute.value)


def _typed(oid: ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    """Return it with the type that Go gives to every string: PrintableString when it is one, else UTF8String."""
    kind = _ASN1Type.PrintableString if _PRINTABLE.fullmatch(value) else _ASN1Type.UTF8String
    return x509.NameAttribute(oid, value, kind)
