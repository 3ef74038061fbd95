from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from certs.api.certificate import CertificateSpec, KeyAlgorithm, KeyEncoding, PrivateKey
from certs.outcomes import Permanent
from certs.pki.csr import build_csr, read_csr
from certs.pki.keys import InvalidKey, Key, PrivateKeyPEM, decode_key, encode_key, fits, matches, public_der
from shim.keys import generate_key


@pytest.mark.parametrize(
    ("name", "encoding", "label"),
    [
        ("rsa-2048", None, b"RSA PRIVATE KEY"),
        ("rsa-2048", KeyEncoding.PKCS1, b"RSA PRIVATE KEY"),
        ("rsa-2048", KeyEncoding.PKCS8, b"PRIVATE KEY"),
        ("p-256", None, b"EC PRIVATE KEY"),
        ("p-384", KeyEncoding.PKCS1, b"EC PRIVATE KEY"),
        ("ed25519", None, b"PRIVATE KEY"),
        ("p-521", KeyEncoding.PKCS8, b"PRIVATE KEY"),
        ("ed25519", KeyEncoding.PKCS1, b"PRIVATE KEY"),
        ("ed25519", KeyEncoding.PKCS8, b"PRIVATE KEY"),
    ],
)
def test_a_key_survives_encoding(keys: dict[str, Key], name: str, encoding: KeyEncoding | None, label: bytes) -> None:
    """What is written in any encoding is read back as the same key, under the label of the encoding."""
    pem = encode_key(keys[name], encoding)

    assert pem.startswith(b"-----BEGIN " + label + b"-----")
    assert public_der(decode_key(pem).public_key()) == public_der(keys[name].public_key())


def test_a_key_is_found_behind_other_text(key: Key) -> None:
    """Text before the block is skipped, as Go's decoder does."""
    pem = b"made yesterday\n" + encode_key(key)

    assert fits(decode_key(pem), PrivateKey(algorithm=KeyAlgorithm.ECDSA)) == ()


def _foreign(kind: str, key: Key) -> bytes:
    plain = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    match kind:
        case "encrypted":
            return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
        case "ed448":
            return ed448.Ed448PrivateKey.generate().private_bytes(*plain)
        case "secp256k1":
            return ec.generate_private_key(ec.SECP256K1()).private_bytes(*plain)
        case "truncated":
            return encode_key(key)[:-60]
        case "oversized":
            return encode_key(key) + b"\n" * 13_000
        case _:
            return kind.encode()


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("", "neither PKCS#1, SEC 1 nor PKCS#8"),
        ("hello", "neither PKCS#1, SEC 1 nor PKCS#8"),
        ("truncated", "neither PKCS#1, SEC 1 nor PKCS#8"),
        ("encrypted", "it is encrypted"),
        ("ed448", "neither RSA, ECDSA nor Ed25519"),
        ("secp256k1", "curve secp256k1 is none of"),
        ("oversized", "at most 13000 are allowed"),
    ],
)
def test_what_is_no_usable_key_is_refused_with_a_sentence(key: Key, kind: str, sentence: str) -> None:
    """The sentence says what is wrong, and neither it nor its causes quote the key."""
    with pytest.raises(InvalidKey, match=sentence) as caught:
        decode_key(_foreign(kind, key))

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_a_private_key_does_not_print(key: Key) -> None:
    """Neither repr, str nor formatting shows the key."""
    pem = encode_key(key)

    assert {repr(pem), str(pem), f"{pem}"} == {f"PrivateKeyPEM(<{len(pem)} bytes>)"}
    assert "PRIVATE" not in repr({"key": PrivateKeyPEM(pem)})


@pytest.mark.parametrize(
    ("name", "spec", "mismatched"),
    [
        ("rsa-2048", None, ()),
        ("rsa-2048", PrivateKey(), ()),
        ("rsa-2048", PrivateKey(size=4096), ("spec.privateKey.size",)),
        ("rsa-3072", None, ("spec.privateKey.size",)),
        ("rsa-3072", PrivateKey(algorithm=KeyAlgorithm.RSA, size=3072), ()),
        ("rsa-2048", PrivateKey(algorithm=KeyAlgorithm.ECDSA, size=384), ("spec.privateKey.algorithm",)),
        ("p-256", None, ("spec.privateKey.algorithm",)),
        ("p-256", PrivateKey(algorithm=KeyAlgorithm.ECDSA), ()),
        ("p-384", PrivateKey(algorithm=KeyAlgorithm.ECDSA), ("spec.privateKey.size",)),
        ("p-384", PrivateKey(algorithm=KeyAlgorithm.ECDSA, size=384), ()),
        ("p-521", PrivateKey(algorithm=KeyAlgorithm.ECDSA, size=521), ()),
        ("ed25519", PrivateKey(algorithm=KeyAlgorithm.ED25519, size=7), ()),
        ("ed25519", PrivateKey(algorithm=KeyAlgorithm.RSA), ("spec.privateKey.algorithm",)),
    ],
)
def test_fits_names_the_fields(
    keys: dict[str, Key], name: str, spec: PrivateKey | None, mismatched: tuple[str, ...]
) -> None:
    """A key that is not as the spec wants it is told by the path of the field."""
    assert fits(keys[name], spec) == mismatched


def test_a_request_matches_only_its_own_key(keys: dict[str, Key], spec: Callable[..., CertificateSpec]) -> None:
    """Keys are compared by their public halves."""
    request = read_csr(build_csr(spec(dns_names=("a.example",)), keys["p-256"]))

    assert matches(keys["p-256"], request)
    assert not matches(keys["p-384"], request)


@pytest.mark.parametrize(
    ("algorithm", "size"),
    [(KeyAlgorithm.RSA, 1024), (KeyAlgorithm.RSA, 16384), (KeyAlgorithm.ECDSA, 224)],
)
def test_a_size_that_does_not_exist_is_refused(algorithm: KeyAlgorithm, size: int) -> None:
    """Instead of a weak key or an endless computation there is a sentence."""
    with pytest.raises(Permanent, match=f"has no size {size}"):
        generate_key(algorithm, size)


@pytest.mark.parametrize("field", ["d", "dmp1", "dmq1", "iqmp"])
def test_an_rsa_key_of_numbers_that_do_not_belong_together_is_refused(keys: dict[str, Key], field: str) -> None:
    """It would sign wrongly, or give its factors away by doing so."""
    key = keys["rsa-2048"]
    assert isinstance(key, rsa.RSAPrivateKey)
    right = key.private_numbers()
    numbers = {name: getattr(right, name) for name in ("p", "q", "d", "dmp1", "dmq1", "iqmp")}
    wrong = rsa.RSAPrivateNumbers(**{**numbers, field: numbers[field] + 2}, public_numbers=right.public_numbers)

    with pytest.raises(InvalidKey, match=r"do not belong together|neither PKCS#1"):
        decode_key(encode_key(wrong.private_key(unsafe_skip_rsa_key_validation=True)))


def test_looking_at_an_rsa_key_is_cheap(keys: dict[str, Key]) -> None:
    """Every turn of a Certificate looks at its Secret; proving primes would cost 40 ms each time."""
    pem = encode_key(keys["rsa-3072"])
    before = time.process_time()

    for _ in range(20):
        decode_key(pem)
    assert time.process_time() - before < 0.2
