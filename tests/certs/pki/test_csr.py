from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certs.api.certificate import (
    CertificateSpec,
    KeyUsage,
    NameConstraintItem,
    NameConstraints,
    OtherName,
    SignatureAlgorithm,
    X509Subject,
)
from certs.pki.csr import InvalidRequest, build_csr, read_csr
from certs.pki.keys import Key
from certs.pki.names import utf8_der
from certs.pki.pkcs10 import read_request
from certs.pki.subject import UnusableSpec, name_of
from certs.pki.usages import expected_usages
from tests.certs.pki.encoding import (
    NULL,
    asking_for,
    bits,
    extension,
    number,
    oid,
    seq,
    set_of,
    signed,
    tlv,
    to_be_signed,
)
from tests.certs.pki.keystores import program

Spec = Callable[..., CertificateSpec]

UPN = "1.3.6.1.4.1.311.20.2.3"


def load(pem: bytes) -> x509.CertificateSigningRequest:
    return x509.load_pem_x509_csr(pem)


def test_every_kind_of_name_comes_back(spec: Spec, key: Key) -> None:
    """What the spec names is what is read from the request."""
    wanted = spec(
        common_name="shop.example",
        dns_names=("shop.example", "*.shop.example"),
        ip_addresses=("192.0.2.1", "2001:db8::1"),
        uris=("spiffe://cluster.local/ns/shop",),
        email_addresses=("Ops@shop.example",),
        other_names=(OtherName(UPN, "ünser@shop.example"),),
    )

    request = read_csr(build_csr(wanted, key))

    assert request.common_name == "shop.example"
    assert request.names.dns_names == wanted.dns_names
    assert request.names.ip_addresses == wanted.ip_addresses
    assert request.names.uris == wanted.uris
    assert request.names.emails == wanted.email_addresses
    assert request.names.other_names == wanted.other_names


def test_names_are_canonical(spec: Spec, key: Key) -> None:
    """DNS names are lower case and every name stands there once (RFC 8555 §7.1.4)."""
    request = read_csr(
        build_csr(spec(dns_names=("B.example", "a.example", "b.Example"), ip_addresses=("::1", "::1")), key)
    )

    assert request.names.dns_names == ("b.example", "a.example")
    assert request.names.ip_addresses == ("::1",)


@pytest.mark.parametrize(
    ("fields", "critical"),
    [({}, True), ({"common_name": "a.example"}, False), ({"literal_subject": "O=Example"}, False)],
    ids=["no subject", "common name", "literal subject"],
)
def test_alternative_names_are_critical_iff_the_subject_is_empty(
    spec: Spec,
    key: Key,
    fields: dict[str, str],
    critical: bool,  # noqa: FBT001 - a table
) -> None:
    """RFC 5280 §4.2.1.6: nothing else names the subject then."""
    csr = load(build_csr(spec(dns_names=("a.example",), **fields), key))

    assert csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical is critical


def test_every_field_of_the_subject_comes_back(spec: Spec, key: Key) -> None:
    """Several values of a field in any order, as DER has it (X.690 §11.6)."""
    subject = X509Subject(organizations=("Example", "Beispiel"), countries=("DE",), serial_number="7")

    read = read_csr(build_csr(spec(common_name="www", subject=subject), key)).subject

    assert read.common_name == "www"
    assert set(read.attributes.organizations) == {"Example", "Beispiel"}
    assert (read.attributes.countries, read.attributes.serial_number) == (("DE",), "7")


