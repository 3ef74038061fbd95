"""PKCS#12 files (RFC 7292), written: a key with its chain, or certificates that Java is to trust.

    PFX ── AuthenticatedSafe ──┬── EncryptedData: certificates
     │                         └── Data: the key, encrypted by itself
     └──── MAC over it

Why not `cryptography`: it has no 40-bit RC2, which the API's default profile needs; and it draws salts itself, so
that the result could not be compared with anything.  Ciphers and PBKDF2 are `cryptography`'s, RC2 is `certs.pki.rc2`.

| profile    | certificates        | key                 | MAC (iterations)            |
|------------|---------------------|---------------------|-----------------------------|
| LegacyRC2  | SHA-1, RC2 40       | SHA-1, 3DES         | HMAC-SHA-1 (1)              |
| LegacyDES  | SHA-1, 3DES         | SHA-1, 3DES         | HMAC-SHA-1 (1)              |
| Modern2023 | PBES2, AES-256-CBC  | PBES2, AES-256-CBC  | HMAC-SHA-256 (2048)         |
| Modern2026 | PBES2, AES-256-CBC  | PBES2, AES-256-CBC  | PBMAC1, RFC 9879 (2048)     |

Keys are derived with 2048 iterations.  The figures of the first three are those of `go-pkcs12`, by which
cert-manager writes them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certs.pki import rc2
from certs.pki.derwriter import NULL, bmp_string, explicit, integer, octets, oid, sequence, set_of
from certs.pki.keys import Key

Encryption = Literal["RC2", "3DES", "AES"]

RANDOM: Final = 80  # bytes: three salts and two IVs of sixteen each
_ITERATIONS: Final = 2048
_LEGACY_SALT: Final = 8

_DATA: Final = oid("1.2.840.113549.1.7.1")
_ENCRYPTED_DATA: Final = oid("1.2.840.113549.1.7.6")
_SHROUDED_KEY_BAG: Final = oid("1.2.840.113549.1.12.10.1.2")
_CERT_BAG: Final = oid("1.2.840.113549.1.12.10.1.3")
_X509: Final = oid("1.2.840.113549.1.9.22.1")
_FRIENDLY_NAME: Final = oid("1.2.840.113549.1.9.20")
_LOCAL_KEY_ID: Final = oid("1.2.840.113549.1.9.21")
_JAVA_TRUSTED: Final = oid("2.16.840.1.113894.746875.1.1")
_ANY_PURPOSE: Final = oid("2.5.29.37.0")
_PBE_3DES: Final = oid("1.2.840.113549.1.12.1.3")
_PBE_RC2_40: Final = oid("1.2.840.113549.1.12.1.6")
_PBES2: Final = oid("1.2.840.113549.1.5.13")
_PBKDF2: Final = oid("1.2.840.113549.1.5.12")
_PBMAC1: Final = oid("1.2.840.113549.1.5.14")
_AES_256_CBC: Final = oid("2.16.840.1.101.3.4.1.42")
_HMAC_SHA256: Final = sequence(oid("1.2.840.113549.2.9"), NULL)
_DIGESTS: Final = {
    "sha1": sequence(oid("1.3.14.3.2.26"), NULL),
    "sha256": sequence(oid("2.16.840.1.101.3.4.2.1"), NULL),
}

# What the derived bytes are for (RFC 7292 §B.3).
_FOR_KEY, _FOR_IV, _FOR_MAC = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Profile:
    """Which algorithms a file is made with; `is_pbmac1` is the MAC of RFC 9879."""

    certificates: Encryption
    key: Encryption
    digest: Literal["sha1", "sha256"]
    mac_iterations: int
    is_pbmac1: bool = False


PROFILES: Final[Mapping[str, Profile]] = {
    "LegacyRC2": Profile("RC2", "3DES", "sha1", 1),
    "LegacyDES": Profile("3DES", "3DES", "sha1", 1),
    "Modern2023": Profile("AES", "AES", "sha256", _ITERATIONS),
    "Modern2026": Profile("AES", "AES", "sha256", _ITERATIONS, is_pbmac1=True),
}


def pkcs12_keystore(
    key: Key, chain: tuple[bytes, ...], *, others: Iterable[bytes], profile: Profile, password: str, random: bytes
) -> bytes:
    """Return a file with the key, its chain (DER, leaf first) and other certificates that go along.

    `random` is `RANDOM` fresh random bytes.
    """
    identity = _attribute(_LOCAL_KEY_ID, octets(hashlib.sha1(chain[0], usedforsecurity=False).digest()))
    certificates = (_certificate(chain[0], identity), *(_certificate(der) for der in (*chain[1:], *others)))
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    algorithm, encrypted = _encrypt(profile.key, plain, password, random[16:32], random[64:80])
    shrouded = _bag(_SHROUDED_KEY_BAG, sequence(algorithm, octets(encrypted)), identity)
    contents = (
        _encrypted(profile, sequence(*certificates), password, random),
        _data(sequence(shrouded)),
    )
    return _file(contents, profile, password, random[32:48])


def pkcs12_truststore(certificates: Mapping[str, bytes], *, profile: Profile, password: str, random: bytes) -> bytes:
    """Return a file with certificates (alias to DER), marked as those that Java is to trust."""
    trusted = _attribute(_JAVA_TRUSTED, _ANY_PURPOSE)
    bags = (
        _certificate(der, _attribute(_FRIENDLY_NAME, bmp_string(alias)), trusted) for alias, der in certificates.items()
    )
    return _file((_encrypted(profile, sequence(*bags), password, random),), profile, password, random[32:48])


def _file(contents: Iterable[bytes], profile: Profile, password: str, salt: bytes) -> bytes:
    """Return the outermost part (RFC 7292 §4)."""
    safe = sequence(*contents)
    mac = _pbmac1(safe, password, salt) if profile.is_pbmac1 else _mac(safe, profile, password, salt)
    return sequence(integer(3), _data(safe), mac)


def _mac(safe: bytes, profile: Profile, password: str, salt: bytes) -> bytes:
    salt = salt if profile.digest == "sha256" else salt[:_LEGACY_SALT]
    size = hashlib.new(profile.digest).digest_size
    key = derive(profile.digest, _FOR_MAC, password, salt, profile.mac_iterations, size)
    digest = sequence(_DIGESTS[profile.digest], octets(hmac.digest(key, safe, profile.digest)))
    return sequence(digest, octets(salt), *([] if profile.mac_iterations == 1 else [integer(profile.mac_iterations)]))


def _pbmac1(safe: bytes, password: str, salt: bytes) -> bytes:
    """Return the MAC of RFC 9879; salt and iterations stand twice, for readers that look in the old places only."""
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    algorithm = sequence(_PBMAC1, sequence(_derivation(salt, integer(len(key))), _HMAC_SHA256))
    return sequence(sequence(algorithm, octets(hmac.digest(key, safe, "sha256"))), octets(salt), integer(_ITERATIONS))


def _data(content: bytes) -> bytes:
    return sequence(_DATA, explicit(0, octets(content)))


def _encrypted(profile: Profile, content: bytes, password: str, random: bytes) -> bytes:
    algorithm, encrypted = _encrypt(profile.certificates, content, password, random[:16], random[48:64])
    # [0] IMPLICIT OCTET STRING
    info = sequence(_DATA, algorithm, b"\x80" + octets(encrypted)[1:])
    return sequence(_ENCRYPTED_DATA, explicit(0, sequence(integer(0), info)))


def _certificate(der: bytes, *attributes: bytes) -> bytes:
    return _bag(_CERT_BAG, sequence(_X509, explicit(0, octets(der))), *attributes)


def _bag(kind: bytes, value: bytes, *attributes: bytes) -> bytes:
    return sequence(kind, explicit(0, value), *([set_of(*attributes)] if attributes else []))


def _attribute(kind: bytes, value: bytes) -> bytes:
    return sequence(kind, set_of(value))


# --- encryption --------------------------------------------------------------------------------


def _encrypt(method: Encryption, plain: bytes, password: str, salt: bytes, iv: bytes) -> tuple[bytes, bytes]:
    """Return the AlgorithmIdentifier and the ciphertext."""
    if method == "AES":
        key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
        cipher = Cipher(AES256(key), CBC(iv)).encryptor()
        algorithm = sequence(_PBES2, sequence(_derivation(salt), sequence(_AES_256_CBC, octets(iv))))
        return algorithm, cipher.update(_padded(plain, 128)) + cipher.finalize()
    salt = salt[:_LEGACY_SALT]
    iv = derive("sha1", _FOR_IV, password, salt, _ITERATIONS, 8)
    parameters = sequence(octets(salt), integer(_ITERATIONS))
    if method == "RC2":
        key = derive("sha1", _FOR_KEY, password, salt, _ITERATIONS, rc2.KEY)
        return sequence(_PBE_RC2_40, parameters), rc2.encrypt_cbc(key, iv, _padded(plain, 64))
    key = derive("sha1", _FOR_KEY, password, salt, _ITERATIONS, 24)
    cipher = Cipher(TripleDES(key), CBC(iv)).encryptor()
    return sequence(_PBE_3DES, parameters), cipher.update(_padded(plain, 64)) + cipher.finalize()


def _derivation(salt: bytes, *length: bytes) -> bytes:
    return sequence(_PBKDF2, sequence(octets(salt), integer(_ITERATIONS), *length, _HMAC_SHA256))


def _padded(plain: bytes, bits: int) -> bytes:
    padder = PKCS7(bits).padder()
    return padder.update(plain) + padder.finalize()


def derive(digest: str, purpose: int, password: str, salt: bytes, iterations: int, size: int) -> bytes:
    """Return `size` bytes derived from the password (RFC 7292 §B.2); `purpose` is 1 for a key, 2 an IV, 3 a MAC."""
    block = 64  # of both digests
    secret = password.encode("utf-16-be", "surrogatepass") + b"\0\0"
    initial = _filled(salt, block) + _filled(secret, block)
    derived = b""
    while len(derived) < size:
        part = hashlib.new(digest, bytes([purpose]) * block + initial).digest()
        for _ in range(iterations - 1):
            part = hashlib.new(digest, part).digest()
        derived += part
        addend = int.from_bytes(_filled(part, block)) + 1
        initial = b"".join(
            ((int.from_bytes(initial[i : i + block]) + addend) % (1 << 8 * block)).to_bytes(block)
            for i in range(0, len(initial), block)
        )
    return derived[:size]


def _filled(text: bytes, block: int) -> bytes:
    """Repeat the text up to a multiple of the block."""
    size = -(-len(text) // block) * block
    return (text * (size // len(text) + 1))[:size]
