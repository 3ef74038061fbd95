"""PKCS#12 files, against three readers: cryptography, and openssl and keytool where they are installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12 as reader
from cryptography.x509 import load_der_x509_certificate

from certs.api.certificate import KeyAlgorithm
from certs.pki import rc2
from certs.pki.keys import public_der
from certs.pki.pkcs12 import PROFILES, derive, pkcs12_keystore, pkcs12_truststore
from tests.certs.pki.keystores import PASSWORDS, RANDOM, material, program

EVERY_PROFILE = pytest.mark.parametrize("profile", PROFILES)
# PBMAC1 is understood from OpenSSL 3.4 and Java 26 on.
WIDELY_READ = pytest.mark.parametrize("profile", [name for name in PROFILES if name != "Modern2026"])


@pytest.mark.parametrize(
    ("key", "plain", "cipher"),
    [
        ("88bca90e90875a7f0f79c384627bafb2", "0000000000000000", "2269552ab0f85ca6"),
    ],
    ids=["RFC 2268 §5"],
)
def test_rc2_is_that_of_its_specification(key: str, plain: str, cipher: str) -> None:
    """The vector whose bits are all effective, as all of ours are; files of the profile are the test for 40."""
    encrypted = rc2.encrypt_cbc(bytes.fromhex(key), bytes(8), bytes.fromhex(plain))

    assert encrypted.hex() == cipher


@pytest.mark.parametrize(
    ("purpose", "password", "salt", "iterations", "expected"),
    [
        (1, "smeg", "0a58cf64530d823f", 1, "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3"),
        (2, "smeg", "0a58cf64530d823f", 1, "79993dfe048d3b76"),
        (3, "queeg", "263216fcc2fab31c", 1000, "5ec4c7a80df652294c3925b6489a7ab857c83476"),
    ],
    ids=["key", "IV", "MAC"],
)
def test_keys_are_derived_as_others_do(purpose: int, password: str, salt: str, iterations: int, expected: str) -> None:
    """The well-known vectors that OpenSSL and Bouncy Castle are tested with."""
    size = len(expected) // 2

    assert derive("sha1", purpose, password, bytes.fromhex(salt), iterations, size).hex() == expected


@EVERY_PROFILE
@pytest.mark.parametrize("algorithm", KeyAlgorithm)
@pytest.mark.parametrize("password", PASSWORDS)
def test_what_goes_in_comes_out(profile: str, algorithm: KeyAlgorithm, password: str) -> None:
    """The MAC holds; key, leaf, the rest of the chain and the CA are there, in order."""
    held = material(algorithm, ca=1)

    file = pkcs12_keystore(
        held.key, held.chain, others=held.ca, profile=PROFILES[profile], password=password, random=RANDOM
    )

    read = reader.load_pkcs12(file, password.encode())
    assert read.key is not None
    assert public_der(read.key.public_key()) == public_der(held.key.public_key())
    assert read.cert is not None
    assert read.cert.certificate == load_der_x509_certificate(held.chain[0])
    others = [one.certificate for one in read.additional_certs]
    assert others == [load_der_x509_certificate(der) for der in (held.chain[1], *held.ca)]


@EVERY_PROFILE
def test_a_truststore_has_certificates_by_alias(profile: str) -> None:
    held = material(ca=2)
    trusted = dict(zip(("ca", "ca-1"), held.ca, strict=True))

    file = pkcs12_truststore(trusted, profile=PROFILES[profile], password="changeit", random=RANDOM)

    read = reader.load_pkcs12(file, b"changeit")
    assert read.key is None
    assert [(one.friendly_name, one.certificate) for one in read.additional_certs] == [
        (alias.encode(), load_der_x509_certificate(der)) for alias, der in trusted.items()
    ]


@EVERY_PROFILE
def test_a_wrong_password_is_noticed(profile: str) -> None:
    held = material()
    file = pkcs12_keystore(held.key, held.chain, others=(), profile=PROFILES[profile], password="right", random=RANDOM)

    with pytest.raises(ValueError, match="Invalid password"):
        reader.load_pkcs12(file, b"wrong")


ALGORITHMS = {
    "LegacyRC2": ("sha1, Iteration 1\n", "pbeWithSHA1And40BitRC2-CBC", "pbeWithSHA1And3-KeyTripleDES-CBC"),
    "LegacyDES": ("sha1, Iteration 1\n", "pbeWithSHA1And3-KeyTripleDES-CBC", "pbeWithSHA1And3-KeyTripleDES-CBC"),
    "Modern2023": ("sha256, Iteration 2048\n", "PBES2, PBKDF2, AES-256-CBC", "PBES2, PBKDF2, AES-256-CBC"),
}


@WIDELY_READ
@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_openssl_reads_it(profile: str, algorithm: KeyAlgorithm, tmp_path: Path) -> None:
    """And sees the algorithms that the profile stands for."""
    held, path = material(algorithm), tmp_path / "keystore.p12"
    path.write_bytes(
        pkcs12_keystore(held.key, held.chain, others=(), profile=PROFILES[profile], password="changeit", random=RANDOM)
    )

    said = program("openssl", "pkcs12", "-legacy", "-info", "-nodes", "-in", path, "-passin", "pass:changeit")

    mac, certificates, key = ALGORITHMS[profile]
    assert f"MAC: {mac}" in said
    assert f"PKCS7 Encrypted data: {certificates}, Iteration 2048" in said
    assert f"Shrouded Keybag: {key}, Iteration 2048" in said
    assert said.count("-----BEGIN CERTIFICATE-----") == 2
    assert "-----BEGIN PRIVATE KEY-----" in said


@WIDELY_READ
def test_keytool_reads_keystore_and_truststore(profile: str, tmp_path: Path) -> None:
    """The certificates of a truststore count as trusted, which it takes an attribute of Java's own for."""
    held, settings = material(ca=2), PROFILES[profile]
    keystore, truststore = tmp_path / "keystore.p12", tmp_path / "truststore.p12"
    keystore.write_bytes(
        pkcs12_keystore(held.key, held.chain, others=(), profile=settings, password="changeit", random=RANDOM)
    )
    trusted = dict(zip(("ca", "ca-1"), held.ca, strict=True))
    truststore.write_bytes(pkcs12_truststore(trusted, profile=settings, password="changeit", random=RANDOM))

    held_there = program("keytool", "-list", "-keystore", keystore, "-storepass", "changeit")
    trusted_there = program("keytool", "-list", "-keystore", truststore, "-storepass", "changeit")

    assert "PrivateKeyEntry" in held_there
    assert trusted_there.count("trustedCertEntry") == 2
    assert "ca-1, " in trusted_there
