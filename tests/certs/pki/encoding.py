"""DER written by hand, so that what no library would write can be read."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certs.pki import pem

KEY = ec.derive_private_key(7, ec.SECP256R1())


def tlv(identifier: int, *parts: bytes) -> bytes:
    """Return an element with its length in the shortest form."""
    content = b"".join(parts)
    length = len(content)
    if length < 0x80:
        return bytes((identifier, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes((identifier, 0x80 + len(octets))) + octets + content


def seq(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def set_of(*parts: bytes) -> bytes:
    return tlv(0x31, *parts)


def number(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, signed=True))


def bits(octets: bytes, unused: int = 0) -> bytes:
    return tlv(0x03, bytes((unused,)), octets)


def octets(content: bytes) -> bytes:
    return tlv(0x04, content)


def oid(text: str) -> bytes:
    first, second, *rest = map(int, text.split("."))
    return tlv(0x06, *(_base128(value) for value in (40 * first + second, *rest)))


def _base128(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))


NULL = tlv(0x05)
TRUE = tlv(0x01, b"\xff")
ECDSA_SHA256 = seq(oid("1.2.840.10045.4.3.2"))
COMMON_NAME = seq(set_of(seq(oid("2.5.4.3"), tlv(0x0C, b"x"))))


def public_key(algorithm: bytes, content: bytes) -> bytes:
    return seq(algorithm, bits(content))


OWN_KEY = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def extension(name: str, value: bytes, *, critical: bytes = b"") -> bytes:
    return seq(oid(name), critical, octets(value))


def asking_for(*extensions: bytes) -> bytes:
    """Return the attribute that asks for extensions."""
    return seq(oid("1.2.840.113549.1.9.14"), set_of(seq(*extensions)))


def to_be_signed(
    *attributes: bytes, subject: bytes = COMMON_NAME, key: bytes = OWN_KEY, version: bytes = number(0)
) -> bytes:
    return seq(version, subject, key, tlv(0xA0, *attributes))


def signed(content: bytes) -> bytes:
    """Return a request, really signed, so that nothing but its content can be wrong."""
    return seq(content, ECDSA_SHA256, bits(KEY.sign(content, ec.ECDSA(hashes.SHA256()))))


def request(*extensions: bytes) -> bytes:
    """Return a request in PEM that asks for extensions."""
    return pem.encode("CERTIFICATE REQUEST", signed(to_be_signed(asking_for(*extensions))))
