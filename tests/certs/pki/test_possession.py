"""Signatures by keys of all kinds, and by none."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certs.pki.der import Malformed
from certs.pki.pkcs10 import Algorithm, PublicKey, SigningRequest, read_request
from certs.pki.possession import Unproven, read_key, require_possession
from tests.certs.pki.encoding import (
    ECDSA_SHA256,
    KEY,
    NULL,
    bits,
    number,
    octets,
    oid,
    public_key,
    seq,
    signed,
    tlv,
    to_be_signed,
)

RSA = rsa.generate_private_key(65537, 1024)  # noqa: S505 - the shortest that is taken
EDWARDS = ed25519.Ed25519PrivateKey.from_private_bytes(b"7" * 32)
UNIMPLEMENTED = "x509: cannot verify signature: algorithm unimplemented"
SHA256, SHA384 = "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2"


def prove(request: SigningRequest) -> None:
    require_possession(request, read_key(request.key))


def of(content: bytes, algorithm: bytes, signature: bytes) -> SigningRequest:
    return read_request(seq(content, algorithm, bits(signature)))


def spki(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def rsa_request(oid_of_algorithm: str, digest: hashes.HashAlgorithm, parameters: bytes = NULL) -> SigningRequest:
    content = to_be_signed(key=spki(RSA))
    signature = RSA.sign(content, padding.PKCS1v15(), digest)
    return of(content, seq(oid(oid_of_algorithm), parameters), signature)


def test_own_key() -> None:
    prove(read_request(signed(to_be_signed())))


def test_another_key() -> None:
    content = to_be_signed()
    signature = ec.derive_private_key(8, ec.SECP256R1()).sign(content, ec.ECDSA(hashes.SHA256()))

    with pytest.raises(Unproven, match="x509: ECDSA verification failure"):
        prove(of(content, ECDSA_SHA256, signature))


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("1.2.840.113549.1.1.5", hashes.SHA1()),  # noqa: S303 - taken, for the sake of old devices
        ("1.3.14.3.2.29", hashes.SHA1()),  # noqa: S303 - likewise
        ("1.2.840.113549.1.1.11", hashes.SHA256()),
        ("1.2.840.113549.1.1.13", hashes.SHA512()),
    ],
)
@pytest.mark.parametrize("parameters", [NULL, b"", octets(b"any")])
def test_rsa(name: str, digest: hashes.HashAlgorithm, parameters: bytes) -> None:
    """Go does not look at the parameters of the algorithm."""
    prove(rsa_request(name, digest, parameters))


def test_rsa_with_the_wrong_hash() -> None:
    with pytest.raises(Unproven, match="crypto/rsa: verification error"):
        prove(rsa_request("1.2.840.113549.1.1.11", hashes.SHA384()))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("1.2.840.113549.1.1.4", "x509: cannot verify signature: insecure algorithm MD5-RSA"),
        ("1.2.840.113549.1.1.14", UNIMPLEMENTED),
        ("1.2.3", UNIMPLEMENTED),
        (
            "1.2.840.10045.4.3.2",
            r"x509: signature algorithm specifies an ECDSA public key, but have public key of type \*rsa.PublicKey",
        ),
        ("1.2.840.10040.4.3", "x509: signature algorithm specifies an DSA public key, but have"),
    ],
)
def test_algorithms_that_are_not_verified_with(name: str, problem: str) -> None:
    with pytest.raises(Unproven, match=problem):
        prove(rsa_request(name, hashes.SHA256()))


def pss_parameters(
    outer: str = SHA256, inner: str = SHA256, salt: int = 32, trailer: bytes = b"", parameters: bytes = NULL
) -> bytes:
    mask = seq(oid("1.2.840.113549.1.1.8"), seq(oid(inner), parameters))
    return seq(tlv(0xA0, seq(oid(outer), NULL)), tlv(0xA1, mask), tlv(0xA2, number(salt)), trailer)


def pss_request(parameters: bytes) -> SigningRequest:
    content = to_be_signed(key=spki(RSA))
    signature = RSA.sign(content, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    return of(content, seq(oid("1.2.840.113549.1.1.10"), parameters), signature)


@pytest.mark.parametrize(
    "parameters", [pss_parameters(), pss_parameters(parameters=b""), pss_parameters(trailer=tlv(0xA3, number(1)))]
)
def test_rsa_pss(parameters: bytes) -> None:
    prove(pss_request(parameters))


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param(b"", id="none"),
        pytest.param(seq(), id="the default, which is SHA-1"),
        pytest.param(pss_parameters(inner=SHA384), id="two hashes"),
        pytest.param(pss_parameters(salt=20), id="another length of salt"),
        pytest.param(pss_parameters(outer="1.3.14.3.2.26", inner="1.3.14.3.2.26", salt=20), id="SHA-1"),
        pytest.param(pss_parameters(trailer=tlv(0xA3, number(2))), id="another trailer"),
        pytest.param(pss_parameters(parameters=octets(b"")), id="parameters of a hash"),
    ],
)
def test_rsa_pss_that_go_does_not_know(parameters: bytes) -> None:
    with pytest.raises(Unproven, match=UNIMPLEMENTED):
        prove(pss_request(parameters))


def rsa_key(modulus: int, exponent: int, parameters: bytes = NULL, behind: bytes = b"") -> PublicKey:
    content = seq(number(modulus), number(exponent), behind)
    return PublicKey(Algorithm("1.2.840.113549.1.1.1", parameters), content)


ODD = 2**1023 + 1


@pytest.mark.parametrize(
    ("modulus", "exponent", "problem"),
    [
        (2**1022 + 1, 3, "crypto/rsa: 1023-bit keys are insecure"),
        (2**16384 + 1, 3, "crypto/rsa: 16385-bit keys are not verified with"),
        (2**1023, 3, "crypto/rsa: public modulus is even"),
        (ODD, 1, "crypto/rsa: public exponent too small or negative"),
        (ODD, 4, "crypto/rsa: public exponent is even"),
        (ODD, 2**31 + 1, "crypto/rsa: public exponent too large"),
        (ODD, 3, "crypto/rsa: verification error"),
    ],
    ids=["short", "long", "even", "one", "even exponent", "long exponent", "another"],
)
def test_rsa_keys_that_are_not_verified_with(modulus: int, exponent: int, problem: str) -> None:
    request = rsa_request("1.2.840.113549.1.1.11", hashes.SHA256())

    with pytest.raises(Unproven, match=problem):
        require_possession(request, read_key(rsa_key(modulus, exponent)))


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (rsa_key(ODD, 3, parameters=b""), "RSA key missing NULL parameters"),
        (rsa_key(-ODD, 3), "RSA modulus is not a positive number"),
        (rsa_key(ODD, 0), "RSA public exponent is not a positive number"),
        (rsa_key(ODD, 2**64), "malformed number: too large"),
        (PublicKey(Algorithm("1.2.840.113549.1.1.1", NULL), b""), "malformed RSA public key"),
        (PublicKey(Algorithm("1.2.840.10045.2.1", seq(number(1))), b""), "invalid ECDSA parameters"),
        (PublicKey(Algorithm("1.2.840.10045.2.1", oid("1.3.132.0.10")), b""), "unsupported elliptic curve"),
        (PublicKey(Algorithm("1.2.840.10045.2.1", oid("1.3.132.0.34")), b"\x02" * 49), "not written in full"),
        (PublicKey(Algorithm("1.2.840.10045.2.1", oid("1.3.132.0.34")), b"\x04" * 97), "not on its curve"),
        (PublicKey(Algorithm("1.3.101.112", NULL), b"7" * 32), "Ed25519 key encoded with illegal parameters"),
        (PublicKey(Algorithm("1.3.101.112", b""), b"7" * 31), "wrong Ed25519 public key size"),
        (PublicKey(Algorithm("1.2.840.10040.4.1", NULL), number(1)), "malformed DSA parameters"),
        (PublicKey(Algorithm("1.2.840.10040.4.1", seq(number(1), number(0), number(1))), number(1)), "zero or neg"),
    ],
)
def test_malformed_keys(key: PublicKey, problem: str) -> None:
    with pytest.raises(Malformed, match=problem):
        read_key(key)


def test_what_stands_behind_an_rsa_key_is_not_looked_at() -> None:
    assert read_key(rsa_key(ODD, 3, behind=b"\xff")) is not None


@pytest.mark.parametrize(
    "key",
    [
        public_key(seq(oid("1.3.101.113")), b"any"),
        public_key(seq(oid("1.2.840.10040.4.1"), seq(number(7), number(3), number(2))), number(4)),
        public_key(seq(oid("1.2.840.113549.1.1.10")), b""),
    ],
)
def test_kinds_of_keys_that_are_not_verified_with(key: bytes) -> None:
    """Ed448, DSA, and RSA-PSS as a kind of key."""
    with pytest.raises(Unproven, match=UNIMPLEMENTED):
        prove(of(to_be_signed(key=key), ECDSA_SHA256, b""))


def test_ed25519() -> None:
    content = to_be_signed(key=spki(EDWARDS))
    signature = EDWARDS.sign(content)

    prove(of(content, seq(oid("1.3.101.112")), signature))
    with pytest.raises(Unproven, match="x509: Ed25519 verification failure"):
        prove(of(content, seq(oid("1.3.101.112")), signature[:-1]))
    with pytest.raises(Unproven, match=UNIMPLEMENTED):
        prove(of(content, seq(oid("1.3.101.112"), NULL), signature))


def test_a_signature_whose_bits_end_within_an_octet() -> None:
    """Its padding is put in front, so it is another signature."""
    content = to_be_signed()
    signature = KEY.sign(content, ec.ECDSA(hashes.SHA256()))[:-1] + b"\x80"

    with pytest.raises(Unproven):
        prove(read_request(seq(content, ECDSA_SHA256, bits(signature, 7))))
