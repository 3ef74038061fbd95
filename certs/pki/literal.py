"""A literal subject: the text of RFC 4514 to attributes, as the API's own parser reads it (`go-ldap`, `ParseDN`).

Names of attributes are case-sensitive and few (RFC 4514 §3); instead of a name, an OID of any integers works.
`,` and `;` separate RDNs, `+` the values of one.  A value may escape with a backslash, and `#` begins the hex digits
of a BER value.  RDNs come back in the order of encoding, which is the reverse of how they are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from certs.goprint import SPACES
from certs.pki.ber import InvalidBER, contents
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
_MARK: Final = re.compile(r"\\.|[=,+;]", re.DOTALL)  # one that is escaped is none
_UNUSUAL: Final = re.compile(r'[\\";<>\x00]')  # not always itself in a value
_NOT_HEX: Final = re.compile("[^0-9A-Fa-f]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_PAIR: Final = 2
_ESCAPE: Final = "failed to decode escaped character:"
_BER: Final = "failed to decode BER encoding:"


class InvalidLiteralSubject(ValueError):
    """The text is no distinguished name; `str()` is the API's sentence."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A type by its OID, and a value; no OID where nobody knows the name.

    Octets of a value that are no UTF-8 stand in it as surrogates (PEP 383), which `shown` has not.
    """

    oid: tuple[int, ...]
    value: str

    @property
    def shown(self) -> str:
        """The value as it may stand in a sentence."""
        return _SURROGATE.sub("\ufffd", self.value)


RDN = tuple[Attribute, ...]


def parse_literal(text: str) -> tuple[RDN, ...]:
    """Return the RDNs in the order of encoding; raises `InvalidLiteralSubject`."""
    if not text.strip(SPACES):
        return ()
    rdns: list[RDN] = []
    attributes: list[Attribute] = []
    for name, value, is_last in _pairs(text):
        attributes.append(Attribute(NAMES.get(name) or parse_oid(name) or (), _value(value)))
        if is_last:
            rdns.append(tuple(attributes))
            attributes = []
    return tuple(reversed(rdns))


def common_name_of(rdns: tuple[RDN, ...]) -> str | None:
    """Return the common name that counts: of several, the last in the order of encoding; None when there is none."""
    names = [attribute.value for rdn in rdns for attribute in rdn if attribute.oid == COMMON_NAME]
    return names[-1] if names else None


def _pairs(text: str) -> Iterator[tuple[str, str, bool]]:
    """Yield type, value, and whether the RDN ends there; the value is escaped still."""
    name, start = "", 0
    for mark in _MARK.finditer(text):
        char, end = mark[0], mark.start()
        if char == "=" and not name:
            name, start = _unescaped(text[start:end]), end + 1
        elif char in {",", "+", ";"}:
            if not name:
                raise InvalidLiteralSubject("incomplete type, value pair")
            yield name, text[start:end], char != "+"
            name, start = "", end + 1
    if not name:
        raise InvalidLiteralSubject("DN ended with incomplete type, value pair")
    yield name, text[start:], True


def _value(text: str) -> str:
    if not text.startswith("#"):
        return _unescaped(text)
    try:
        return contents(_hex(text[1:])).decode(errors="surrogateescape")
    except InvalidBER as error:
        raise InvalidLiteralSubject(f"{_BER} {error}") from error


def _hex(digits: str) -> bytes:
    bad = _NOT_HEX.search(digits)
    if bad is not None:
        octet = bad[0].encode()[:1].decode("latin-1")
        raise InvalidLiteralSubject(f"{_BER} {_invalid_octet(octet)}")
    if len(digits) % 2:
        raise InvalidLiteralSubject(f"{_BER} encoding/hex: odd length hex string")
    return bytes.fromhex(digits)


def _unescaped(text: str) -> str:
    """Return the text without spaces around it and without escapes; octets that are no UTF-8 come as surrogates."""
    text = _stripped(text)
    if not _UNUSUAL.search(text):
        return text
    made = bytearray()
    end = 0
    while unusual := _UNUSUAL.search(text, end):
        made += text[end : unusual.start()].encode()
        octets, end = _special(text, unusual.start())
        made += octets
    made += text[end:].encode()
    return made.decode(errors="surrogateescape")


def _special(text: str, at: int) -> tuple[bytes, int]:
    """Return the octets for what is escaped there, and where it ends; not escaped it must not stand there."""
    if text[at] == "\x00":
        raise InvalidLiteralSubject("got unescaped NULL character")
    if text[at] != "\\":
        raise InvalidLiteralSubject(f"got unescaped character: '{text[at]}'")
    pair = text[at + 1 : at + 1 + _PAIR]
    if not pair:
        raise InvalidLiteralSubject(f"got corrupted escaped character: '{text}'")
    if pair[0] in _SPECIAL:
        return pair[0].encode(), at + 2
    if len(pair) < _PAIR:
        raise InvalidLiteralSubject(f"{_ESCAPE} encoding/hex: invalid byte: {pair}")
    if not pair.isascii():
        raise InvalidLiteralSubject(f"{_ESCAPE} invalid byte: {pair}")
    bad = _NOT_HEX.search(pair)
    if bad is not None:
        raise InvalidLiteralSubject(f"{_ESCAPE} {_invalid_octet(bad[0])}")
    return bytes.fromhex(pair), at + 1 + _PAIR


def _invalid_octet(char: str) -> str:
    shown = f" '{char}'" if char.isprintable() else ""
    return f"encoding/hex: invalid byte: U+{ord(char):04X}{shown}"


def _stripped(text: str) -> str:
    """Return the text without the spaces around it; one that is escaped stays."""
    bare = text.strip(" ")
    escapes = len(bare) - len(bare.rstrip("\\"))
    return f"{bare} " if escapes % 2 and text.endswith(" ") else bare
