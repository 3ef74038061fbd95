"""What is signed, judged by two that did not sign it: the verifier of `cryptography`, and `openssl verify`."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from certs.api.certificate import CertificateSpec, KeyUsage, NameConstraintItem, NameConstraints, OtherName, X509Subject
from certs.pki.authority import Authority, read_authority
from certs.pki.csr import build_csr
from certs.pki.keys import Key, encode_key
from certs.pki.signing import Issued, Lookups, Unsignable, Wanted, sign_by, sign_by_itself
from certs.pki.x509 import read_chain

NOW = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)
DAY = timedelta(days=1)
HOST = "shop.example.org"
Spec = Callable[..., CertificateSpec]


def wanted(csr: bytes, **fields: Any) -> Wanted:
    usual: dict[str, Any] = {"serial": 1 << 127, "not_before": NOW}
    return Wanted(csr, **(usual | fields))


def root(spec: Spec, key: Key, name: str = "Root", **fields: Any) -> bytes:
    """Return a self-signed CA's certificate."""
    csr = build_csr(spec(common_name=name, is_ca=True, **fields), key)
    return sign_by_itself(key, wanted(csr, is_ca=True, lifetime=3650 * DAY)).chain


def authority(spec: Spec, key: Key, **fields: Any) -> Authority:
    return read_authority({"tls.crt": root(spec, key, **fields), "tls.key": bytes(encode_key(key))}, NOW)


def intermediate(spec: Spec, above: Authority, key: Key) -> dict[str, bytes]:
    """Return the Secret of a CA that another one signed."""
    csr = build_csr(spec(common_name="Intermediate", is_ca=True), key)
    made = sign_by(above, wanted(csr, is_ca=True, lifetime=365 * DAY))
    return {"tls.crt": made.chain, "tls.key": bytes(encode_key(key)), "ca.crt": made.ca}


def loaded(made: Issued) -> x509.Certificate:
    return x509.load_pem_x509_certificates(made.chain)[0]


def verify(made: Issued, host: str = HOST) -> None:
    """Raise unless both verifiers accept it for the host."""
    leaf, *between = x509.load_pem_x509_certificates(made.chain)
    store = verification.Store(x509.load_pem_x509_certificates(made.ca))
    builder = verification.PolicyBuilder().store(store).time(NOW + DAY)
    builder.build_server_verifier(x509.DNSName(host)).verify(leaf, between)


def openssl_verify(made: Issued, folder: Path, host: str = HOST) -> None:
    (folder / "ca.pem").write_bytes(made.ca)
    (folder / "chain.pem").write_bytes(made.chain)
    at = str(int((NOW + DAY).timestamp()))
    command = ["openssl", "verify", "-x509_strict", "-attime", at, "-purpose", "sslserver", "-verify_hostname", host]
    files: list[str | Path] = ["-CAfile", folder / "ca.pem", "-untrusted", folder / "chain.pem", folder / "chain.pem"]
    subprocess.run([*command, *files], check=True, capture_output=True, timeout=20)  # noqa: S603  arguments of ours


OF_PUBLIC_CAS = [
    "rsa-2048",
    "rsa-3072",
    "p-256",
    "p-384",
    "p-521",
]  # those that `cryptography` verifies for servers


@pytest.mark.parametrize("kind", ["rsa-2048", "rsa-3072", "p-256", "p-384", "p-521", "ed25519"])
def test_every_kind_of_ca_signs_what_verifies(spec: Spec, keys: dict[str, Key], kind: str, tmp_path: Path) -> None:
    """Two verifiers accept the leaf; the chain has no root, which stands apart."""
    made = sign_by(authority(spec, keys[kind]), wanted(build_csr(spec(dns_names=(HOST,)), keys["p-256"])))

    assert len(read_chain(made.chain)) == 1
    assert read_chain(made.ca)[0].common_name == "Root"
    openssl_verify(made, tmp_path)
    if kind in OF_PUBLIC_CAS:
        verify(made)


@pytest.mark.parametrize(
    ("kind", "digest"),
    [
        ("rsa-2048", hashes.SHA256),
        ("rsa-3072", hashes.SHA384),
        ("p-256", hashes.SHA256),
        ("p-384", hashes.SHA384),
        ("p-521", hashes.SHA512),
    ],
)
def test_the_signature_is_as_strong_as_the_key(
    spec: Spec, keys: dict[str, Key], kind: str, digest: type[hashes.HashAlgorithm]
) -> None:
    made = sign_by(authority(spec, keys[kind]), wanted(build_csr(spec(dns_names=(HOST,)), keys["p-256"])))

    assert isinstance(loaded(made).signature_hash_algorithm, digest)


