"""A literal subject: the text of RFC 4514 to attributes, as the API's own parser reads it (`go-ldap` `ParseDN`).

Names of attributes are case-sensitive and few (RFC 4514 §3); instead of a name, an OID of any integers works.
`,` and `;` separate RDNs, `+` the values of one.  A value may escape with a backslash, and `#` begins the hex digits
of a BER value.  RDNs come back in the order of encoding, which is the reverse of how they are written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from certs.pki.oid import parse_oid

COMMON_NAME: Final = (2, 5, 4, 3)
NAMES: Final = {
    "C": (2, 5, 4, 6),
    "O": (2, 5, 4, 10),
    "OU": (2, 5, 4, 11),
    "CN": COMMON_NAME,
    "SERIALNUMBER": (2, 5, 4, 5),
    "L": (2, 5, 4, 7),
    "ST": (2, 5, 4, 8),
    "STREET": (2, 5, 4, 9),
    "DC": (0, 9, 2342, 19200300, 100, 1, 25),
    "UID": (0, 9, 2342, 19200300, 100, 1, 1),
}
_SPECIAL: Final = ' "#+,;<=>\\'
_HEX: Final = "0123456789abcdefABCDEF"
_LONG: Final = 0x80  # of a BER length: the number of its octets follows
_MORE_TAG: Final = 0x1F


class InvalidLiteralSubject(ValueError):
    """The text is no distinguished name; `str()` is the API's sentence."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A type by its OID, and a value; no OID where nobody knows the name."""

    oid: tuple[int, ...]
    value: str


RDN = tuple[Attribute, ...]


def parse_literal(text: str) -> tuple[RDN, ...]:
    """Return the RDNs in the order of encoding; raises `InvalidLiteralSubject`."""
    if not text.strip():
        return ()
    rdns: list[RDN] = []
    attributes: list[Attribute] = []
    for name, value, is_last in _pairs(text):
        attributes.append(Attribute(_oid(_unescaped(name)), _value(value)))
        if is_last:
            rdns.append(tuple(attributes))
            attributes = []
    return tuple(reversed(rdns))


def common_name_of(rdns: tuple[RDN, ...]) -> str:
    """Return the common name that counts: of several, the last in the order of encoding."""
    names = [attribute.value for rdn in rdns for attribute in rdn if attribute.oid == COMMON_NAME]
    return names[-1] if names else ""


def _pairs(text: str) -> Iterator[tuple[str, str, bool]]:
    """Yield type, value, and whether the RDN ends there, all still escaped."""
    name: str | None = None
    start, escaping = 0, False
    for i, char in enumerate(text):
        if escaping:
            escaping = False
        elif char == "\\":
            escaping = True
        elif char == '"':
            raise InvalidLiteralSubject("unescaped quote in a distinguished name")
        elif char == "=" and not name:
            name, start = text[start:i].strip(" "), i + 1
        elif char in ",+;":
            if not name:
                raise InvalidLiteralSubject("incomplete type, value pair")
            yield name, text[start:i], char != "+"
            name, start = None, i + 1
    if not name:
        raise InvalidLiteralSubject("DN ended with incomplete type, value pair")
    yield name, text[start:], True


def _oid(name: str) -> tuple[int, ...]:
    return NAMES.get(name) or parse_oid(name) or ()


def _value(text: str) -> str:
    return _decoded_ber(text[1:]) if text.startswith("#") else _unescaped(text)


def _unescaped(text: str) -> str:
    """Return the text without spaces around it and without escapes; octets that are no UTF-8 come as surrogates."""
    text = _stripped(text)
    if "\\" not in text:
        return text
    made = bytearray()
    chars = iter(range(len(text)))
    for i in chars:
        if text[i] != "\\":
            made += text[i].encode(errors="surrogatepass")
            continue
        if i + 1 >= len(text):
            raise InvalidLiteralSubject(f"got corrupted escaped character: '{text}'")
        next(chars)
        if text[i + 1] in _SPECIAL:
            made += text[i + 1].encode()
            continue
        pair = text[i + 1 : i + 3]
        if len(pair) < 2 or any(char not in _HEX for char in pair):
            raise InvalidLiteralSubject(f"failed to decode escaped character: encoding/hex: invalid byte: {pair}")
        next(chars)
        made += bytes.fromhex(pair)
    return made.decode(errors="surrogateescape")


def _stripped(text: str) -> str:
    """Return the text without the spaces around it; one that is escaped stays."""
    text = text.lstrip(" ")
    bare = text.rstrip(" ")
    escapes = len(bare) - len(bare.rstrip("\\"))
    return f"{bare} " if escapes % 2 and len(bare) < len(text) else bare


def _decoded_ber(digits: str) -> str:
    """Return the contents of the BER value with those hex digits (X.690 §8.1)."""
    digits = digits.rstrip(" ")
    if len(digits) % 2 or any(char not in _HEX for char in digits):
        raise InvalidLiteralSubject("failed to decode BER encoding: encoding/hex: odd length or invalid byte")
    data = bytes.fromhex(digits)
    start = 1
    if data[:1] and data[0] & _MORE_TAG == _MORE_TAG:
        while start < len(data) and data[start] & _LONG:
            start += 1
        start += 1
    if start >= len(data):
        raise InvalidLiteralSubject("failed to decode BER encoding: unexpected EOF")
    length, start = data[start], start + 1
    if length & _LONG:
        octets = length & ~_LONG
        length, start = int.from_bytes(data[start : start + octets]), start + octets
    if start + length > len(data):
        raise InvalidLiteralSubject("failed to decode BER encoding: unexpected EOF")
    return data[start : start + length].decode(errors="surrogateescape")
