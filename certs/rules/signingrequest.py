"""What a CertificateRequest's CSR holds, against what the request itself says.

The order of the checks, what is compared and most sentences are cert-manager's
(`pkg/util/pki/certificatetemplate.go`, `internal/pem`): the first PEM block counts whatever its label, the
signature must be by the CSR's own key, basic constraints must agree with `isCA`, and once the CSR names
any usage, both kinds of usages must be the expected ones (purposes in the same order).

The sentence of a CSR that does not decode is ours: Go's decoder and the one used here fail in other places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import SignatureAlgorithmOID

from certs.api.certificate import DEFAULT_USAGES, KeyUsage
from certs.pki import pem
from certs.pki.usages import BITS, PURPOSES, SYNONYMS

MIN_RSA_BITS: Final = 1024  # Go's crypto/rsa verifies with no shorter key
MAX_RSA_BITS: Final = 16384  # a longer one would cost milliseconds to verify with, and fits no certificate of ours

_CURVES: Final = (ec.SECP224R1, ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_RSA: Final = frozenset(
    (
        SignatureAlgorithmOID.RSA_WITH_SHA1,
        SignatureAlgorithmOID.RSA_WITH_SHA256,
        SignatureAlgorithmOID.RSA_WITH_SHA384,
        SignatureAlgorithmOID.RSA_WITH_SHA512,
    )
)
_ECDSA: Final = frozenset(
    (
        SignatureAlgorithmOID.ECDSA_WITH_SHA1,
        SignatureAlgorithmOID.ECDSA_WITH_SHA256,
        SignatureAlgorithmOID.ECDSA_WITH_SHA384,
        SignatureAlgorithmOID.ECDSA_WITH_SHA512,
    )
)
# id-ecPublicKey, and behind it a SEQUENCE of parameters instead of a curve's OID (RFC 5480 §2.1.1 forbids it).
_EXPLICIT: Final = bytes.fromhex("06072a8648ce3d0201") + b"\x30"
_PSS_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_INSECURE: Final = {SignatureAlgorithmOID.RSA_WITH_MD5: "MD5-RSA"}
_UNIMPLEMENTED: Final = "x509: cannot verify signature: algorithm unimplemented"

SignedKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class _Refused(ValueError):
    """Why the CSR cannot be taken; `str()` is the detail of the problem."""


def csr_problem(request: bytes, usages: Sequence[str], *, is_ca: bool) -> str:
    """Return why the CSR in PEM does not go with usages (known ones) and `isCA`, or nothing."""
    try:
        csr = _decoded(request)
        _check_signature(csr)
        extensions = _extensions(csr)
        _check_basic_constraints(extensions, is_ca=is_ca)
        _check_usages(extensions, _expected(usages, is_ca=is_ca))
    except _Refused as refused:
        return str(refused)
    return ""


def _decoded(request: bytes) -> x509.CertificateSigningRequest:
    attempt = "error decoding certificate request PEM block"
    if len(request) > pem.MAX_CERTIFICATE:
        raise _Refused(f"{attempt}: provided PEM data was larger than the maximum {pem.MAX_CERTIFICATE}B")
    block = pem.first_block(request)
    if block is None:
        raise _Refused(f"{attempt}: no PEM data was found in given input")
    try:
        return x509.load_der_x509_csr(block.der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _Refused("x509: malformed certificate request") from error


def _check_signature(csr: x509.CertificateSigningRequest) -> None:
    """The signature is by the key within, and of an algorithm that Go verifies."""
    key = _public_key(csr)
    oid = csr.signature_algorithm_oid
    if oid in _INSECURE:
        raise _Refused(f"x509: cannot verify signature: insecure algorithm {_INSECURE[oid]}")
    failure = _failure_of(key, csr)
    try:
        _verify(key, csr)
    except (ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise _Refused(failure) from error


def _verify(key: SignedKey, csr: x509.CertificateSigningRequest) -> None:
    """Raise InvalidSignature if the signature is not by the key.

    By hand, since the library's own `csr.is_signature_valid` takes no SHA-1, and Go does.
    """
    signature, signed, digest = csr.signature, csr.tbs_certrequest_bytes, csr.signature_hash_algorithm
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, signed)
    elif digest is None:
        raise InvalidSignature
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(digest))
    else:
        parameters = csr.signature_algorithm_parameters
        key.verify(signature, signed, parameters if isinstance(parameters, padding.PSS) else padding.PKCS1v15(), digest)


def _public_key(csr: x509.CertificateSigningRequest) -> SignedKey:
    try:
        key = csr.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:  # a curve of explicit parameters, for example
        raise _Refused("x509: unsupported elliptic curve or malformed public key") from error
    match key:
        case rsa.RSAPublicKey() if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
            raise _Refused(f"crypto/rsa: {key.key_size}-bit keys are insecure (see https://go.dev/pkg/crypto/rsa)")
        case ec.EllipticCurvePublicKey() if (
            not isinstance(key.curve, _CURVES) or _EXPLICIT in csr.tbs_certrequest_bytes
        ):
            raise _Refused("x509: unsupported elliptic curve")
        case rsa.RSAPublicKey() | ec.EllipticCurvePublicKey() | ed25519.Ed25519PublicKey():
            return key
        case _:
            raise _Refused(_UNIMPLEMENTED)


def _failure_of(key: SignedKey, csr: x509.CertificateSigningRequest) -> str:
    """Return what a wrong signature is called; refuses algorithms that do not go with the key."""
    oid = csr.signature_algorithm_oid
    match key:
        case rsa.RSAPublicKey() if oid in _RSA or (oid == SignatureAlgorithmOID.RSASSA_PSS and _is_plain_pss(csr)):
            return "crypto/rsa: verification error"
        case ec.EllipticCurvePublicKey() if oid in _ECDSA:
            return "x509: ECDSA verification failure"
        case ed25519.Ed25519PublicKey() if oid == SignatureAlgorithmOID.ED25519:
            return "x509: Ed25519 verification failure"
        case _ if oid in _RSA | _ECDSA | {SignatureAlgorithmOID.ED25519}:
            return "x509: signature algorithm does not match the type of the public key"
        case _:
            raise _Refused(_UNIMPLEMENTED)


def _is_plain_pss(csr: x509.CertificateSigningRequest) -> bool:
    """Is it RSA-PSS as Go knows it: one hash for everything, and a salt as long as that?"""
    try:
        digest, parameters = csr.signature_hash_algorithm, csr.signature_algorithm_parameters
    except (ValueError, UnsupportedAlgorithm):
        return False
    return (
        isinstance(digest, _PSS_HASHES)
        and isinstance(parameters, padding.PSS)
        and parameters._salt_length == digest.digest_size  # noqa: SLF001 - the library shows it nowhere else
        and parameters.mgf._algorithm.name == digest.name  # noqa: SLF001 - likewise
    )


def _extensions(csr: x509.CertificateSigningRequest) -> x509.Extensions:
    try:
        return csr.extensions
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise _Refused("x509: malformed extension in the certificate request") from error


def _check_basic_constraints(extensions: x509.Extensions, *, is_ca: bool) -> None:
    try:
        given = extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return
    if given != is_ca:
        raise _Refused(f"encoded CSR error: IsCA {_go(given)} does not match expected value {_go(is_ca)}")


def _expected(usages: Sequence[str], *, is_ca: bool) -> list[KeyUsage]:
    """Return the usages that the request stands for, as often as it names them; a CA also signs certificates."""
    named = [SYNONYMS.get(usage, usage) for usage in map(KeyUsage, usages or DEFAULT_USAGES)]
    return [*named, KeyUsage.CERT_SIGN] if is_ca else named


def _check_usages(extensions: x509.Extensions, expected: list[KeyUsage]) -> None:
    given: list[KeyUsage] = []
    is_given = False
    for extension in extensions:
        match extension.value:
            case x509.KeyUsage() as bits:
                is_given = True
                given += [usage for usage, attribute in BITS.items() if _is_set(bits, attribute)]
            case x509.ExtendedKeyUsage() as purposes:
                is_given = True
                given += [_PURPOSE_OF[oid] for oid in purposes if oid in _PURPOSE_OF]
            case _:
                pass
    if not is_given:
        return
    for name, of_kind in (("KeyUsages", _bits), ("ExtKeyUsages", _purposes)):
        found, wanted = of_kind(given), of_kind(expected)
        if found != wanted:
            detail = f"the {name} {_listed(found)} do not match the expected {name} {_listed(wanted)}"
            raise _Refused(f"encoded CSR error: {detail}")


def _is_set(bits: x509.KeyUsage, attribute: str) -> bool:
    # The property of `encipher only` and `decipher only` refuses to be read without key agreement; Go does not mind.
    return bool(getattr(bits, f"_{attribute}"))


def _bits(usages: Sequence[KeyUsage]) -> list[KeyUsage]:
    """Return the usages that are bits, in the order of the bits."""
    return [usage for usage in BITS if usage in usages]


def _purposes(usages: Sequence[KeyUsage]) -> list[KeyUsage]:
    return [usage for usage in usages if usage in PURPOSES]


def _listed(usages: Sequence[KeyUsage]) -> str:
    quoted = ", ".join(f"'{usage}'" for usage in usages)
    return f"[ {quoted} ]" if usages else "[]"


def _go(value: bool) -> str:  # noqa: FBT001 - the value itself
    return "true" if value else "false"


_PURPOSE_OF: Final = {oid: usage for usage, oid in PURPOSES.items()}
