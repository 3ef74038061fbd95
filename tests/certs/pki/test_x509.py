from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from certs.pki import pem
from certs.pki.keys import Key, decode_key, matches
from certs.pki.x509 import InvalidCertificate, csv, read_chain, secret_annotations

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def issued() -> trustme.LeafCert:
    return trustme.CA().issue_cert("shop.example", "192.0.2.1", "ops@shop.example", common_name="Shop.example")


def pem_of(issued: trustme.LeafCert) -> bytes:
    return b"".join(blob.bytes() for blob in issued.cert_chain_pems)


def certificate(key: Key, subject: x509.Name, *extensions: x509.ExtensionType) -> bytes:
    builder = x509.CertificateBuilder(x509.Name([]), subject, key.public_key(), 0x00FF, NOW, NOW + timedelta(days=90))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_a_chain_is_read_leaf_first(issued: trustme.LeafCert) -> None:
    """Names, key and issuer of the leaf are those it was made with."""
    leaf, *_ = read_chain(pem_of(issued))

    assert leaf.dns_names == ("shop.example",)
    assert leaf.ip_addresses == ("192.0.2.1",)
    assert leaf.emails == ("ops@shop.example",)
    assert leaf.common_name == "Shop.example"
    assert matches(decode_key(issued.private_key_pem.bytes()), leaf)
    assert not leaf.is_ca
    assert leaf.authority_key_id


def test_what_was_read_is_remembered_by_its_bytes(issued: trustme.LeafCert) -> None:
    """Equal bytes are read once, as those of another object are: a decision asks some thirty times."""
    assert read_chain(pem_of(issued)) is read_chain(bytes(bytearray(pem_of(issued))))


def test_times_are_aware_and_the_serial_is_a_number(key: Key) -> None:
    """UTC, to the second."""
    (leaf,) = read_chain(certificate(key, x509.Name([])))

    assert (leaf.not_before, leaf.not_after) == (NOW, NOW + timedelta(days=90))
    assert leaf.serial == 255
    assert (leaf.authority_key_id, leaf.subject_key_id, leaf.issuer_common_name) == (b"", b"", "")


def test_a_ca_is_told(key: Key) -> None:
    """By its basic constraints, RFC 5280 §4.2.1.9."""
    identifier = x509.SubjectKeyIdentifier(b"\x01\x02")
    (leaf,) = read_chain(certificate(key, x509.Name([]), x509.BasicConstraints(ca=True, path_length=0), identifier))

    assert leaf.is_ca
    assert leaf.subject_key_id == b"\x01\x02"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda _: b"", "no PEM block"),
        (lambda _: b"\xff\xfe junk", "no PEM block"),
        (lambda text: text.replace(b"CERTIFICATE", b"PRIVATE KEY"), "a block is PRIVATE KEY, not CERTIFICATE"),
        (lambda text: text + b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "certificate 2 of"),
        (lambda text: text + b"\n" * 95_000, "at most 95000 are allowed"),
    ],
    ids=["empty", "junk", "wrong label", "broken second", "too long"],
)
def test_what_is_no_chain_is_refused(issued: trustme.LeafCert, make: Callable[[bytes], bytes], sentence: str) -> None:
    """The sentence says which of the blocks is at fault, and how."""
    with pytest.raises(InvalidCertificate, match=sentence):
        read_chain(make(issued.cert_chain_pems[0].bytes()))


def test_an_oversized_certificate_is_refused(key: Key) -> None:
    """A single certificate has a limit of its own."""
    names = x509.SubjectAlternativeName([x509.DNSName(f"{index:05}.{'x' * 60}.example") for index in range(600)])

    with pytest.raises(InvalidCertificate, match="at most 36500 are allowed"):
        read_chain(certificate(key, x509.Name([]), names))


def test_annotations_tell_everything_the_subject_says(key: Key) -> None:
    """Values with commas are quoted; the ones without a value are left out except the first four."""
    subject = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Example, Inc."),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, "a.example"),
            x509.NameAttribute(x509.NameOID.SERIAL_NUMBER, "7"),
        ]
    )
    names = x509.SubjectAlternativeName([x509.DNSName("a.example"), x509.DNSName("b.example")])
    (leaf,) = read_chain(certificate(key, subject, names))

    assert secret_annotations(leaf) == {
        "cert-manager.io/common-name": "a.example",
        "cert-manager.io/alt-names": "a.example,b.example",
        "cert-manager.io/ip-sans": "",
        "cert-manager.io/uri-sans": "",
        "cert-manager.io/subject-serialnumber": "7",
        "cert-manager.io/subject-organizations": '"Example, Inc."',
    }


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        (["a", "b"], "a,b"),
        (["a,b"], '"a,b"'),
        (['say "hi"'], '"say ""hi"""'),
        ([" lead"], '" lead"'),
        (["trail "], "trail "),
        ([r"\."], r'"\."'),
        (["two\nlines"], '"two\nlines"'),
    ],
)
def test_csv_quotes_as_go_does(values: list[str], line: str) -> None:
    """So that Secrets written before compare equal."""
    assert csv(values) == line


@given(st.binary(max_size=200))
def test_rubbish_in_a_block_is_refused_and_nothing_else(der: bytes) -> None:
    """No bytes make the reader fail in another way."""
    with pytest.raises(InvalidCertificate):
        read_chain(pem.encode("CERTIFICATE", der))