@pytest.mark.parametrize(
    ("common_name", "subject", "der"),
    [
        pytest.param(
            "www",
            X509Subject(
                organizations=("Example", "Beispiel"), countries=("DE",), serial_number="7", postal_codes=("10115",)
            ),
            "305a310b3009060355040613024445310e300c0603550411130531303131353121300e060355040a13074578616d706c65300f0603"
            "55040a1308426569737069656c310c300a06035504031303777777310a30080603550405130137",
            id="several values in one set",
        ),
        pytest.param(
            "é",
            X509Subject(organizations=("A*B", "Bücher & Co", "Zeta"), organizational_units=("a_b",)),
            "304b312e300a060355040a0c03412a42300b060355040a13045a6574613013060355040a0c0c42c3bc63686572202620436f310c30"
            "0a060355040b0c03615f62310b300906035504030c02c3a9",
            id="UTF-8 only where it must be",
        ),
        pytest.param(
            "*.example.com",
            X509Subject(
                countries=("DE", "AT"),
                organizations=("O",),
                organizational_units=("OU",),
                localities=("L",),
                provinces=("ST",),
                street_addresses=("S 1",),
                postal_codes=("P",),
                serial_number="a_b",
            ),
            "30818a311630090603550406130241543009060355040613024445310b3009060355040813025354310a3008060355040713014c31"
            "0c300a06035504091303532031310a30080603550411130150310a3008060355040a13014f310b3009060355040b13024f55311630"
            "1406035504030c0d2a2e6578616d706c652e636f6d310c300a06035504050c03615f62",
            id="every field",
        ),
    ],
)
def test_octets_of_a_subject_are_those_of_go(spec: Spec, common_name: str, subject: X509Subject, der: str) -> None:
    """`pkix.Name.ToRDNSequence`, marshalled: a CA that is renewed keeps the subject by which Go finds it."""
    assert name_of(spec(common_name=common_name, subject=subject)).public_bytes().hex() == der


def test_a_literal_subject_is_encoded_in_reverse(spec: Spec, key: Key) -> None:
    """RFC 4514 §2.1 writes the last RDN first; of strings, Go makes printable ones or UTF-8."""
    csr = load(build_csr(spec(literal_subject="CN=www,OU=shop,O=Example,C=DE,DC=example,SERIALNUMBER=9"), key))

    assert [rdn.rfc4514_string() for rdn in csr.subject.rdns][1:3] == ["DC=example", "C=DE"]
    assert next(iter(csr.subject.rdns[-1])).value == "www"


@pytest.mark.parametrize(
    ("text", "der"),
    [
        ("CN=www,O=Example", "30203110300e060355040a13074578616d706c65310c300a06035504031303777777"),
        ("CN=b+OU=a+O=é", "3021311f300806035504031301623008060355040b1301613009060355040a0c02c3a9"),
        ("CN=a*b", "300e310c300a06035504030c03612a62"),
        ("DC=x", "30133111300f060a0992268993f22c640119130178"),
        ("1.2.3=#0402c3a9", "300c310a300806022a030c02c3a9"),
    ],
)
def test_octets_of_a_literal_subject_are_those_of_go(spec: Spec, text: str, der: str) -> None:
    assert name_of(spec(literal_subject=text)).public_bytes().hex() == der


@pytest.mark.parametrize(
    ("fields", "usages"),
    [
        ({}, [KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_ENCIPHERMENT]),
        ({"is_ca": True}, [KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_ENCIPHERMENT, KeyUsage.CERT_SIGN]),
        ({"usages": (KeyUsage.SERVER_AUTH,)}, [KeyUsage.SERVER_AUTH]),
        (
            {"usages": (KeyUsage.CLIENT_AUTH, KeyUsage.SIGNING, KeyUsage.SERVER_AUTH, KeyUsage.SMIME)},
            [KeyUsage.DIGITAL_SIGNATURE, KeyUsage.CLIENT_AUTH, KeyUsage.SERVER_AUTH, KeyUsage.EMAIL_PROTECTION],
        ),
        (
            {"usages": (KeyUsage.KEY_AGREEMENT, KeyUsage.DECIPHER_ONLY)},
            [KeyUsage.KEY_AGREEMENT, KeyUsage.DECIPHER_ONLY],
        ),
        ({"encode_usages_in_request": False}, []),
        ({"encode_usages_in_request": True, "usages": (KeyUsage.CRL_SIGN,)}, [KeyUsage.CRL_SIGN]),
    ],
)
def test_usages(spec: Spec, key: Key, fields: dict[str, object], usages: list[KeyUsage]) -> None:
    """The request names the usages, defaults filled in, unless it shall not."""
    request = read_csr(build_csr(spec(dns_names=("a.example",), **fields), key))

    assert list(request.usages) == usages


