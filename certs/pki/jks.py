"""Java keystores (JKS, version 2), written: a key with its chain, and certificates to trust.

The format was never specified; it is what `sun.security.provider.JavaKeyStore` and `KeyProtector` of the JDK read:

    FEEDFEED, version, count, entries (tag, alias, time, key and chain | certificate), SHA-1 over password and all of it

Its protection of the key is home-made (a keystream of SHA-1) and weak; whoever may choose takes PKCS#12.
Why our own: it is these few lines, and the libraries that write it bring ciphers of their own along.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certs.pki.derwriter import NULL, octets, oid, sequence
from certs.pki.keys import Key

SALT: Final = 20  # bytes, as long as a SHA-1
_MAGIC, _VERSION = 0xFEEDFEED, 2
_PRIVATE_KEY, _TRUSTED = 1, 2
_WHITENER: Final = b"Mighty Aphrodite"
_SUN_PROTECTION: Final = sequence(oid("1.3.6.1.4.1.42.2.17.1.1"), NULL)
_LONGEST_NAME: Final = 0xFFFF


class UnusableAlias(ValueError):
    """An alias that the format has no room for."""


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A key under its alias, with its chain (DER, leaf first)."""

    alias: str
    key: Key
    chain: tuple[bytes, ...]


def jks_store(
    entry: KeyEntry | None, trusted: Mapping[str, bytes], *, password: str, salt: bytes, now: datetime
) -> bytes:
    """Return a keystore with a key entry (or none) and trusted certificates (alias to DER).

    `salt` is `SALT` fresh random bytes.  Aliases are stored in small letters, since Java looks for those only.
    Raises `UnusableAlias`.
    """
    secret, time = password.encode("utf-16-be", "surrogatepass"), struct.pack(">Q", int(now.timestamp() * 1000))
    entries = [] if entry is None else [_key_entry(entry, time, secret, salt)]
    entries += [_tag(_TRUSTED, alias) + time + _certificate(der) for alias, der in trusted.items()]
    content = b"".join((struct.pack(">III", _MAGIC, _VERSION, len(entries)), *entries))
    return content + _sha1(secret, _WHITENER, content)


def _key_entry(entry: KeyEntry, time: bytes, secret: bytes, salt: bytes) -> bytes:
    plain = entry.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return b"".join(
        (
            _tag(_PRIVATE_KEY, entry.alias),
            time,
            _sized(sequence(_SUN_PROTECTION, octets(_protected(plain, secret, salt)))),
            struct.pack(">I", len(entry.chain)),
            *map(_certificate, entry.chain),
        )
    )


def _protected(plain: bytes, secret: bytes, salt: bytes) -> bytes:
    """Return salt, the key under a keystream that goes on from it, and a check of the key."""
    stream, last = b"", salt
    while len(stream) < len(plain):
        last = _sha1(secret, last)
        stream += last
    hidden = int.from_bytes(plain) ^ int.from_bytes(stream[: len(plain)])
    return salt + hidden.to_bytes(len(plain)) + _sha1(secret, plain)


def _sha1(*parts: bytes) -> bytes:
    return hashlib.sha1(b"".join(parts), usedforsecurity=False).digest()


def _certificate(der: bytes) -> bytes:
    return _name("X.509") + _sized(der)


def _sized(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def _tag(kind: int, alias: str) -> bytes:
    return struct.pack(">I", kind) + _name(alias.lower())


def _name(text: str) -> bytes:
    """Return text as Java's `writeUTF` does: each UTF-16 unit by itself, NUL as two bytes."""
    units = text.encode("utf-16-be", "surrogatepass")
    encoded = b"".join(
        chr(unit).encode("utf-8", "surrogatepass") if unit else b"\xc0\x80"
        for (unit,) in struct.iter_unpack(">H", units)
    )
    if len(encoded) > _LONGEST_NAME:
        raise UnusableAlias(f"an alias of {len(encoded)} bytes is too long, at most {_LONGEST_NAME} fit")
    return struct.pack(">H", len(encoded)) + encoded
