"""CA bundles: what Go would find a certificate in, and what not."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from certs.pki.bundle import certificate_blocks, has_certificate, is_certificate

NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ca")])
SIGNER = ed25519.Ed25519PrivateKey.generate()
ISSUED = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC))


def certificate(
    key: ed448.Ed448PrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey = SIGNER,
    *,
    serial: int = 1,
    critical: x509.ExtensionType | None = None,
) -> bytes:
    """Return the DER of a certificate, with one critical extension if wanted."""
    builder = x509.CertificateBuilder(NAME, NAME, key.public_key(), serial, *ISSUED)
    if critical is not None:
        builder = builder.add_extension(critical, critical=True)
    return builder.sign(SIGNER, None).public_bytes(Encoding.DER)


DER = certificate()
BODY = base64.b64encode(DER)
PEM = b"-----BEGIN CERTIFICATE-----\n" + BODY + b"\n-----END CERTIFICATE-----\n"
BEGIN, END = b"-----BEGIN CERTIFICATE-----\n", b"\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    "pem",
    [
        PEM,
        PEM.rstrip(b"\n"),
        PEM.replace(b"\n", b"\r\n"),
        b"Subject: ca\n" + PEM + b"the end",
        BEGIN + BODY[:20] + b" \t\n\n" + BODY[20:] + END,
        BEGIN + b"no base64!" + END + PEM,
        BEGIN + base64.b64encode(b"no certificate") + END + PEM,
        BEGIN + PEM,  # the last BEGIN before an END counts
        b"-----BEGIN CERTIFICATE-----  \n" + BODY + b"\n-----END CERTIFICATE-----\t\n",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END CERTIFICATE-----\n" + PEM,
        b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" + PEM,
        BEGIN.replace(b"\n", b"\nProc-Type: 4\n\n") + BODY + END + PEM,
    ],
    ids=[
        "plain",
        "no-last-newline",
        "crlf",
        "text-around",
        "spaces",
        "after-junk",
        "after-another",
        "begin-twice",
        "spaces-at-line-end",
        "labels-differ",
        "after-empty",
        "after-headers",
    ],
)
def test_finds_a_certificate(pem: bytes) -> None:
    """One that can be read is enough, whatever stands around it."""
    assert has_certificate(pem)


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"junk",
        DER,
        BEGIN + BODY,
        BEGIN + b"no base64!" + END,
        BEGIN + BODY[:-4] + END,
        BEGIN + BODY + b"AAAA" + END,
        PEM.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"),
        PEM.replace(b"CERTIFICATE", b"X509 CERTIFICATE"),
        BEGIN.replace(b"\n", b"\nProc-Type: 4\n\n") + BODY + END,
        b"x" + PEM,
        PEM.rstrip(b"\n") + b"x",
        PEM.replace(END, b"-----END CERTIFICATE-----"),
        b"-----BEGIN CERTIFICATE-----\nno: end",
        b"-----BEGIN CERTIFICATE-----\na:\n-----END CERTIFICATE-----: b\nc:\n",
    ],
    ids=[
        "empty",
        "junk",
        "der",
        "no-end",
        "no-base64",
        "cut",
        "longer",
        "trusted",
        "other-label",
        "headers",
        "not-at-line-start",
        "not-at-line-end",
        "end-not-at-line-start",
        "headers-without-end",
        "headers-over-the-end",
    ],
)
def test_finds_none(pem: bytes) -> None:
    """What Go skips is skipped."""
    assert not has_certificate(pem)


@pytest.mark.parametrize(
    ("der", "expected"),
    [
        (certificate(ec.generate_private_key(ec.SECP224R1())), True),
        (certificate(ec.generate_private_key(ec.SECP521R1())), True),
        (certificate(ec.generate_private_key(ec.SECP256K1())), False),
        (certificate(ec.generate_private_key(ec.BrainpoolP256R1())), False),
        (certificate(ed448.Ed448PrivateKey.generate()), True),
        (certificate(critical=x509.BasicConstraints(ca=True, path_length=None)), True),
        (certificate(critical=x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"junk")), True),
        (certificate(critical=x509.SubjectKeyIdentifier(b"id")), False),
        (certificate(critical=x509.AuthorityKeyIdentifier(b"id", None, None)), False),
        (DER.replace(b"\x02\x01\x01", b"\x02\x01\xff", 1), False),
        (DER.replace(b"\x02\x01\x01", b"\x02\x01\x00", 1), True),
        (DER.replace(b"\x06\x03\x2b\x65\x70", b"\x06\x03\x2b\x65\x71", 1), False),
        (DER + b"\x00", False),
        (DER[:-1], False),
        (DER.replace(b"\x0c\x02ca", b"\x13\x02c@", 1), False),
    ],
    ids=[
        "p-224",
        "p-521",
        "secp256k1",
        "brainpool",
        "unknown-key",
        "critical",
        "critical-unknown",
        "critical-key-id",
        "critical-authority-key-id",
        "negative-serial",
        "no-serial",
        "two-signature-algorithms",
        "longer",
        "shorter",
        "not-printable",
    ],
)
def test_reads_what_go_reads(der: bytes, *, expected: bool) -> None:
    """The decision about a single certificate."""
    assert is_certificate(der) is expected


def test_keeps_the_order() -> None:
    """All blocks of the type, first to last."""
    assert list(certificate_blocks(PEM + BEGIN + b"AAAA" + END + PEM)) == [DER, b"\x00\x00\x00", DER]


@given(st.lists(st.sampled_from([BEGIN, END, BODY, b"a:b\n", b"-----", b"\n", b"\r", PEM, b"="])).map(b"".join))
def test_any_bytes_get_an_answer(pem: bytes) -> None:
    """Nothing is raised, and a certificate behind a line of its own is found again."""
    found = has_certificate(pem)

    assert found or PEM not in pem or pem.find(PEM) > 0


@given(st.integers(0, len(DER) - 1), st.integers(0, 255))
def test_a_bent_certificate_gets_an_answer(place: int, byte: int) -> None:
    """Nothing is raised by a certificate with another byte somewhere."""
    bent = DER[:place] + bytes([byte]) + DER[place + 1 :]

    assert is_certificate(bent) in {True, False}