@pytest.mark.parametrize("usage", list(KeyUsage), ids=str)
def test_every_usage_survives_a_request(spec: Spec, key: Key, usage: KeyUsage) -> None:
    """No word of the API is lost on the way."""
    wanted = (KeyUsage.KEY_AGREEMENT, usage)

    request = read_csr(build_csr(spec(dns_names=("a.example",), usages=wanted), key))

    assert set(request.usages) == set(expected_usages(wanted, is_ca=False))


def test_key_usage_is_critical_and_there_are_no_basic_constraints(spec: Spec, key: Key) -> None:
    """RFC 5280 §4.2.1.3; whether it is a CA stands in the CertificateRequest."""
    data = build_csr(spec(dns_names=("a.example",), is_ca=True), key)

    assert load(data).extensions.get_extension_for_class(x509.KeyUsage).critical
    assert read_csr(data).is_ca is None


def test_usages_that_shall_not_be_encoded_leave_no_extension(spec: Spec, key: Key) -> None:
    csr = load(build_csr(spec(dns_names=("a.example",), is_ca=True, encode_usages_in_request=False), key))

    assert [extension.oid for extension in csr.extensions] == [x509.OID_SUBJECT_ALTERNATIVE_NAME]


EVERY_KIND = NameConstraintItem(
    dns_domains=("example.com", ".example.org"),
    ip_ranges=("192.0.2.1/24", "2001:db8::/32"),
    email_addresses=("example.com", ".example.com", "root@example.com"),
    uri_domains=("example.com", ".example.com"),
)
READ_BACK = [
    x509.DNSName("example.com"),
    x509.DNSName(".example.org"),
    x509.IPAddress(ip_network("192.0.2.0/24")),  # what stands behind the mask does not count, as in Go
    x509.IPAddress(ip_network("2001:db8::/32")),
    x509.RFC822Name("example.com"),
    x509.RFC822Name(".example.com"),
    x509.RFC822Name("root@example.com"),
    x509.UniformResourceIdentifier("example.com"),
    x509.UniformResourceIdentifier(".example.com"),
]


@pytest.mark.parametrize("critical", [True, False], ids=["critical", "not critical"])
@pytest.mark.parametrize(
    ("permitted", "excluded"),
    [(EVERY_KIND, None), (None, EVERY_KIND), (EVERY_KIND, EVERY_KIND), (EVERY_KIND, NameConstraintItem())],
    ids=["permitted", "excluded", "both", "empty"],
)
def test_name_constraints(
    spec: Spec,
    key: Key,
    permitted: NameConstraintItem | None,
    excluded: NameConstraintItem | None,
    critical: bool,  # noqa: FBT001 - a table
) -> None:
    """RFC 5280 §4.2.1.10: permitted and excluded names of every kind, in the incumbent's order."""
    constraints = NameConstraints(critical=critical, permitted=permitted, excluded=excluded)

    csr = load(build_csr(spec(is_ca=True, common_name="ca", name_constraints=constraints), key))

    found = csr.extensions.get_extension_for_class(x509.NameConstraints)
    assert found.critical is critical
    assert found.value.permitted_subtrees == (READ_BACK if permitted is EVERY_KIND else None)
    assert found.value.excluded_subtrees == (READ_BACK if excluded is EVERY_KIND else None)


@pytest.mark.parametrize(
    "constraints", [NameConstraints(critical=True), NameConstraints(permitted=NameConstraintItem())]
)
def test_name_constraints_of_nothing_are_none(spec: Spec, key: Key, constraints: NameConstraints) -> None:
    """An extension without subtrees is not allowed (RFC 5280 §4.2.1.10)."""
    csr = load(build_csr(spec(common_name="ca", name_constraints=constraints), key))

    assert [extension.oid for extension in csr.extensions] == [x509.OID_KEY_USAGE]


