"""Distinguished names: from a spec to DER, and from DER to the attributes that the API names.

A subject made of fields has the order and the grouping that Go's `pkix.Name` gives it (one RDN
per attribute type, several values in one set), so that requests equal those made before.
A `literalSubject` is RFC 4514: written most specific first, encoded in reverse.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from certs.api.certificate import CertificateSpec, X509Subject
from certs.outcomes import Permanent

# In the order of the encoded name: the field, its attribute type, its path for people.
_FIELDS: Final = (
    ("countries", NameOID.COUNTRY_NAME, "countries"),
    ("organizations", NameOID.ORGANIZATION_NAME, "organizations"),
    ("organizational_units", NameOID.ORGANIZATIONAL_UNIT_NAME, "organizationalUnits"),
    ("localities", NameOID.LOCALITY_NAME, "localities"),
    ("provinces", NameOID.STATE_OR_PROVINCE_NAME, "provinces"),
    ("street_addresses", NameOID.STREET_ADDRESS, "streetAddresses"),
    ("postal_codes", NameOID.POSTAL_CODE, "postalCodes"),
)

# RFC 4514 §3 names only nine; these two are customary.
_LITERAL_NAMES: Final = {"SERIALNUMBER": NameOID.SERIAL_NUMBER, "POSTALCODE": NameOID.POSTAL_CODE}


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
        return x509.RelativeDistinguishedName([x509.NameAttribute(oid, value) for value in wanted])
    except ValueError as error:
        raise UnusableSpec(
            f"cannot make a certificate request: {path}: {error}: change it", reason="RequestFailed"
        ) from error


def _literal(text: str) -> x509.Name:
    try:
        return x509.Name.from_rfc4514_string(text, _LITERAL_NAMES)
    except ValueError as error:
        raise UnusableSpec(
            f"cannot make a certificate request: spec.literalSubject {text!r} is not an RFC 4514 name "
            "(for example CN=www,OU=shop,O=Example,C=DE): write it so",
            reason="RequestFailed",
        ) from error
