"""One value in BER (X.690 §8), as it stands in hex in a literal subject: its contents, read as the API reads it.

A constructed value is read to its end, as deep as it goes, and its contents are those of its parts, written anew with
the shortest lengths.  Of the types in it, three kinds of strings are checked for their alphabet; the contents of a
REAL or a GeneralizedTime are not looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

MOST_DEEP: Final = 1000
MOST_LONG: Final = 2**31 - 1
MOST_LONG_WITH_SIGN: Final = 2**63 - 1

_CONSTRUCTED: Final = 0x20
_CLASS: Final = 0xC0  # no bit of it: a universal type
_TAG: Final = 0x1F  # all bits of it: the number of the tag follows
_MORE: Final = 0x80
_SEVEN: Final = 0x7F
_INDEFINITE: Final = 0x80
_RESERVED: Final = 0xFF
_MOST_TAG_OCTETS: Final = 9
_MOST_LENGTH_OCTETS: Final = 8

_PRINTABLE: Final = re.compile(r"[A-Za-z0-9'()+,\-./:=? ]*")
_IA5: Final = re.compile(r"[\x00-\x7e]*")


class InvalidBER(ValueError):
    """The octets are no value in BER; `str()` is the API's sentence."""


@dataclass(slots=True)
class _Open:
    """A constructed value whose end has not come yet; no length when its end is marked."""

    identifier: bytes
    start: int
    length: int | None
    parts: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class _Reader:
    data: bytes
    at: int = 0

    def octet(self) -> int:
        if self.at >= len(self.data):
            raise InvalidBER("unexpected EOF")
        self.at += 1
        return self.data[self.at - 1]

    def identifier(self) -> bytes:
        """Return the identifier octets in their shortest form."""
        first = self.octet()
        if first & _TAG != _TAG:
            return bytes([first])
        tag, octets, more = 0, 0, True
        while more:
            octet = self.octet()
            octets += 1
            tag = tag << 7 | octet & _SEVEN
            if octets == 1 and not tag:
                raise InvalidBER("invalid first high-tag-number tag byte")
            if octets > _MOST_TAG_OCTETS:
                raise InvalidBER("high-tag-number tag overflow")
            more = bool(octet & _MORE)
        return bytes([first & ~_TAG | tag]) if tag < _TAG else bytes([first, *_base128(tag)])

    def length(self) -> int | None:
        """Return the number of octets of the contents, None when their end is marked."""
        first = self.octet()
        if first == _RESERVED:
            raise InvalidBER("invalid length byte 0xff")
        if first == _INDEFINITE:
            return None
        if not first & _MORE:
            return first
        if first & _SEVEN > _MOST_LENGTH_OCTETS:
            raise InvalidBER("long-form length overflow")
        length = 0
        for _ in range(first & _SEVEN):
            length = length << 8 | self.octet()
        if length > MOST_LONG_WITH_SIGN:
            raise InvalidBER("long-form length overflow")
        return length

    def contents(self, length: int) -> bytes:
        if length > len(self.data) - self.at:
            raise InvalidBER("unexpected EOF")
        self.at += length
        return self.data[self.at - length : self.at]


def contents(data: bytes) -> bytes:
    r"""Return the contents of the one value in BER; raises `InvalidBER`.

    >>> contents(bytes.fromhex("0c0161")), contents(bytes.fromhex("30800c8101610000"))
    (b'a', b'\x0c\x01a')
    """
    if not data:
        raise InvalidBER("EOF")
    reader = _Reader(data)
    around: list[_Open] = []
    while True:
        value = _begun(reader, around)
        while value is not None:
            if not around:
                if reader.at < len(data):
                    raise InvalidBER("trailing bytes after value")
                return value[1]
            value = _taken(around, value, reader.at)


def _begun(reader: _Reader, around: list[_Open]) -> tuple[bytes, bytes] | None:
    """Read a whole primitive value, its identifier and its contents, or just the beginning of a constructed one."""
    if len(around) >= MOST_DEEP:
        raise InvalidBER(f"nesting depth {MOST_DEEP} exceeds maximum {MOST_DEEP}")
    identifier = reader.identifier()
    length = reader.length()
    is_constructed = identifier[0] & _CONSTRUCTED
    if length is None and not is_constructed:
        raise InvalidBER("indefinite length used with primitive type")
    if length is not None and length > MOST_LONG:
        raise InvalidBER(f"length {length} greater than maximum {MOST_LONG}")
    if is_constructed:
        if length == 0:
            return identifier, b""
        around.append(_Open(identifier, reader.at, length))
        return None
    value = reader.contents(length or 0)
    _check(identifier, value)
    return identifier, value


def _taken(around: list[_Open], value: tuple[bytes, bytes], at: int) -> tuple[bytes, bytes] | None:
    """Put a value into the innermost one that is open; return that when it is complete now."""
    identifier, octets = value
    outer = around[-1]
    is_end = identifier == b"\x00" and not octets
    if is_end and outer.length is not None:
        raise InvalidBER("eoc child not allowed with definite length")
    if not is_end:
        outer.parts += (identifier, _length(len(octets)), octets)
    read = at - outer.start
    if outer.length is not None and read > outer.length:
        raise InvalidBER(f"expected to read {outer.length} bytes, read {read}")
    if not is_end and read != outer.length:
        return None
    around.pop()
    return outer.identifier, b"".join(outer.parts)


def _check(identifier: bytes, value: bytes) -> None:
    if len(identifier) > 1 or identifier[0] & _CLASS:
        return
    check = _ALPHABETS.get(identifier[0] & _TAG)
    if check is not None:
        check(value)


def _check_utf8(value: bytes) -> None:
    try:
        value.decode()
    except UnicodeDecodeError as error:
        raise InvalidBER("invalid UTF-8 string") from error


def _check_printable(value: bytes) -> None:
    text = value.decode("latin-1")
    good = _PRINTABLE.match(text)
    if good is not None and good.end() < len(text):
        raise InvalidBER(f"invalid character in position {good.end()}")


def _check_ia5(value: bytes) -> None:
    text = value.decode("latin-1")
    good = _IA5.match(text)
    if good is not None and good.end() < len(text):
        char = value[good.end() : good.end() + 4].decode(errors="replace")[0]
        raise InvalidBER(f"invalid character for IA5String at pos {good.end()}: {char}")


_ALPHABETS: Final = {0x0C: _check_utf8, 0x13: _check_printable, 0x16: _check_ia5}


def _length(length: int) -> bytes:
    if length < _MORE:
        return bytes([length])
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([_MORE | len(octets), *octets])


def _base128(number: int) -> list[int]:
    octets = [number & _SEVEN]
    while number := number >> 7:
        octets.insert(0, number & _SEVEN | _MORE)
    return octets
