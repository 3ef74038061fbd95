"""PKCS #10 requests (RFC 2986) taken apart as Go's `x509.ParseCertificateRequest` does, to accept the same ones.

`cryptography` reads requests too, but by other rules: it refuses versions, texts and names that Go takes, and takes
some that Go refuses.  It is used for what it is best at, the signature (`certs.pki.possession`).
Not decoded are names and values: whoever issues reads them (`certs.pki.csr`).  Here only is told whether they can be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from certs.pki import der
from certs.pki.der import Cursor, Malformed

EXTENSION_REQUEST: Final = "1.2.840.113549.1.9.14"
_EXTENSION_REQUEST: Final = bytes.fromhex("06092a864886f70d01090e")  # the same in DER
_ATTRIBUTES: Final = 0xA0

# X.680 §8.4: the tags of what may stand in a name.
_NUMERIC_STRING: Final = 0x12
_PRINTABLE_STRING: Final = 0x13
_T61_STRING: Final = 0x14
_IA5_STRING: Final = 0x16
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18
_BMP_STRING: Final = 0x1E
_UTF8_STRING: Final = 0x0C

_NUMERIC: Final = re.compile(rb"[0-9 ]*\Z")
_PRINTABLE: Final = re.compile(rb"[A-Za-z0-9 '()+,\-./:=?*&]*\Z")  # the last two by custom only
_NO_BMP: Final = re.compile("[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U00010000-\U0010ffff]")
_ZONE: Final = r"(Z|[+-](?!0000)(?:[01][0-9]|2[0-4])[0-5][0-9])"
_UTC: Final = re.compile(rf"([0-9]{{10}})([0-9]{{2}})?{_ZONE}\Z")
_GENERALIZED: Final = re.compile(rf"([0-9]{{14}})(?:\.[0-9]{{0,8}}[1-9])?{_ZONE}\Z")


@dataclass(frozen=True, slots=True)
class Algorithm:
    """An algorithm and its parameters as they stand there, which are empty when there are none."""

    oid: str
    parameters: bytes


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The key of whoever asks, not decoded."""

    algorithm: Algorithm
    octets: bytes


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """What a request consists of.  `signed` are the octets that the signature is about."""

    signed: bytes
    subject: bytes
    key: PublicKey
    extensions: Mapping[str, bytes]
    algorithm: Algorithm
    signature: bytes


def read_request(data: bytes) -> SigningRequest:
    """Return the parts of a request in DER; raises Malformed."""
    outer = Cursor(data, "request")
    whole = Cursor(outer.take(der.SEQUENCE), "request")
    outer.require_end()
    signed = whole.next()
    inner = Cursor(signed.whole, "request")
    fields = Cursor(inner.take(der.SEQUENCE), "request")
    der.int64(fields.take(der.INTEGER))  # the version, whichever
    subject = fields.next().whole
    key = _public_key(fields)
    attributes = [element.whole for element in der.elements(fields.take(_ATTRIBUTES), "attributes")]
    algorithm = read_algorithm(whole)
    signature = der.bit_string(whole.take(der.BIT_STRING)).aligned
    _check_name(subject)
    return SigningRequest(signed.whole, subject, key, _extensions(attributes), algorithm, signature)


def read_algorithm(cursor: Cursor) -> Algorithm:
    """Return the algorithm that stands there (AlgorithmIdentifier, RFC 5280 §4.1.1.2)."""
    fields = Cursor(cursor.take(der.SEQUENCE), "algorithm")
    name = der.oid(fields.take(der.OID))
    return Algorithm(name, b"" if fields.is_at_end else fields.next().whole)


def _public_key(cursor: Cursor) -> PublicKey:
    fields = Cursor(cursor.take(der.SEQUENCE), "public key")
    algorithm = read_algorithm(fields)
    return PublicKey(algorithm, der.bit_string(fields.take(der.BIT_STRING)).aligned)


