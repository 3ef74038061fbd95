"""Private keys and signing requests on the real control plane: every kind, when a key is kept, what a CSR holds."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from certs.api.certificate import CertificateSpec, KeyAlgorithm
from certs.api.meta import IssuerReference
from certs.pki.keys import decode_key, encode_key
from certs.pki.subject import name_of
from shim.keys import generate_key
from tests.certs.pki.keystores import program
from tests.cluster import Cluster, Process
from tests.product import Product
from tests.system.shop import Shop, Stored, eventually
from tests.system.test_ca import certificate, issuer, pair

pytestmark = pytest.mark.system

HOST: Final = "shop.example.test"
AT_ONCE: Final = 3.0  # seconds; takes a tenth of one on an idle machine, and a back-off would be five at least
NEVER: Final = {"algorithm": "ECDSA", "rotationPolicy": "Never"}


@pytest.fixture
def shop(product: Product, cluster: Cluster, shim: Process, namespace: str) -> Shop:
    """A namespace with a CA."""
    shop = Shop(product, cluster, namespace)
    shop.apply(pair())
    shop.apply(issuer("ca", ca={"secretName": "root"}))
    return shop


def ask(shop: Shop, key: dict[str, Any] | None = None, **spec: Any) -> None:
    wanted = {"dnsNames": [HOST]} | spec | ({"privateKey": key} if key is not None else {})
    shop.apply(certificate("web-tls", "ca", **wanted))


def issued_anew(shop: Shop, before: Stored) -> Stored:
    """Wait for another certificate, and return its Secret."""

    def look() -> Stored | None:
        stored = shop.stored("web-tls")
        return stored if stored is not None and stored.leaf.serial != before.leaf.serial else None

    eventually(look, "another certificate")
    return shop.issued("web-tls")


def put_key(shop: Shop, data: bytes) -> None:
    """Store that as the key of a Secret without a certificate."""
    encoded = {"tls.key": base64.b64encode(data).decode(), "tls.crt": ""}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web-tls"}}
    shop.apply(secret | {"type": "kubernetes.io/tls", "data": encoded})


def told(shop: Shop, reason: str, message: str) -> None:
    eventually(lambda: any(one == reason and message in text for one, text in shop.events("Certificate")), message)


@pytest.mark.parametrize(
    ("key", "kind", "size", "label"),
    [
        (None, rsa.RSAPrivateKey, 2048, b"RSA PRIVATE KEY"),
        ({"algorithm": "RSA", "size": 3072, "encoding": "PKCS8"}, rsa.RSAPrivateKey, 3072, b"PRIVATE KEY"),
        ({"algorithm": "RSA", "size": 4096}, rsa.RSAPrivateKey, 4096, b"RSA PRIVATE KEY"),
        ({"algorithm": "ECDSA"}, ec.EllipticCurvePrivateKey, 256, b"EC PRIVATE KEY"),
        ({"algorithm": "ECDSA", "size": 384, "encoding": "PKCS1"}, ec.EllipticCurvePrivateKey, 384, b"EC PRIVATE KEY"),
        ({"algorithm": "ECDSA", "size": 521, "encoding": "PKCS8"}, ec.EllipticCurvePrivateKey, 521, b"PRIVATE KEY"),
        ({"algorithm": "Ed25519"}, ed25519.Ed25519PrivateKey, None, b"PRIVATE KEY"),
        ({"algorithm": "Ed25519", "encoding": "PKCS1"}, ed25519.Ed25519PrivateKey, None, b"PRIVATE KEY"),
    ],
)
def test_a_key_is_of_the_kind_and_in_the_encoding_that_is_asked_for(
    shop: Shop, key: dict[str, Any] | None, kind: type, size: int | None, label: bytes
) -> None:
    ask(shop, key)

    stored = shop.issued("web-tls")

    made = decode_key(stored.key)
    assert isinstance(made, kind)
    assert getattr(made, "key_size", None) == size
    assert stored.key.startswith(b"-----BEGIN " + label + b"-----")
    assert stored.is_pair


def test_another_encoding_or_policy_alone_issues_nothing_and_the_next_certificate_has_it(shop: Shop) -> None:
    ask(shop, {"algorithm": "ECDSA"})
    first = shop.issued("web-tls")

    ask(shop, {"algorithm": "ECDSA", "encoding": "PKCS8", "rotationPolicy": "Always"})
    # What is written of a later change shows that this one has been looked at.
    ask(shop, {"algorithm": "ECDSA", "encoding": "PKCS8"}, additionalOutputFormats=[{"type": "DER"}])
    eventually(lambda: "key.der" in (shop.get("Secret", "web-tls") or {})["data"], "the later change is applied")

    assert (shop.issued("web-tls").chain, len(shop.all("CertificateRequest"))) == (first.chain, 1)

    ask(shop, {"algorithm": "ECDSA", "encoding": "PKCS8"}, dnsNames=[HOST, "more.example.test"])

    second = issued_anew(shop, first)
    assert second.key.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert second.is_pair


def test_policy_never_keeps_the_key_and_always_does_not(shop: Shop) -> None:
    ask(shop, NEVER)
    first = shop.issued("web-tls")

    ask(shop, NEVER, dnsNames=[HOST, "more.example.test"])
    second = issued_anew(shop, first)
    ask(shop, NEVER | {"rotationPolicy": "Always"})
    third = issued_anew(shop, second)

    assert first.key == second.key
    assert second.key != third.key
    told(shop, "Reused", 'Reusing private key stored in existing Secret resource "web-tls"')


def test_policy_never_takes_a_key_that_somebody_brings(shop: Shop) -> None:
    brought = encode_key(generate_key(KeyAlgorithm.ECDSA))
    put_key(shop, brought)

    ask(shop, NEVER)

    assert shop.issued("web-tls").key == brought


def test_policy_never_makes_a_key_where_what_is_there_is_none(shop: Shop) -> None:
    put_key(shop, b"garbage")

    ask(shop, NEVER)

    assert shop.issued("web-tls").is_pair
    told(shop, "DecodeFailed", 'Failed to decode private key stored in Secret "web-tls" - generating new key')


def test_policy_never_waits_for_the_user_where_the_key_does_not_fit(shop: Shop) -> None:
    """The certificate stays; what the sentence names as a remedy is one, at once."""
    ask(shop, NEVER)
    first = shop.issued("web-tls")

    ask(shop, NEVER | {"size": 384})

    told(shop, "CannotRegenerateKey", "User intervention required: ")
    issuing = shop.condition("Certificate", "web-tls", "Issuing")
    assert (issuing["status"], issuing["reason"]) == ("False", "CannotRegenerateKey")
    assert "spec.privateKey.size" in issuing["message"]
    assert (shop.stored("web-tls") or first).chain == first.chain

    ask(shop, NEVER | {"size": 384, "rotationPolicy": "Always"})

    eventually(lambda: (shop.stored("web-tls") or first).key != first.key, "another key", AT_ONCE)
    assert shop.issued("web-tls").is_pair


def test_the_request_holds_what_is_asked_for(shop: Shop, tmp_path: Path) -> None:
    """As `openssl` reads it, of all that a spec can say."""
    upn = {"oid": "1.3.6.1.4.1.311.20.2.3", "utf8Value": "ops@shop.example.test"}
    trees = {"dnsDomains": ["example.test"], "ipRanges": ["192.0.2.1/24"], "emailAddresses": [".example.test"]}
    ask(
        shop,
        {"algorithm": "ECDSA", "size": 384},
        commonName="*.example.test",
        subject={"countries": ["DE"], "organizations": ["Bücher & Co"], "provinces": ["Hamburg"]},
        emailAddresses=["ops@example.test"],
        ipAddresses=["192.0.2.1"],
        uris=["spiffe://shop/a"],
        otherNames=[upn],
        isCA=True,
        usages=["server auth", "digital signature"],
        nameConstraints={"critical": True, "permitted": trees, "excluded": {"uriDomains": ["evil.test"]}},
    )

    read = request_of(shop, tmp_path)

    assert "Subject: C=DE, ST=Hamburg, O=B\\C3\\BCcher & Co, CN=*.example.test" in read
    assert (
        "X509v3 Subject Alternative Name: DNS:shop.example.test, email:ops@example.test, IP Address:192.0.2.1, "
        "URI:spiffe://shop/a, othername: UPN:" in read
    )
    assert "X509v3 Key Usage: critical Digital Signature, Certificate Sign" in read
    assert "X509v3 Extended Key Usage: TLS Web Server Authentication" in read
    assert (
        "X509v3 Name Constraints: critical Permitted: DNS:example.test IP:192.0.2.0/255.255.255.0 email:.example.test "
        "Excluded: URI:evil.test" in read
    )
    assert "Signature Algorithm: ecdsa-with-SHA384" in read
    assert "Basic Constraints" not in read
    assert shop.issued("web-tls").is_pair


def test_a_request_of_names_alone_has_them_critical_and_usages_only_if_they_shall_be(
    shop: Shop, tmp_path: Path
) -> None:
    ask(shop, encodeUsagesInRequest=False, signatureAlgorithm="SHA512WithRSA")

    read = request_of(shop, tmp_path)

    assert "X509v3 Subject Alternative Name: critical DNS:shop.example.test" in read
    assert "Key Usage" not in read
    assert "Signature Algorithm: sha512WithRSAEncryption" in read


def test_a_literal_subject_is_as_it_is_written(shop: Shop, tmp_path: Path) -> None:
    """In the certificate, too: order, several values in one RDN, types of strings."""
    text = "CN=web+UID=7,OU=Bücher,O=Example,DC=example,DC=test"
    spec = CertificateSpec(secret_name="web-tls", issuer_ref=IssuerReference("ca"), literal_subject=text)

    ask(shop, literalSubject=text)

    assert "Subject: DC=test, DC=example, O=Example, OU=B\\C3\\BCcher, CN=web + UID=7" in request_of(shop, tmp_path)
    assert shop.issued("web-tls").leaf.subject.der == name_of(spec).public_bytes()


def request_of(shop: Shop, tmp_path: Path) -> str:
    """Wait for the request; return what `openssl` says of its CSR, its signature proven, in one line."""
    encoded = eventually(lambda: shop.get("CertificateRequest", "web-tls-1"), "the request")["spec"]["request"]
    (tmp_path / "csr.pem").write_bytes(base64.b64decode(encoded))
    told = ("-noout", "-text", "-verify", "-nameopt", "oneline,-space_eq")
    read = program("openssl", "req", "-in", tmp_path / "csr.pem", *told)
    return " ".join(read.split())