def test_a_chain_goes_up_to_the_root_without_it(spec: Spec, keys: dict[str, Key], tmp_path: Path) -> None:
    """Of a CA that another one of ours signed: its `ca.crt` is where the root is found."""
    data = intermediate(spec, authority(spec, keys["rsa-2048"]), keys["p-384"])

    made = sign_by(read_authority(data, NOW), wanted(build_csr(spec(dns_names=(HOST,)), keys["p-256"])))

    assert [one.common_name for one in read_chain(made.chain)] == ["", "Intermediate"]
    assert [one.common_name for one in read_chain(made.ca)] == ["Root"]
    verify(made)
    openssl_verify(made, tmp_path)


def test_without_the_root_the_topmost_that_is_known_is_told(spec: Spec, keys: dict[str, Key]) -> None:
    data = intermediate(spec, authority(spec, keys["rsa-2048"]), keys["p-384"]) | {"ca.crt": b""}

    made = sign_by(read_authority(data, NOW), wanted(build_csr(spec(dns_names=(HOST,)), keys["p-256"])))

    assert [one.common_name for one in read_chain(made.chain)] == ["", "Intermediate"]
    assert [one.common_name for one in read_chain(made.ca)] == ["Intermediate"]


def test_a_self_signed_certificate_is_its_own_ca(spec: Spec, key: Key) -> None:
    made = sign_by_itself(key, wanted(build_csr(spec(dns_names=(HOST,), common_name="shop"), key)))
    (leaf,) = read_chain(made.chain)

    assert made.ca == made.chain
    assert leaf.issuer_der == leaf.subject.der
    loaded(made).verify_directly_issued_by(loaded(made))


def test_names_and_subject_are_the_requests(spec: Spec, keys: dict[str, Key]) -> None:
    """Byte for byte, whatever the kind of name."""
    of = spec(
        common_name="Größe",
        subject=X509Subject(organizations=("b", "a"), countries=("DE",), serial_number="1-2"),
        dns_names=(HOST, f"*.{HOST}"),
        ip_addresses=("10.0.0.1", "fd00::1"),
        uris=("spiffe://a/b",),
        email_addresses=("a@b.test",),
        other_names=(OtherName("1.3.6.1.4.1.311.20.2.3", "user@example.org"),),
    )
    csr = x509.load_pem_x509_csr(build_csr(of, keys["p-256"]))
    certificate = loaded(sign_by(authority(spec, keys["p-384"]), wanted(build_csr(of, keys["p-256"]))))

    assert certificate.subject.public_bytes() == csr.subject.public_bytes()
    names = [
        one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.public_bytes()
        for one in (csr, certificate)
    ]
    assert names[0] == names[1]


@pytest.mark.parametrize(("common_name", "critical"), [("", True), (HOST, False)], ids=["no subject", "a subject"])
def test_names_are_critical_when_they_are_all_there_is(
    spec: Spec, keys: dict[str, Key], common_name: str, *, critical: bool
) -> None:
    csr = build_csr(spec(common_name=common_name, dns_names=(HOST,)), keys["p-256"])
    certificate = loaded(sign_by(authority(spec, keys["p-384"]), wanted(csr)))

    assert certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical is critical


@pytest.mark.parametrize(
    ("usages", "is_ca", "expected"),
    [
        pytest.param((KeyUsage.SERVER_AUTH,), False, ("server auth",), id="only a purpose: no bits"),
        pytest.param((), False, ("digital signature", "key encipherment"), id="defaults"),
        pytest.param((), True, ("digital signature", "key encipherment", "cert sign"), id="a CA signs, too"),
        pytest.param((KeyUsage.SIGNING, KeyUsage.CLIENT_AUTH), False, ("digital signature", "client auth"), id="both"),
    ],
)
def test_usages_are_the_requests(
    spec: Spec, keys: dict[str, Key], usages: tuple[KeyUsage, ...], *, is_ca: bool, expected: tuple[str, ...]
) -> None:
    """Those of the CertificateRequest, not those in the CSR; basic constraints are always there, and critical."""
    csr = build_csr(spec(dns_names=(HOST,), usages=(KeyUsage.CODE_SIGNING,)), keys["p-256"])
    made = sign_by(authority(spec, keys["p-384"]), wanted(csr, usages=usages, is_ca=is_ca))
    (leaf,) = read_chain(made.chain)
    constraints = loaded(made).extensions.get_extension_for_class(x509.BasicConstraints)

    assert (tuple(map(str, leaf.usages)), leaf.is_ca) == (expected, is_ca)
    assert (constraints.critical, constraints.value.path_length) == (True, None)