def test_names_stand_in_the_order_of_go(spec: Spec, key: Key) -> None:
    """DNS, e-mail, IP, URI, and what Go has no name for; IPv4 in four octets, an otherName as UTF8String."""
    wanted = spec(
        other_names=(OtherName(UPN, "ü@a.example"),),
        uris=("spiffe://a/b",),
        ip_addresses=("2001:db8::1", "192.0.2.1", "::ffff:192.0.2.2"),
        email_addresses=("Ops@a.example",),
        dns_names=("b.example", "a.example"),
    )

    found = load(build_csr(wanted, key)).extensions.get_extension_for_class(x509.SubjectAlternativeName)

    assert found.value.public_bytes() == seq(
        tlv(0x82, b"b.example"),
        tlv(0x82, b"a.example"),
        tlv(0x81, b"Ops@a.example"),
        tlv(0x87, bytes.fromhex("20010db8000000000000000000000001")),
        tlv(0x87, bytes((192, 0, 2, 1))),
        tlv(0x87, bytes((192, 0, 2, 2))),
        tlv(0x86, b"spiffe://a/b"),
        tlv(0xA0, oid(UPN), tlv(0xA0, tlv(0x0C, "ü@a.example".encode()))),
    )


@pytest.mark.parametrize("name", ["rsa-2048", "p-384", "ed25519"])
def test_another_program_reads_the_same(spec: Spec, keys: dict[str, Key], name: str, tmp_path: Path) -> None:
    """`openssl` proves the signature and names what was asked for."""
    wanted = spec(
        common_name="shop.example",
        subject=X509Subject(organizations=("Example",), countries=("DE",)),
        dns_names=("shop.example",),
        email_addresses=("ops@shop.example",),
        ip_addresses=("192.0.2.1",),
        uris=("spiffe://shop/a",),
        other_names=(OtherName(UPN, "ops@shop.example"),),
        is_ca=True,
        usages=(KeyUsage.SERVER_AUTH, KeyUsage.DIGITAL_SIGNATURE),
        name_constraints=NameConstraints(
            critical=True,
            permitted=NameConstraintItem(dns_domains=("shop.example",), ip_ranges=("192.0.2.0/24",)),
            excluded=NameConstraintItem(email_addresses=("evil.example",), uri_domains=(".evil.example",)),
        ),
    )
    (tmp_path / "csr.pem").write_bytes(build_csr(wanted, keys[name]))

    read = program("openssl", "req", "-in", tmp_path / "csr.pem", "-noout", "-text", "-verify", "-nameopt", "RFC2253")

    lines = " ".join(read.split())
    assert "Subject: CN=shop.example,O=Example,C=DE" in lines
    assert (
        "X509v3 Subject Alternative Name: DNS:shop.example, email:ops@shop.example, IP Address:192.0.2.1, "
        "URI:spiffe://shop/a, othername: UPN:" in lines.replace("UPN::", "UPN:")
    )
    assert "X509v3 Key Usage: critical Digital Signature, Certificate Sign" in lines
    assert "X509v3 Extended Key Usage: TLS Web Server Authentication" in lines
    assert (
        "X509v3 Name Constraints: critical Permitted: DNS:shop.example IP:192.0.2.0/255.255.255.0 "
        "Excluded: email:evil.example URI:.evil.example" in lines
    )
    assert "Basic Constraints" not in lines