def _check_name(data: bytes) -> None:
    """Refuse a subject that Go cannot read: RDNSequence, RFC 5280 §4.1.2.4."""
    for rdn in der.contents(Cursor(data, "subject").take(der.SEQUENCE), der.SET, "subject"):
        for attribute in der.contents(rdn, der.SEQUENCE, "subject"):
            fields = Cursor(attribute, "subject")
            der.oid(fields.take(der.OID))
            value = fields.next()
            _check_value(value.identifier, value.content)


def _check_value(identifier: int, content: bytes) -> None:
    """Refuse a value that is not of the type that it says to be; one of a type unknown to Go passes unread."""
    match identifier:
        case der.BOOLEAN:
            der.boolean(content)
        case der.INTEGER:
            der.int64(content)
        case der.BIT_STRING:
            der.bit_string(content)
        case der.OID:
            der.oid(content)
        case _ if identifier in _TEXTS and not _TEXTS[identifier](content):
            raise Malformed("malformed subject: a text with letters that its type does not have")


def _is_numeric(content: bytes) -> bool:
    return _NUMERIC.match(content) is not None


def _is_printable(content: bytes) -> bool:
    return _PRINTABLE.match(content) is not None


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_bmp(content: bytes) -> bool:
    if len(content) % 2:
        return False
    return not _NO_BMP.search(content.removesuffix(b"\x00\x00").decode("utf-16-be", "surrogatepass"))


def _is_utc_time(content: bytes) -> bool:
    found = _UTC.match(content.decode("latin-1"))
    return found is not None and _is_moment(f"20{found[1]}{found[2] or '00'}")


def _is_generalized_time(content: bytes) -> bool:
    found = _GENERALIZED.match(content.decode("latin-1"))
    # Python has no year 0; as a leap year it is as 2000.
    return found is not None and _is_moment(re.sub("^0000", "2000", found[1]))


def _is_moment(digits: str) -> bool:
    try:
        datetime.strptime(f"{digits}+0000", "%Y%m%d%H%M%S%z")
    except ValueError:
        return False
    return digits[-2:] < "60"  # Python takes a leap second, too


_TEXTS: Final = {
    _NUMERIC_STRING: _is_numeric,
    _PRINTABLE_STRING: _is_printable,
    _IA5_STRING: bytes.isascii,
    _UTF8_STRING: _is_utf8,
    _BMP_STRING: _is_bmp,
    _UTC_TIME: _is_utc_time,
    _GENERALIZED_TIME: _is_generalized_time,
}


def _extensions(attributes: list[bytes]) -> dict[str, bytes]:
    """Return the values of the extensions asked for (RFC 2985 §5.4.2), in their order; Malformed if one comes twice."""
    found: dict[str, bytes] = {}
    for attribute in attributes:
        asked = _asked_extensions(attribute) if _EXTENSION_REQUEST in attribute else None
        if asked is None:
            continue
        fields = Cursor(asked, "extensions")
        for extension in der.contents(fields.take(der.SEQUENCE), der.SEQUENCE, "extensions"):
            name, value = _extension(extension)
            if name in found:
                raise Malformed("certificate request contains duplicate requested extensions")
            found[name] = value
    return found


def _asked_extensions(attribute: bytes) -> bytes | None:
    """Return the first value of an attribute that asks for extensions; attributes that cannot be read are no matter."""
    try:
        fields = Cursor(Cursor(attribute, "attribute").take(der.SEQUENCE), "attribute")
        name = der.oid(fields.take(der.OID))
        values = [element.whole for element in der.elements(fields.take(der.SET), "attribute")]
    except Malformed:
        return None
    return values[0] if values and name == EXTENSION_REQUEST else None


def _extension(data: bytes) -> tuple[str, bytes]:
    fields = Cursor(data, "extension")
    name = der.oid(fields.take(der.OID))
    critical = fields.take_optional(der.BOOLEAN)
    if critical is not None:
        der.boolean(critical)
    return name, fields.take(der.OCTET_STRING)
