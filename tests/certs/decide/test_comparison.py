from __future__ import annotations

from typing import Any

import msgspec
import pytest

from certs.api.certificate import KeyEncoding, KeyUsage, OtherName, PrivateKey, RotationPolicy, X509Subject
from certs.api.meta import IssuerReference
from certs.decide.comparison import changed_fields, loosely_differing, same_issuer
from certs.pki.csr import build_csr
from certs.pki.x509 import read_chain
from tests.certs.decide.objects import HOST, certificate, key, request, sign


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        pytest.param({}, {}, (), id="nothing"),
        pytest.param(
            {"dns_names": ("a.test", "b.test")}, {"dns_names": ("b.test", "a.test", "A.test")}, (), id="order and case"
        ),
        pytest.param({}, {"dns_names": ("a.test",)}, ("spec.dnsNames",), id="dnsNames"),
        pytest.param({}, {"ip_addresses": ("10.0.0.1",)}, ("spec.ipAddresses",), id="ipAddresses"),
        pytest.param(
            {"ip_addresses": ("2001:db8::1",)},
            {"ip_addresses": ("2001:0DB8:0::1",)},
            (),
            id="two spellings of an address",
        ),
        pytest.param(
            {"ip_addresses": ("192.0.2.1",)}, {"ip_addresses": ("::ffff:192.0.2.1",)}, (), id="IPv4 within IPv6"
        ),
        pytest.param({}, {"uris": ("spiffe://x/y",)}, ("spec.uris",), id="uris"),
        pytest.param({}, {"email_addresses": ("a@b.test",)}, ("spec.emailAddresses",), id="emailAddresses"),
        pytest.param(
            {}, {"other_names": (OtherName("1.3.6.1.4.1.311.20.2.3", "a@b"),)}, ("spec.otherNames",), id="otherNames"
        ),
        pytest.param(
            {"other_names": (OtherName("1.3.6.1.4.1.311.20.2.3", "a@b"),)}, {}, (), id="otherNames only if asked for"
        ),
        pytest.param({}, {"common_name": HOST}, ("spec.commonName",), id="commonName"),
        pytest.param(
            {"subject": X509Subject(organizations=("A",))},
            {"subject": X509Subject(organizations=("", "A", "A"), countries=("",))},
            (),
            id="empty and repeated values of the subject",
        ),
        pytest.param(
            {},
            {
                "subject": X509Subject(
                    organizations=("A",),
                    countries=("DE",),
                    organizational_units=("B",),
                    localities=("C",),
                    provinces=("D",),
                    street_addresses=("E",),
                    postal_codes=("F",),
                    serial_number="G",
                )
            },
            (
                "spec.subject.serialNumber",
                "spec.subject.organizations",
                "spec.subject.countries",
                "spec.subject.localities",
                "spec.subject.organizationalUnits",
                "spec.subject.postCodes",
                "spec.subject.provinces",
                "spec.subject.streetAddresses",
            ),
            id="subject",
        ),
        pytest.param({}, {"literal_subject": "CN=a,O=b"}, ("spec.literalSubject",), id="literalSubject"),
        pytest.param(
            {"literal_subject": "CN=a,2.5.4.10=b"}, {"literal_subject": "CN=a,O=b"}, (), id="two spellings of a subject"
        ),
        pytest.param({}, {"is_ca": True}, ("spec.isCA",), id="isCA"),
        pytest.param({}, {"usages": (KeyUsage.SERVER_AUTH,)}, ("spec.usages",), id="usages"),
        pytest.param(
            {},
            {"usages": (KeyUsage.KEY_ENCIPHERMENT, KeyUsage.DIGITAL_SIGNATURE)},
            (),
            id="usages that are the default",
        ),
        pytest.param({"duration": "1h"}, {"duration": "2h"}, ("spec.duration",), id="duration"),
        pytest.param({"duration": "1h"}, {"duration": "60m"}, (), id="two spellings of a duration"),
        pytest.param({}, {"duration": "2h"}, (), id="duration only if both have one"),
        pytest.param({}, {"issuer_ref": IssuerReference("other")}, ("spec.issuerRef",), id="issuerRef"),
        pytest.param({}, {"issuer_ref": IssuerReference("letsencrypt")}, (), id="issuerRef with defaults"),
        pytest.param(
            {},
            {
                "private_key": PrivateKey(rotation_policy=RotationPolicy.NEVER, encoding=KeyEncoding.PKCS8),
                "renew_before": "1h",
                "encode_usages_in_request": False,
            },
            (),
            id="what needs no new certificate",
        ),
    ],
)
def test_changed_fields(before: dict[str, Any], after: dict[str, Any], changed: tuple[str, ...]) -> None:
    """What has changed between the Certificate that a request was made of, and the Certificate now."""
    assert changed_fields(certificate(**after), request(certificate(**before))) == changed


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        pytest.param({"ip_addresses": ("10.0.0.256",)}, ("spec.ipAddresses",), id="address"),
        pytest.param({"literal_subject": "no subject"}, ("spec.literalSubject",), id="subject"),
    ],
)
def test_what_cannot_be_read_has_changed(fields: dict[str, Any], changed: tuple[str, ...]) -> None:
    """A spec that admission would refuse, but did not see, differs from every request that could be made."""
    assert changed_fields(certificate(**fields), request()) == changed