@pytest.mark.parametrize(
    ("name", "algorithm", "expected"),
    [
        ("rsa-2048", None, hashes.SHA256),
        ("rsa-3072", None, hashes.SHA384),
        ("rsa-4096", None, hashes.SHA512),
        ("rsa-4096", SignatureAlgorithm.SHA256_WITH_RSA, hashes.SHA256),
        ("rsa-2048", SignatureAlgorithm.SHA384_WITH_RSA, hashes.SHA384),
        ("rsa-2048", SignatureAlgorithm.SHA512_WITH_RSA, hashes.SHA512),
        ("p-256", None, hashes.SHA256),
        ("p-384", None, hashes.SHA384),
        ("p-521", None, hashes.SHA512),
        ("p-256", SignatureAlgorithm.ECDSA_WITH_SHA384, hashes.SHA384),
        ("p-256", SignatureAlgorithm.ECDSA_WITH_SHA512, hashes.SHA512),
        ("p-521", SignatureAlgorithm.ECDSA_WITH_SHA256, hashes.SHA256),
        ("ed25519", None, type(None)),
        ("ed25519", SignatureAlgorithm.PURE_ED25519, type(None)),
    ],
)
def test_the_hash_fits_the_key(
    keys: dict[str, Key], spec: Spec, name: str, algorithm: SignatureAlgorithm | None, expected: type
) -> None:
    """As strong as the key, unless the spec names one."""
    csr = load(build_csr(spec(dns_names=("a.example",), signature_algorithm=algorithm), keys[name]))

    assert isinstance(csr.signature_hash_algorithm, expected)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"dns_names": ("ok.example", "bücher.example")}, r"spec\.dnsNames\[1\]: bücher\.example"),
        ({"ip_addresses": ("192.0.2.300",)}, r"spec\.ipAddresses\[0\]: 192\.0\.2\.300"),
        ({"other_names": (OtherName("not an oid", "x"),)}, r"spec\.otherNames\[0\]"),
        ({"common_name": "x" * 65}, r"spec\.commonName"),
        ({"subject": X509Subject(countries=("Germany",))}, r"spec\.subject\.countries"),
        ({"literal_subject": "no name"}, r"spec\.literalSubject 'no name' is not an RFC 4514 name: DN ended"),
        ({"literal_subject": "CN=a,9.9=b"}, r"spec\.literalSubject 'CN=a,9\.9=b'"),
        ({"literal_subject": "cn=a"}, r"spec\.literalSubject 'cn=a'"),
        ({"literal_subject": "CN=\\ff"}, r"spec\.literalSubject"),
        ({"literal_subject": "CN=a+CN=a"}, r"spec\.literalSubject"),
        ({"usages": (KeyUsage.ENCIPHER_ONLY,), "common_name": "a"}, r"spec\.usages: .* without key agreement: add it"),
        (
            {"signature_algorithm": SignatureAlgorithm.SHA256_WITH_RSA, "common_name": "a"},
            r"does not fit the ECDSA private key",
        ),
        (
            {"signature_algorithm": SignatureAlgorithm.PURE_ED25519, "common_name": "a"},
            r"spec\.signatureAlgorithm PureEd25519 does not fit the ECDSA private key",
        ),
        (
            {
                "name_constraints": NameConstraints(permitted=NameConstraintItem(ip_ranges=("192.0.2.1/33",))),
                "common_name": "a",
            },
            r"spec\.nameConstraints: '192\.0\.2\.1/33' does not appear to be",
        ),
        ({}, "nothing is named: write one of spec.commonName, dnsNames"),
        ({"subject": X509Subject(organizations=("Example",))}, "nothing is named"),
        ({"literal_subject": "O=Example"}, "nothing is named"),
    ],
    ids=lambda value: next(iter(value), "nothing") if isinstance(value, dict) else "",
)
def test_a_spec_that_cannot_be_expressed_names_the_field(
    spec: Spec, key: Key, fields: dict[str, object], sentence: str
) -> None:
    """The sentence says which field is at fault and why."""
    with pytest.raises(UnusableSpec, match=sentence):
        build_csr(spec(**fields), key)