def test_validity_begins_now_and_is_as_long_as_asked(spec: Spec, keys: dict[str, Key]) -> None:
    """To the second, and never beyond; not even a CA that expires earlier cuts it short, as with cert-manager."""
    csr = build_csr(spec(dns_names=(HOST,)), keys["p-256"])
    ca = authority(spec, keys["p-384"])
    (usual,) = read_chain(sign_by(ca, wanted(csr)).chain)
    (longer,) = read_chain(sign_by(ca, wanted(csr, lifetime=7300 * DAY)).chain)

    assert usual.not_before == NOW.replace(microsecond=0)
    assert usual.not_after - usual.not_before == 90 * DAY
    assert usual.serial == 1 << 127
    assert longer.not_after > ca.certificate.not_after


def test_keys_are_named(spec: Spec, keys: dict[str, Key]) -> None:
    """The leaf names its own key and the CA's; a root only its own."""
    ca = authority(spec, keys["p-384"])
    (leaf,) = read_chain(sign_by(ca, wanted(build_csr(spec(dns_names=(HOST,)), keys["p-256"]))).chain)

    assert leaf.authority_key_id == ca.certificate.subject_key_id != b""
    assert leaf.subject_key_id not in (b"", leaf.authority_key_id)
    assert ca.certificate.authority_key_id == b""


def foreign_root(key: Key) -> bytes:
    """Return a CA as a careless tool makes it: no key identifiers."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Old", _type=_ASN1Type.PrintableString)])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW - DAY, NOW + 365 * DAY)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_a_ca_without_key_identifier_signs(spec: Spec, keys: dict[str, Key]) -> None:
    """Its key is named by the usual hash, and its subject repeated in its own encoding."""
    data = {"tls.crt": foreign_root(keys["p-256"]), "tls.key": bytes(encode_key(keys["p-256"]))}
    made = sign_by(read_authority(data, NOW), wanted(build_csr(spec(dns_names=(HOST,)), keys["p-384"])))
    (leaf,) = read_chain(made.chain)

    assert leaf.issuer_der == read_chain(made.ca)[0].subject.der
    assert leaf.authority_key_id == x509.SubjectKeyIdentifier.from_public_key(keys["p-256"].public_key()).digest


def test_lookups_are_written(spec: Spec, keys: dict[str, Key]) -> None:
    lookups = Lookups(("http://crl.test/a", "http://crl.test/b"), ("http://ocsp.test",), ("http://ca.test/ca.der",))
    csr = build_csr(spec(dns_names=(HOST,)), keys["p-256"])
    extensions = loaded(sign_by(authority(spec, keys["p-384"]), wanted(csr, lookups=lookups))).extensions
    points = extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    access = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value

    urls = [one.full_name[0].value for one in points if one.full_name]
    assert urls == ["http://crl.test/a", "http://crl.test/b"]
    assert [(one.access_method._name, one.access_location.value) for one in access] == [
        ("OCSP", "http://ocsp.test"),
        ("caIssuers", "http://ca.test/ca.der"),
    ]


def test_name_constraints_are_the_requests(spec: Spec, keys: dict[str, Key], tmp_path: Path) -> None:
    """A CA that may sign for one domain only: a leaf of another is refused by verifiers."""
    limits = NameConstraints(critical=True, permitted=NameConstraintItem(dns_domains=("example.org",)))
    csr = build_csr(spec(common_name="Limited", is_ca=True, name_constraints=limits), keys["p-384"])
    made = sign_by_itself(keys["p-384"], wanted(csr, is_ca=True))
    ca = read_authority({"tls.crt": made.chain, "tls.key": bytes(encode_key(keys["p-384"]))}, NOW)
    inside = sign_by(ca, wanted(build_csr(spec(dns_names=(HOST,)), keys["p-256"])))
    outside = sign_by(ca, wanted(build_csr(spec(dns_names=("a.test",)), keys["p-256"])))

    assert loaded(made).extensions.get_extension_for_class(x509.NameConstraints).critical
    openssl_verify(inside, tmp_path)
    with pytest.raises(verification.VerificationError):
        verify(outside, "a.test")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        pytest.param({"csr": b"garbage"}, "no PEM block", id="no CSR"),
        pytest.param({"usages": (KeyUsage.ENCIPHER_ONLY,)}, "key agreement", id="usage without meaning"),
        pytest.param({"lifetime": -DAY}, "ends before it has begun", id="ends before it begins"),
        pytest.param({"lifetime": timedelta(days=3_650_000)}, "range", id="beyond the calendar"),
        pytest.param({"lookups": Lookups(("http://größe.test",))}, "A-label", id="URL not in ASCII"),
    ],
)
def test_what_cannot_be_signed_is_told(spec: Spec, keys: dict[str, Key], fields: dict[str, Any], sentence: str) -> None:
    csr = fields.pop("csr", None) or build_csr(spec(dns_names=(HOST,)), keys["p-256"])

    with pytest.raises(Unsignable, match=sentence):
        sign_by(authority(spec, keys["p-384"]), wanted(csr, **fields))
