"""DER, written: the few types of ASN.1 that keystores are made of (ITU-T X.690).

Reading is left to `cryptography`; it writes certificates and keys, too, but not what PKCS#12 puts around them.
"""

from __future__ import annotations

from typing import Final

NULL: Final = b"\x05\x00"
_LONG_FORM: Final = 0x80


def element(tag: int, *parts: bytes) -> bytes:
    """Return tag, length and the parts as content."""
    content = b"".join(parts)
    size = len(content)
    if size < _LONG_FORM:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, _LONG_FORM | len(octets))) + octets + content


def sequence(*parts: bytes) -> bytes:
    """Return a SEQUENCE of the parts."""
    return element(0x30, *parts)


def set_of(*parts: bytes) -> bytes:
    """Return a SET OF the parts, in the order that DER wants (X.690 §11.6)."""
    return element(0x31, *sorted(parts))


def explicit(number: int, *parts: bytes) -> bytes:
    """Return the parts with an explicit context tag."""
    return element(0xA0 | number, *parts)


def octets(content: bytes) -> bytes:
    """Return an OCTET STRING."""
    return element(0x04, content)


def integer(number: int) -> bytes:
    """Return an INTEGER that is not negative."""
    return element(0x02, number.to_bytes(number.bit_length() // 8 + 1))


def bmp_string(text: str) -> bytes:
    """Return a BMPString: UTF-16, big end first."""
    return element(0x1E, text.encode("utf-16-be", "surrogatepass"))


def oid(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER.

    >>> oid("1.2.840.113549").hex()
    '06062a864886f70d'
    """
    first, second, *others = map(int, dotted.split("."))
    return element(0x06, *map(_base128, (first * 40 + second, *others)))


def _base128(number: int) -> bytes:
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))
