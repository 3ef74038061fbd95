"""Whether a signing request is signed by the key that it is about, with algorithms that Go verifies.

Keys and parameters are read by Go's rules (`crypto/x509`, `parsePublicKey` and `checkSignature`), the arithmetic is
`cryptography`'s.  Sentences are Go's, since the API shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from certs.pki import der
from certs.pki.der import Cursor, Malformed
from certs.pki.pkcs10 import Algorithm, PublicKey, SigningRequest, read_algorithm

MIN_RSA_BITS: Final = 1024  # Go's crypto/rsa verifies with no shorter key
MAX_RSA_BITS: Final = 16_384  # OpenSSL's limit; Go has none
_MAX_EXPONENT: Final = 2**31 - 1
_ED25519_OCTETS: Final = 32
_UNCOMPRESSED: Final = b"\x04"
_NULL: Final = b"\x05\x00"

# Keys: RFC 3279 §2.3, RFC 8410 §3.
_RSA: Final = "1.2.840.113549.1.1.1"
_DSA: Final = "1.2.840.10040.4.1"
_EC: Final = "1.2.840.10045.2.1"
_ED25519: Final = "1.3.101.112"
_CURVES: Final[dict[str, type[ec.EllipticCurve]]] = {
    "1.3.132.0.33": ec.SECP224R1,
    "1.2.840.10045.3.1.7": ec.SECP256R1,
    "1.3.132.0.34": ec.SECP384R1,
    "1.3.132.0.35": ec.SECP521R1,
}

_MD5_WITH_RSA: Final = "1.2.840.113549.1.1.4"
_RSA_PSS: Final = "1.2.840.113549.1.1.10"
_MGF1: Final = "1.2.840.113549.1.1.8"
_PSS_HASHES: Final[dict[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
_UNIMPLEMENTED: Final = "x509: cannot verify signature: algorithm unimplemented"


class Unproven(ValueError):
    """The signature is not by the key, or cannot be verified; `str()` says why, in Go's words."""


class Scheme(NamedTuple):
    """How something is signed: by which kind of key, over which hash, with which padding if there is a choice."""

    kind: str
    digest: hashes.HashAlgorithm
    padding: padding.PSS | padding.PKCS1v15 = padding.PKCS1v15()


# The signature algorithms of RFC 3279, 4055, 5758 and 8410.  DSA is known, and never verified with.
_SCHEMES: Final = {
    "1.2.840.113549.1.1.5": Scheme("RSA", hashes.SHA1()),  # noqa: S303 - Go takes it in requests
    "1.3.14.3.2.29": Scheme("RSA", hashes.SHA1()),  # noqa: S303 - likewise; the name of before PKCS #1
    "1.2.840.113549.1.1.11": Scheme("RSA", hashes.SHA256()),
    "1.2.840.113549.1.1.12": Scheme("RSA", hashes.SHA384()),
    "1.2.840.113549.1.1.13": Scheme("RSA", hashes.SHA512()),
    "1.2.840.10040.4.3": Scheme("DSA", hashes.SHA1()),  # noqa: S303 - see above
    "2.16.840.1.101.3.4.3.2": Scheme("DSA", hashes.SHA256()),
    "1.2.840.10045.4.1": Scheme("ECDSA", hashes.SHA1()),  # noqa: S303 - as with RSA
    "1.2.840.10045.4.3.2": Scheme("ECDSA", hashes.SHA256()),
    "1.2.840.10045.4.3.3": Scheme("ECDSA", hashes.SHA384()),
    "1.2.840.10045.4.3.4": Scheme("ECDSA", hashes.SHA512()),
    _ED25519: Scheme("Ed25519", hashes.SHA512()),  # which is a part of the algorithm
}


class Key(Protocol):
    """A public key that signatures are verified with; `go_type` is its type in Go's sentences."""

    kind: ClassVar[str]
    go_type: ClassVar[str]
    failure: ClassVar[str]

    def verify(self, signature: bytes, signed: bytes, scheme: Scheme) -> None:
        """Raise InvalidSignature if the signature is not by the key, or what the library raises instead."""


def read_key(key: PublicKey) -> Key | None:
    """Return what to verify with, None for a key of a kind that Go does not verify with; raises Malformed."""
    if key.algorithm.oid == _DSA:
        _check_dsa(key)
    reader = _READERS.get(key.algorithm.oid)
    return reader(key) if reader is not None else None


def require_possession(request: SigningRequest, key: Key | None) -> None:
    """Raise Unproven unless the request is signed by its own key, given as `read_key` returned it."""
    scheme = _scheme(request.algorithm)
    if key is None:
        raise Unproven(_UNIMPLEMENTED)
    if scheme.kind != key.kind:
        expected = f"x509: signature algorithm specifies an {scheme.kind} public key"
        raise Unproven(f"{expected}, but have public key of type {key.go_type}")
    try:
        key.verify(request.signature, request.signed, scheme)
    except Unproven:
        raise
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        raise Unproven(key.failure) from error


def _scheme(algorithm: Algorithm) -> Scheme:
    """Return how it is signed; raises Unproven for what Go does not know."""
    if algorithm.oid == _MD5_WITH_RSA:
        raise Unproven("x509: cannot verify signature: insecure algorithm MD5-RSA")
    if algorithm.oid == _RSA_PSS:
        return _pss(algorithm.parameters)
    scheme = _SCHEMES.get(algorithm.oid)
    if scheme is None or (algorithm.oid == _ED25519 and algorithm.parameters):
        raise Unproven(_UNIMPLEMENTED)
    return scheme


