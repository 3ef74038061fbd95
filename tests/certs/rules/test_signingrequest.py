"""What a signing request may hold: made by openssl where that is what people use, bent where nobody would make it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.pki import pem
from certs.rules.signingrequest import csr_problem

KEY = ec.derive_private_key(7, ec.SECP256R1())
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example.com")])
UNIMPLEMENTED = "x509: cannot verify signature: algorithm unimplemented"
CURVE = "x509: unsupported elliptic curve"


def usages(*words: str) -> x509.KeyUsage:
    fields = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    more = ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{field: field in words for field in (*fields, *more)})


DEFAULT = usages("digital_signature", "key_encipherment")
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


def request(*extensions: x509.ExtensionType) -> bytes:
    builder = x509.CertificateSigningRequestBuilder(NAME)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


PLAIN = request()


@pytest.mark.parametrize(
    ("extensions", "named", "is_ca", "problem"),
    [
        pytest.param((), (), False, "", id="says nothing"),
        pytest.param((), ("server auth",), True, "", id="says nothing, whatever is asked"),
        pytest.param((DEFAULT,), (), False, "", id="the default"),
        pytest.param((DEFAULT,), ("signing", "key encipherment"), False, "", id="synonyms"),
        pytest.param(
            (DEFAULT,),
            (),
            True,
            "encoded CSR error: the KeyUsages [ 'digital signature', 'key encipherment' ] do not match the expected"
            " KeyUsages [ 'digital signature', 'key encipherment', 'cert sign' ]",
            id="a CA signs",
        ),
        pytest.param((usages("digital_signature", "key_encipherment", "key_cert_sign"),), (), True, "", id="a CA"),
        pytest.param((x509.ExtendedKeyUsage([SERVER]),), ("server auth",), False, "", id="purposes alone, asked alone"),
        pytest.param(
            (x509.ExtendedKeyUsage([SERVER]),),
            ("digital signature", "server auth"),
            False,
            "encoded CSR error: the KeyUsages [] do not match the expected KeyUsages [ 'digital signature' ]",
            id="purposes without bits",
        ),
        pytest.param(
            (DEFAULT, x509.ExtendedKeyUsage([SERVER, CLIENT])),
            ("digital signature", "key encipherment", "client auth", "server auth"),
            False,
            "encoded CSR error: the ExtKeyUsages [ 'server auth', 'client auth' ] do not match the expected"
            " ExtKeyUsages [ 'client auth', 'server auth' ]",
            id="purposes in another order",
        ),
        pytest.param(
            (DEFAULT, x509.ExtendedKeyUsage([SERVER, x509.ObjectIdentifier("1.2.3.4")])),
            ("digital signature", "key encipherment", "server auth"),
            False,
            "",
            id="an unknown purpose",
        ),
        pytest.param((x509.BasicConstraints(ca=False, path_length=None),), (), False, "", id="no CA, said so"),
        pytest.param(
            (x509.BasicConstraints(ca=True, path_length=3),),
            (),
            False,
            "encoded CSR error: IsCA true does not match expected value false",
            id="a CA that is not asked for",
        ),
        pytest.param((x509.BasicConstraints(ca=True, path_length=3),), (), True, "", id="a path length"),
    ],
)
def test_extensions(
    extensions: Sequence[x509.ExtensionType], named: Sequence[str], *, is_ca: bool, problem: str
) -> None:
    assert csr_problem(request(*extensions), named, is_ca=is_ca) == problem


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(b"text before\n" + PLAIN + b"text behind", "", id="text around it"),
        pytest.param(PLAIN + b"-----BEGIN X-----\nAA==\n-----END X-----\n", "", id="the first block counts"),
        pytest.param(PLAIN.replace(b"CERTIFICATE REQUEST", b"ANYTHING"), "", id="another label"),
        pytest.param(PLAIN.replace(b"-----\nMI", b"-----\nProc-Type: 4,CLEAR\n\nMI"), "", id="headers"),
        pytest.param(PLAIN.replace(b"\n", b" \r\n"), "", id="line ends of another system"),
        pytest.param(b"x" + PLAIN, "no PEM data was found in given input", id="not at the beginning of a line"),
        pytest.param(PLAIN.rstrip() + b"x", "no PEM data was found in given input", id="something behind the end"),
        pytest.param(
            b"-----BEGIN X-----\nAAAA=\n-----END X-----\n",
            "no PEM data was found in given input",
            id="too much padding",
        ),
        pytest.param(PLAIN.replace(b"\nMI", b"\nI"), "no PEM data was found in given input", id="no base64"),
        pytest.param(b"nothing", "no PEM data was found in given input", id="no block"),
        pytest.param(b"x" * 36_501, "provided PEM data was larger than the maximum 36500B", id="too large"),
        pytest.param(
            pem.encode("CERTIFICATE REQUEST", b"\x30\x00"), "x509: malformed request: cut off", id="no request"
        ),
    ],
)
def test_framing(data: bytes, problem: str) -> None:
    found = csr_problem(data, (), is_ca=False)

    assert found.endswith(problem)
    assert bool(found) == bool(problem)


def test_signature_by_another_key() -> None:
    """The key is exchanged for another, the signature stays."""
    der = pem.blocks(PLAIN, "request", 9999)[0].der
    point = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    other = ec.derive_private_key(8, ec.SECP256R1())
    bent = der.replace(KEY.public_key().public_bytes(*point), other.public_key().public_bytes(*point))

    assert csr_problem(pem.encode("X", bent), (), is_ca=False) == "x509: ECDSA verification failure"


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        pytest.param(("rsa:1024",), "", id="RSA-1024"),
        pytest.param(
            ("rsa:512",),
            "crypto/rsa: 512-bit keys are insecure (see https://go.dev/pkg/crypto/rsa#hdr-Minimum_key_size)",
            id="RSA-512",
        ),
        pytest.param(("rsa:2048", "-sha1"), "", id="RSA, SHA-1"),
        pytest.param(("rsa:2048", "-md5"), "x509: cannot verify signature: insecure algorithm MD5-RSA", id="RSA, MD5"),
        pytest.param(("rsa:2048", "-sha224"), UNIMPLEMENTED, id="RSA, SHA-224"),
        pytest.param(("rsa:2048", "-sigopt", "rsa_padding_mode:pss"), UNIMPLEMENTED, id="RSA-PSS as OpenSSL writes it"),
        pytest.param(
            ("rsa:2048", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"), "", id="RSA-PSS"
        ),
        pytest.param(("ec:secp224r1",), "", id="P-224"),
        pytest.param(("ec:secp384r1", "-sha1"), "", id="P-384, SHA-1"),
        pytest.param(("ec:secp521r1",), "", id="P-521"),
        pytest.param(("ec:secp256k1",), CURVE, id="secp256k1"),
        pytest.param(("ec:brainpoolP256r1",), CURVE, id="brainpool"),
        pytest.param(("ed25519",), "", id="Ed25519"),
        pytest.param(("ed448",), UNIMPLEMENTED, id="Ed448"),
    ],
)
def test_algorithms(tmp_path: Path, command: Sequence[str], problem: str) -> None:
    kind, *options = command
    new = ["-newkey", kind]
    if kind.startswith("ec:"):
        new = ["-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{kind[3:]}"]
    path = tmp_path / "x.csr"
    fixed = ["-nodes", "-keyout", str(tmp_path / "x.key"), "-subj", "/CN=x", "-out", str(path)]
    subprocess.run(["openssl", "req", "-new", *new, *options, *fixed], check=True, capture_output=True)  # noqa: S603, S607

    assert csr_problem(path.read_bytes(), (), is_ca=False) == problem


def test_explicit_curve_parameters(tmp_path: Path) -> None:
    key, path = tmp_path / "x.key", tmp_path / "x.csr"
    generate = ["ecparam", "-name", "prime256v1", "-param_enc", "explicit", "-genkey", "-noout", "-out", str(key)]
    subprocess.run(["openssl", *generate], check=True, capture_output=True)  # noqa: S603, S607
    make = ["req", "-new", "-key", str(key), "-subj", "/CN=x", "-out", str(path)]
    subprocess.run(["openssl", *make], check=True, capture_output=True)  # noqa: S603, S607

    assert csr_problem(path.read_bytes(), (), is_ca=False) == "x509: invalid ECDSA parameters"


@settings(max_examples=400)
@given(place=st.integers(0, 10_000), put=st.binary(min_size=1, max_size=4), with_ed25519=st.booleans())
def test_bent_bytes_are_told_never_raised(place: int, put: bytes, *, with_ed25519: bool) -> None:
    """Whatever the bytes, the answer is a sentence; a changed request never passes unless the change is not signed."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(b"7" * 32) if with_ed25519 else KEY
    builder = x509.CertificateSigningRequestBuilder(NAME).add_extension(DEFAULT, critical=True)
    der = bytearray(
        builder.sign(key, None if with_ed25519 else hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    )
    before = bytes(der)
    der[place % len(der) : place % len(der) + len(put)] = put

    found = csr_problem(pem.encode("CERTIFICATE REQUEST", bytes(der)), (), is_ca=False)

    assert found or bytes(der[: len(before)]) == before
