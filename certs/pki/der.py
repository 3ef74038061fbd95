"""DER read as strictly and as leniently as Go's `encoding/asn1`, because that decides which requests are accepted.

Go is lenient where X.509 grew: elements behind the last one that it wants are not looked at.  It is strict about
everything that it does read: minimal lengths and numbers, exact types, canonical booleans.  What it makes of a
structure depends on the order in which it looks, so this is a cursor, not a parser of types.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
OID: Final = 0x06
SEQUENCE: Final = 0x30
SET: Final = 0x31

_HIGH_TAG: Final = 0x1F  # in the first octet: the number of the tag follows
_LONG_FORM: Final = 0x80
_MAX_INT32: Final = 2**31 - 1
_MOST_DIGITS: Final = 5  # of base 128, in a number of 32 bits
_INT64: Final = 8  # octets


class Malformed(ValueError):
    """The bytes are not what they should be; `str()` says which of them, and why."""


class Element(NamedTuple):
    """One element: the octet that tells its type, what it holds, and all of it."""

    identifier: int
    content: bytes
    whole: bytes


class Cursor:
    """Goes through the elements of some DER, one after the other."""

    def __init__(self, data: bytes, what: str) -> None:
        """Begin; `what` names in errors what the DER should be, as `public key`."""
        self._data = data
        self._what = what
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        """Is there nothing more?"""
        return self._at == len(self._data)

    def next(self) -> Element:
        """Return the next element, of any type."""
        identifier, content, length = self._header()
        start, end = self._at, content + length
        if end > len(self._data):
            raise Malformed(f"malformed {self._what}: cut off")
        self._at = end
        return Element(identifier, self._data[content:end], self._data[start:end])

    def take(self, identifier: int) -> bytes:
        """Return what the next element holds, which must be of that type."""
        element = self.next()
        if element.identifier != identifier:
            raise Malformed(f"malformed {self._what}: an element of a wrong type")
        return element.content

    def take_optional(self, identifier: int) -> bytes | None:
        """Return what the next element holds if it is of that type, or None; another one is not gone past."""
        if self.is_at_end or self._header()[0] != identifier:
            return None
        return self.take(identifier)

    def enter(self, identifier: int) -> None:
        """Go into the next element, which must be of that type; its end is not heeded, as Go does not."""
        found, content, length = self._header()
        if found != identifier or not length:
            raise Malformed(f"malformed {self._what}: an element of a wrong type")
        self._at = content

    def is_next(self, identifier: int) -> bool:
        """Is the next element of that type?"""
        return not self.is_at_end and self._header()[0] == identifier

    def require_end(self) -> None:
        """Refuse anything more."""
        if not self.is_at_end:
            raise Malformed(f"malformed {self._what}: something behind it")

    def _header(self) -> tuple[int, int, int]:
        return header(self._data, self._at, self._what)


def elements(data: bytes, what: str) -> Iterator[Element]:
    """Yield the elements in a row; made for many: whoever asks may send some ten thousand."""
    at, end = 0, len(data)
    while at < end:
        start = at
        identifier, length, content = data[at], data[at + 1] if at + 1 < end else _LONG_FORM, at + 2
        if identifier & _HIGH_TAG == _HIGH_TAG or length >= _LONG_FORM:
            identifier, content, length = header(data, at, what)
        at = content + length
        if at > end:
            raise Malformed(f"malformed {what}: cut off")
        yield Element(identifier, data[content:at], data[start:at])


def contents(data: bytes, identifier: int, what: str) -> list[bytes]:
    """Return what the elements hold, which must all be of that type."""
    found = list(elements(data, what))
    if any(element.identifier != identifier for element in found):
        raise Malformed(f"malformed {what}: an element of a wrong type")
    return [element.content for element in found]


def simple_elements(data: bytes, what: str) -> Iterator[Element]:
    """Yield the elements, whose tags must be numbers below 31: Go's `cryptobyte` knows no others."""
    for element in elements(data, what):
        if element.identifier & _HIGH_TAG == _HIGH_TAG:
            raise Malformed(f"malformed {what}: a tag out of range")
        yield element


def header(data: bytes, at: int, what: str) -> tuple[int, int, int]:
    """Return the type of the element that starts there, where its content begins, and how long it says to be."""
    try:
        identifier, at = data[at], at + 1
        if identifier & _HIGH_TAG == _HIGH_TAG:
            number, at = _base128(data, at)
            if number < _HIGH_TAG:
                raise Malformed(f"malformed {what}: a tag that is not in its shortest form")
        length, at = data[at], at + 1
    except IndexError:
        raise Malformed(f"malformed {what}: cut off") from None
    if length < _LONG_FORM:
        return identifier, at, length
    octets = data[at : at + length - _LONG_FORM]
    if len(octets) < length - _LONG_FORM:
        raise Malformed(f"malformed {what}: cut off")
    length = int.from_bytes(octets)
    if length < _LONG_FORM or not octets[0]:  # indefinite: no octets, and so no length
        raise Malformed(f"malformed {what}: a length that is not in its shortest form")
    return identifier, at + len(octets), length


def boolean(content: bytes) -> bool:
    """Return a BOOLEAN's value."""
    if content not in {b"\x00", b"\xff"}:
        raise Malformed("malformed truth value")
    return content == b"\xff"


def integer(content: bytes) -> int:
    """Return an INTEGER's value, of any size."""
    if not content:
        raise Malformed("malformed number: empty")
    value = int.from_bytes(content, signed=True)
    if len(content) > 1 and -(1 << (8 * len(content) - 9)) <= value < 1 << (8 * len(content) - 9):
        raise Malformed("malformed number: not in its shortest form")
    return value


def int64(content: bytes) -> int:
    """Return an INTEGER's value, which must fit in 64 bits."""
    if len(content) > _INT64:
        raise Malformed("malformed number: too large")
    return integer(content)


class Bits(NamedTuple):
    """A BIT STRING: its octets, and how many bits at their end do not count."""

    octets: bytes
    unused: int

    def __contains__(self, place: object) -> bool:
        """Is the bit at that place set?"""
        if not isinstance(place, int) or place >= 8 * len(self.octets) - self.unused:
            return False
        return bool(self.octets[place // 8] >> (7 - place % 8) & 1)

    @property
    def aligned(self) -> bytes:
        """The octets with the padding in front, for a number that was packed into bits."""
        return (int.from_bytes(self.octets) >> self.unused).to_bytes(len(self.octets))


def bit_string(content: bytes) -> Bits:
    """Return a BIT STRING's value."""
    unused = content[0] if content else 8
    if unused > 7 or (len(content) == 1 and unused) or content[-1] & ((1 << unused) - 1):
        raise Malformed("malformed string of bits: wrong padding")
    return Bits(content[1:], unused)


def oid(content: bytes) -> str:
    """Return an OBJECT IDENTIFIER's value, with dots."""
    if not content:
        raise Malformed("malformed object identifier: empty")
    first, at = _base128(content, 0)
    top = min(first // 40, 2)
    numbers = [top, first - 40 * top]
    while at < len(content):
        number, at = _base128(content, at)
        numbers.append(number)
    return ".".join(map(str, numbers))


def _base128(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that starts there, seven bits in each octet, and where it ends."""
    value = 0
    for digit, octet in enumerate(data[at : at + _MOST_DIGITS]):
        if not digit and octet == _LONG_FORM:
            break
        value = value << 7 | octet & 0x7F
        if octet < _LONG_FORM:
            if value > _MAX_INT32:
                break
            return value, at + digit + 1
    raise Malformed("malformed number of base 128: too large, cut off or not in its shortest form")