@pytest.mark.parametrize("asked", [("a while", "a while"), ("1h", "a while"), ("a while", "1h")])
def test_durations_that_cannot_be_read_are_compared_as_they_stand(asked: tuple[str, str]) -> None:
    """The same words are the same duration, other words are another."""
    now, then = asked

    changed = changed_fields(certificate(duration=now), request(certificate(duration=then)))

    assert changed == (() if now == then else ("spec.duration",))


def test_request_that_cannot_be_read_fits_nothing() -> None:
    """Its CSR is what differs."""
    broken = request()
    broken = msgspec.structs.replace(broken, spec=msgspec.structs.replace(broken.spec, request=b"garbage"))

    assert changed_fields(certificate(), broken) == ("spec.request",)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (IssuerReference("a"), IssuerReference("a", "Issuer", "cert-manager.io"), True),
        (IssuerReference("a"), IssuerReference("b"), False),
        (IssuerReference("a"), IssuerReference("a", "ClusterIssuer"), False),
        (IssuerReference("a"), IssuerReference("a", "Issuer", "example.org"), False),
    ],
    ids=["defaults", "name", "kind", "group"],
)
def test_references_to_issuers(one: IssuerReference, other: IssuerReference, *, same: bool) -> None:
    """Kind and group have defaults, the name has none."""
    assert same_issuer(one, other) is same


@pytest.mark.parametrize(
    ("before", "after", "differing"),
    [
        pytest.param({}, {}, (), id="nothing"),
        pytest.param({}, {"common_name": HOST}, (), id="the common name is one of the names"),
        pytest.param({"common_name": HOST}, {}, (), id="the stored common name is one of the names"),
        pytest.param({}, {"dns_names": ("a.test",)}, ("spec.dnsNames",), id="dnsNames"),
        pytest.param({}, {"ip_addresses": ("10.0.0.1",)}, ("spec.ipAddresses",), id="ipAddresses"),
        pytest.param({}, {"ip_addresses": ("no address",)}, ("spec.ipAddresses",), id="no address"),
        pytest.param(
            {"ip_addresses": ("192.0.2.1",)}, {"ip_addresses": ("::ffff:192.0.2.1",)}, (), id="IPv4 within IPv6"
        ),
        pytest.param({}, {"uris": ("spiffe://x/y",)}, ("spec.uris",), id="uris"),
        pytest.param({}, {"email_addresses": ("a@b.test",)}, ("spec.emailAddresses",), id="emailAddresses"),
        pytest.param({}, {"is_ca": True, "duration": "1h"}, (), id="what a certificate does not tell for sure"),
    ],
)
def test_loosely_differing(before: dict[str, Any], after: dict[str, Any], differing: tuple[str, ...]) -> None:
    """Without a request the names are compared with those of the certificate."""
    leaf = read_chain(sign(build_csr(certificate(**before).spec, key())))[0]

    assert loosely_differing(certificate(**after), leaf) == differing


def test_nothing_stored_nothing_to_compare() -> None:
    """That there is no certificate is another row of the chain."""
    assert loosely_differing(certificate(), None) == ()
