"""What is said of a TLS Secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.pki.keys import encode_key
from shim.inspecting import InvalidCertificate, describe, examine
from shim.revocation import Fetch, NotFetched
from tests.certs.decide.objects import DAY, NOW, key, pem

ROOT_KEY = ec.generate_private_key(ec.SECP256R1())
ROOT_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test Root")])


def usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def build(
    subject: x509.Name, public: ec.EllipticCurvePublicKey, *extensions: tuple[x509.ExtensionType, bool]
) -> x509.Certificate:
    builder = x509.CertificateBuilder(ROOT_NAME, subject, public, 4711, NOW - DAY, NOW + 59 * DAY)
    identity = x509.SubjectKeyIdentifier.from_public_key(public)
    of_ca = x509.AuthorityKeyIdentifier.from_issuer_public_key(ROOT_KEY.public_key())
    for extension, critical in (*extensions, (identity, False), (of_ca, False)):
        builder = builder.add_extension(extension, critical)
    return builder.sign(ROOT_KEY, hashes.SHA256())


ROOT = build(
    ROOT_NAME, ROOT_KEY.public_key(), (x509.BasicConstraints(ca=True, path_length=None), True), (usage(ca=True), True)
)


def leaf() -> x509.Certificate:
    public = key().public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Shop")
    return build(
        x509.Name([organization]),
        public,
        (x509.SubjectAlternativeName([x509.DNSName("shop.example.org"), x509.DNSName("*.shop.example.org")]), False),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage(ca=False), True),
        (
            x509.CRLDistributionPoints(
                [x509.DistributionPoint([x509.UniformResourceIdentifier("http://ca.test/crl")], None, None, None)]
            ),
            False,
        ),
    )


def data(**more: bytes) -> Mapping[str, bytes]:
    return {"tls.crt": leaf().public_bytes(Encoding.PEM), "tls.key": pem()} | {
        k.replace("_", "."): v for k, v in more.items()
    }


def told(of: Mapping[str, bytes], *trusted: x509.Certificate) -> str:
    return text_of(of, NOW, trusted, nobody)


def text_of(of: Mapping[str, bytes], now: datetime, trusted: Iterable[x509.Certificate], ask: Fetch) -> str:
    return "\n".join(describe(examine(of, now, trusted, ask), now))


def nobody(url: str, body: bytes) -> bytes:
    """Be asked about revocation, and not answer."""
    raise NotFetched(f"{url} is not asked here")


def test_everything_about_a_good_one() -> None:
    text = told(data(), ROOT)

    for part in (
        "Valid for:\n  DNS Names:\n  - shop.example.org\n  - *.shop.example.org\n  URIs: <none>",
        "  Not After: 2026-04-29 12:00:00 UTC (in 59 days)",
        "Issued By:\n  Common Name: Test Root\n",
        "Issued For:\n  Common Name: <none>\n  Organization: Shop\n",
        "  Signing Algorithm: SHA256\n  Public Key: ECDSA, secp256r1\n  Serial Number: 1267\n",
        "  CRL: http://ca.test/crl\n  OCSP: <none>",
        "  Private key: fits the certificate\n",
        "  Chain: 1 certificate, issued in the end by Test Root\n",
        "  Trusted by this computer: yes",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("of", "part"),
    [
        (data(tls_key=b""), "Private key: there is none under tls.key"),
        (data(tls_key=b"nonsense"), "Private key: cannot be read"),
        (data(tls_key=bytes(encode_key(key("another")))), "Private key: is another's"),
        (data(tls_crt=leaf().public_bytes(Encoding.PEM) * 2), "certificate 1 was not issued by the next one"),
    ],
    ids=["no key", "no key at all", "another's key", "a chain of two leaves"],
)
def test_what_cannot_be_served_is_told(of: Mapping[str, bytes], part: str) -> None:
    assert part in told(of, ROOT)


def test_who_is_not_trusted_is_told_with_the_reason() -> None:
    assert "Trusted by this computer: no: it has no roots to trust" in told(data())
    other = build(
        ROOT_NAME,
        ec.generate_private_key(ec.SECP256R1()).public_key(),
        (x509.BasicConstraints(ca=True, path_length=1), True),
    )
    assert "Trusted by this computer: no: " in told(data(), other)
    late = text_of(data(), NOW + timedelta(days=60), [ROOT], nobody)
    assert "Trusted by this computer: no: " in late
    assert "(1 day ago)" in late


def test_who_can_say_that_it_is_revoked_is_asked_and_verified() -> None:
    """The issuer may stand behind the certificate, or under ca.crt, as an issuer of a private CA has it."""
    asked: list[str] = []

    def ask(url: str, body: bytes) -> bytes:
        asked.append(url)
        return nobody(url, body)

    root = ROOT.public_bytes(Encoding.PEM)
    alone = text_of(data(), NOW, [ROOT], ask)
    assert "CRL status: not known: its issuer is neither in tls.crt nor in ca.crt" in alone
    assert "OCSP status: not known: the certificate names none" in alone
    assert asked == []

    for held in (data(ca_crt=root), data(tls_crt=data()["tls.crt"] + root)):
        text = text_of(held, NOW, [ROOT], ask)
        assert "CRL status: not known: http://ca.test/crl is not asked here" in text
    assert asked == ["http://ca.test/crl"] * 2


def test_what_is_no_certificate_is_refused() -> None:
    with pytest.raises(InvalidCertificate):
        told({"tls.crt": b"nonsense"})
    with pytest.raises(InvalidCertificate):
        told({})