def _pss(parameters: bytes) -> Scheme:
    """Return RSA-PSS as Go knows it: one hash throughout, and a salt as long as that (RFC 4055 §3.1)."""
    try:
        fields = Cursor(Cursor(parameters, "parameters").take(der.SEQUENCE), "parameters")
        fields.enter(0xA0)
        outer = read_algorithm(fields)
        fields.enter(0xA1)
        mask = read_algorithm(fields)
        fields.enter(0xA2)
        salt = der.int64(fields.take(der.INTEGER))
        trailer = 1
        if fields.is_next(0xA3):
            fields.enter(0xA3)
            trailer = der.int64(fields.take(der.INTEGER))
        inner = read_algorithm(Cursor(mask.parameters, "parameters"))
    except Malformed as error:
        raise Unproven(_UNIMPLEMENTED) from error
    digest = _PSS_HASHES.get(outer.oid)
    given = (inner.oid, mask.oid, trailer, {outer.parameters, inner.parameters} - {b"", _NULL})
    if digest is None or salt != digest.digest_size or given != (outer.oid, _MGF1, 1, set()):
        raise Unproven(_UNIMPLEMENTED)
    return Scheme("RSA", digest, padding.PSS(padding.MGF1(digest), digest.digest_size))


@dataclass(frozen=True, slots=True)
class _RSAKey:
    kind: ClassVar[str] = "RSA"
    go_type: ClassVar[str] = "*rsa.PublicKey"
    failure: ClassVar[str] = "crypto/rsa: verification error"

    modulus: int
    exponent: int

    def verify(self, signature: bytes, signed: bytes, scheme: Scheme) -> None:
        problem = self._problem()
        if problem:
            raise Unproven(f"crypto/rsa: {problem}")
        public = rsa.RSAPublicNumbers(self.exponent, self.modulus).public_key()
        public.verify(signature, signed, scheme.padding, scheme.digest)

    def _problem(self) -> str:
        """Return what is wrong with the key, or nothing."""
        bits = self.modulus.bit_length()
        problems = {
            f"{bits}-bit keys are insecure (see https://go.dev/pkg/crypto/rsa#hdr-Minimum_key_size)": (
                bits < MIN_RSA_BITS
            ),
            f"{bits}-bit keys are not verified with, only such of {MAX_RSA_BITS} bits and less": bits > MAX_RSA_BITS,
            "public modulus is even": not self.modulus & 1,
            "public exponent too small or negative": self.exponent == 1,
            "public exponent is even": not self.exponent & 1,
            "public exponent too large": self.exponent > _MAX_EXPONENT,
        }
        return next((problem for problem, is_there in problems.items() if is_there), "")


def _rsa(key: PublicKey) -> _RSAKey:
    if key.algorithm.parameters != _NULL:
        raise Malformed("RSA key missing NULL parameters")
    fields = Cursor(Cursor(key.octets, "RSA public key").take(der.SEQUENCE), "RSA public key")
    modulus = der.integer(fields.take(der.INTEGER))
    exponent = der.int64(fields.take(der.INTEGER))
    if modulus <= 0:
        raise Malformed("RSA modulus is not a positive number")
    if exponent <= 0:
        raise Malformed("RSA public exponent is not a positive number")
    return _RSAKey(modulus, exponent)


@dataclass(frozen=True, slots=True)
class _ECKey:
    kind: ClassVar[str] = "ECDSA"
    go_type: ClassVar[str] = "*ecdsa.PublicKey"
    failure: ClassVar[str] = "x509: ECDSA verification failure"

    public: ec.EllipticCurvePublicKey

    def verify(self, signature: bytes, signed: bytes, scheme: Scheme) -> None:
        self.public.verify(signature, signed, ec.ECDSA(scheme.digest))


def _ec(key: PublicKey) -> _ECKey:
    try:
        curve = _CURVES.get(der.oid(Cursor(key.algorithm.parameters, "ECDSA parameters").take(der.OID)))
    except Malformed as error:  # a curve of explicit parameters, which RFC 5480 §2.1.1 forbids
        raise Malformed("invalid ECDSA parameters") from error
    if curve is None:
        raise Malformed("unsupported elliptic curve")
    if not key.octets.startswith(_UNCOMPRESSED):
        raise Malformed("malformed public key: the point is not written in full")
    try:
        return _ECKey(ec.EllipticCurvePublicKey.from_encoded_point(curve(), key.octets))
    except ValueError as error:
        raise Malformed("malformed public key: the point is not on its curve") from error


@dataclass(frozen=True, slots=True)
class _Ed25519Key:
    kind: ClassVar[str] = "Ed25519"
    go_type: ClassVar[str] = "ed25519.PublicKey"
    failure: ClassVar[str] = "x509: Ed25519 verification failure"

    public: ed25519.Ed25519PublicKey

    def verify(self, signature: bytes, signed: bytes, scheme: Scheme) -> None:  # noqa: ARG002 - there is only one
        self.public.verify(signature, signed)


def _ed25519(key: PublicKey) -> _Ed25519Key:
    if key.algorithm.parameters:
        raise Malformed("Ed25519 key encoded with illegal parameters")
    if len(key.octets) != _ED25519_OCTETS:
        raise Malformed("wrong Ed25519 public key size")
    return _Ed25519Key(ed25519.Ed25519PublicKey.from_public_bytes(key.octets))


def _check_dsa(key: PublicKey) -> None:
    fields = Cursor(Cursor(key.algorithm.parameters, "DSA parameters").take(der.SEQUENCE), "DSA parameters")
    numbers = [fields.take(der.INTEGER) for _ in range(3)]
    numbers.append(Cursor(key.octets, "DSA public key").take(der.INTEGER))
    if any(der.integer(number) <= 0 for number in numbers):
        raise Malformed("zero or negative DSA parameter")


_READERS: Final[Mapping[str, Callable[[PublicKey], Key]]] = {_RSA: _rsa, _EC: _ec, _ED25519: _ed25519}