def _tampered(key: Key) -> bytes:
    builder = x509.CertificateSigningRequestBuilder(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "aa")]))
    der = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    return der.replace(b"aa", b"ab", 1)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "no PEM block"),
        (b"-----BEGIN X-----\n!-----END X-----", "no PEM block"),
        (b"-----BEGIN X-----\nabc-----END X-----", "not base64"),
        (b"-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----", "cannot read"),
        (b"\x30\x03\x02\x01\x01", "cannot read"),
        (b"x" * 36_501, "at most 36500 are allowed"),
        (b"\x30" * 36_501, "at most 36500 are allowed"),
    ],
)
def test_what_is_no_request_is_refused(data: bytes, sentence: str) -> None:
    """Every kind of rubbish has its sentence."""
    with pytest.raises(InvalidRequest, match=sentence):
        read_csr(data)


def test_a_request_with_a_foreign_signature_is_refused(key: Key) -> None:
    """Who cannot sign with the key does not hold it."""
    with pytest.raises(InvalidRequest, match="not by its own key"):
        read_csr(_tampered(key))


def test_an_old_device_may_sign_with_sha1() -> None:
    """Admission lets it pass, so it can be fulfilled as well."""
    device = rsa.generate_private_key(65537, 2048)
    spki = device.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    content = to_be_signed(key=spki)
    signature = device.sign(content, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - what old devices sign with

    request = read_csr(seq(content, seq(oid("1.2.840.113549.1.1.5"), NULL), bits(signature)))

    assert request.public_key == spki


def test_the_first_block_counts_whatever_its_label(spec: Spec, key: Key) -> None:
    """Go ignores the label and the text around; manifests rely on it."""
    pem = build_csr(spec(dns_names=("a.example",)), key).replace(b"CERTIFICATE REQUEST", b"ANYTHING")

    assert read_csr(b"before\n" + pem + b"after\n").names.dns_names == ("a.example",)


labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
dns_names = st.lists(labels, min_size=1, max_size=4).map(".".join)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(dns_names, unique=True, min_size=1, max_size=5),
    ips=st.lists(st.ip_addresses().map(str), unique=True, max_size=3),
    organizations=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)),
)
def test_any_names_survive(spec: Spec, key: Key, names: list[str], ips: list[str], organizations: list[str]) -> None:
    """Whatever a valid spec names, the request names, in the same order."""
    wanted = spec(
        dns_names=tuple(names), ip_addresses=tuple(ips), subject=X509Subject(organizations=tuple(organizations))
    )

    request = read_csr(build_csr(wanted, key))

    assert request.names.dns_names == tuple(names)
    assert request.names.ip_addresses == tuple(ips)
    assert set(request.subject.attributes.organizations) == set(organizations)


@given(st.text(max_size=400))
def test_utf8_strings_have_the_length_they_say(text: str) -> None:
    """Short and long lengths, X.690 §8.1.3."""
    der = utf8_der(text)
    octets = der[1] & 0x7F if der[1] & 0x80 else 0
    length = int.from_bytes(der[2 : 2 + octets], "big") if octets else der[1]

    assert der[2 + octets :].decode() == text
    assert length == len(text.encode())


@given(st.binary(max_size=300))
def test_rubbish_is_refused_and_nothing_else(data: bytes) -> None:
    """No bytes make the reader fail in another way."""
    with pytest.raises(InvalidRequest):
        read_csr(b"\x30" + data)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(to_be_signed(version=number(1)), id="another version"),
        pytest.param(to_be_signed(asking_for(extension("2.5.29.17", seq(tlv(0xA5))))), id="a name of an odd kind"),
        pytest.param(to_be_signed(asking_for(extension("1.3.6.1.5.5.7.1.24", seq(number(99))))), id="an odd feature"),
        pytest.param(to_be_signed(subject=seq(set_of(seq(oid("2.5.4.3"), bits(b"x"))))), id="a name in bits"),
    ],
)
def test_requests_that_go_reads_and_the_library_does_not(content: bytes) -> None:
    """Admission lets them pass, so they must have their sentence here."""
    assert read_request(signed(content)).signed == content
    with pytest.raises(InvalidRequest, match="cannot read certificate signing request"):
        read_csr(signed(content))
