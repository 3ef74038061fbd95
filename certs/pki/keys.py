"""Private keys: read, write and compare them.

Three kinds are spoken of in the API: RSA, ECDSA on the NIST curves, Ed25519.  Making one needs
randomness and so is not here (`shim.keys`).  No error, repr or traceback of this module carries
key material: `PrivateKeyPEM` does not print, and errors of the decoder below are not chained,
since its message may quote what it was given.
"""

from __future__ import annotations

from typing import Final, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from certs.api.certificate import KeyAlgorithm, KeyEncoding, PrivateKey
from certs.pki.pem import MAX_PRIVATE_KEY, InvalidPEM, require_size

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

DEFAULT_SIZE: Final = {KeyAlgorithm.RSA: 2048, KeyAlgorithm.ECDSA: 256, KeyAlgorithm.ED25519: 0}
CURVES: Final[dict[int, type[ec.EllipticCurve]]] = {256: ec.SECP256R1, 384: ec.SECP384R1, 521: ec.SECP521R1}


class PrivateKeyPEM(bytes):
    """A private key as PEM; the bytes are the key, the repr is not.

    >>> PrivateKeyPEM(b"-----BEGIN PRIVATE KEY-----")
    PrivateKeyPEM(<27 bytes>)
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"PrivateKeyPEM(<{len(self)} bytes>)"

    __str__ = __repr__


class InvalidKey(InvalidPEM):
    """The bytes are not a private key of a kind that we use."""


class HoldsPublicKey(Protocol):
    """A certificate or a request; `public_key` is the DER of its SubjectPublicKeyInfo."""

    @property
    def public_key(self) -> bytes:
        """DER of the SubjectPublicKeyInfo."""


def decode_key(pem: bytes) -> Key:
    """Return the first private key in the text: PKCS#1, SEC 1 or PKCS#8, not encrypted.

    Raises `InvalidKey` with a sentence for everything else.
    """
    try:
        require_size(pem, "private key", MAX_PRIVATE_KEY)
        # The library's own validation proves that the factors are prime: 40 ms for RSA 2048, seconds for 8192,
        # each time that anybody looks at a Secret.  `_is_consistent` asks what an honest mistake could break.
        key = load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
    except InvalidPEM as error:
        raise InvalidKey(str(error)) from None
    except TypeError:
        raise InvalidKey("cannot read private key: it is encrypted, and there is no place for a password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidKey("cannot read private key: neither PKCS#1, SEC 1 nor PKCS#8 in PEM") from None
    if isinstance(key, ec.EllipticCurvePrivateKey) and not isinstance(key.curve, tuple(CURVES.values())):
        raise InvalidKey(f"cannot use private key: curve {key.curve.name} is none of P-256, P-384, P-521")
    if isinstance(key, rsa.RSAPrivateKey) and not _is_consistent(key.private_numbers()):
        raise InvalidKey("cannot use private key: the numbers of the RSA key do not belong together")
    if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        return key
    raise InvalidKey("cannot use private key: it is neither RSA, ECDSA nor Ed25519")


def _is_consistent(key: rsa.RSAPrivateNumbers) -> bool:
    """Do the numbers make one key (RFC 8017 §3.2)?  Whether the factors are prime is not asked."""
    p, q, public = key.p, key.q, key.public_numbers
    if min(p, q) < 3 or p * q != public.n:
        return False
    return (
        (key.d * public.e) % (p - 1) == 1
        and (key.d * public.e) % (q - 1) == 1
        and key.dmp1 == key.d % (p - 1)
        and key.dmq1 == key.d % (q - 1)
        and (key.iqmp * q) % p == 1
    )


def encode_key(key: Key, encoding: KeyEncoding | None = None) -> PrivateKeyPEM:
    """Return the key as PEM: PKCS1 (SEC 1 for ECDSA; the default) or PKCS8; Ed25519 knows only PKCS8."""
    traditional = encoding is not KeyEncoding.PKCS8 and not isinstance(key, ed25519.Ed25519PrivateKey)
    form = PrivateFormat.TraditionalOpenSSL if traditional else PrivateFormat.PKCS8
    return PrivateKeyPEM(key.private_bytes(Encoding.PEM, form, NoEncryption()))


def algorithm_of(key: Key) -> KeyAlgorithm:
    """Return the kind of key in the API's word."""
    match key:
        case rsa.RSAPrivateKey():
            return KeyAlgorithm.RSA
        case ec.EllipticCurvePrivateKey():
            return KeyAlgorithm.ECDSA
        case _:
            return KeyAlgorithm.ED25519


def fits(key: Key, spec: PrivateKey | None) -> tuple[str, ...]:
    """Return the paths of the fields that the key does not fit; empty when it fits.

    Absent fields have their defaults: RSA 2048, ECDSA 256.  A wrong algorithm is told alone,
    since sizes of different kinds cannot be compared.
    """
    wanted = spec or PrivateKey()
    algorithm = wanted.algorithm or KeyAlgorithm.RSA
    if algorithm_of(key) is not algorithm:
        return ("spec.privateKey.algorithm",)
    if isinstance(key, ed25519.Ed25519PrivateKey) or key.key_size == (wanted.size or DEFAULT_SIZE[algorithm]):
        return ()
    return ("spec.privateKey.size",)


def public_der(key: PublicKeyTypes) -> bytes:
    """Return the DER of the SubjectPublicKeyInfo, by which keys are compared."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def matches(key: Key, holder: HoldsPublicKey) -> bool:
    """Does the certificate or request belong to the key?"""
    return public_der(key.public_key()) == holder.public_key
