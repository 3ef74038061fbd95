"""Whose CA goes where: annotations, sources that must not be used, and what becomes of the bundle that is there."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs.api.certificate import Certificate, CertificateSpec
from certs.api.core import Secret, SecretMeta
from certs.api.injectable import (
    FROM_APISERVER,
    FROM_CERTIFICATE,
    FROM_SECRET,
    APIService,
    APIServiceSpec,
    ClientConfig,
    Conversion,
    ConversionWebhook,
    CustomResourceDefinition,
    CustomResourceDefinitionSpec,
    Injectable,
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
    Webhook,
)
from certs.api.meta import IssuerReference, ObjectMeta
from certs.decide.injection import ALLOW_DIRECT, MOST, Asked, Inject, ObservedInjection, asked, decide, merged
from certs.decide.policies import CERTIFICATE_NAME
from certs.outcomes import DONE, WaitingForUser
from certs.pki import pem
from webhook.authority import make_authority

NOW = datetime.fromisoformat("2026-03-01T12:00:00Z")
META = ObjectMeta(name="theirs", resource_version="7")
CERTIFICATE = Certificate(
    metadata=ObjectMeta(name="serving", namespace="web"),
    spec=CertificateSpec(secret_name="serving-tls", issuer_ref=IssuerReference("ca")),
)
BY_CERTIFICATE = Asked(FROM_CERTIFICATE, certificate=("web", "serving"))
BY_SECRET = Asked(FROM_SECRET, secret=("web", "serving-tls"))


@cache
def ca(number: int = 0, *, made_at: datetime = NOW) -> bytes:
    """Return a CA's certificate (PEM); another for each number."""
    del number
    return pem_of(make_authority(made_at, b"").certificate)


def pem_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def ders(*certificates: bytes) -> tuple[bytes, ...]:
    return tuple(x509.load_pem_x509_certificate(one).public_bytes(Encoding.DER) for one in certificates)


def secret(bundle: bytes | None, **annotations: str) -> Secret:
    notes = {name.replace("_", "-"): value for name, value in annotations.items()}
    return Secret(
        SecretMeta(
            name="serving-tls", namespace="web", annotations={f"cert-manager.io/{k}": v for k, v in notes.items()}
        ),
        data={} if bundle is None else {"ca.crt": bundle},
    )


def then(annotation: str) -> str:
    """Return the key of before v0.11."""
    return annotation.replace("cert-manager.io/", "certmanager.k8s.io/")


EXPIRED = NOW - timedelta(days=3650)


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({}, None),
        ({FROM_CERTIFICATE: "web/serving"}, BY_CERTIFICATE),
        ({FROM_SECRET: "web/serving-tls"}, BY_SECRET),
        ({FROM_APISERVER: "true"}, Asked(FROM_APISERVER)),
        ({FROM_APISERVER: "false"}, None),
        ({FROM_APISERVER: "true", FROM_CERTIFICATE: "web/serving"}, BY_CERTIFICATE),
        ({FROM_APISERVER: "true", FROM_CERTIFICATE: "a/b", FROM_SECRET: "web/serving-tls"}, BY_SECRET),
        ({then(FROM_CERTIFICATE): "web/serving"}, replace(BY_CERTIFICATE, annotation=then(FROM_CERTIFICATE))),
        ({then(FROM_SECRET): "web/serving-tls"}, replace(BY_SECRET, annotation=then(FROM_SECRET))),
        ({then(FROM_APISERVER): "true"}, Asked(then(FROM_APISERVER))),
        ({then(FROM_CERTIFICATE): "a/b", FROM_CERTIFICATE: "web/serving"}, BY_CERTIFICATE),
        ({then(FROM_SECRET): "a/b", FROM_CERTIFICATE: "web/serving"}, BY_CERTIFICATE),
        ({then(FROM_SECRET): "a/b", FROM_APISERVER: "false"}, None),
    ],
)
def test_what_is_asked_for(annotations: dict[str, str], expected: Asked | None) -> None:
    """The Secret counts before the Certificate, and that before the API server's CA; keys of then where none is."""
    assert asked(ObjectMeta(annotations=annotations)) == expected


@pytest.mark.parametrize("value", ["", "serving", "/serving", "web/", "web/serving/x", "a/b/"])
@pytest.mark.parametrize("annotation", [FROM_SECRET, FROM_CERTIFICATE])
def test_a_reference_that_is_none(annotation: str, value: str) -> None:
    with pytest.raises(WaitingForUser, match=f"annotation {annotation} is '{value}'; write namespace/name"):
        asked(ObjectMeta(annotations={annotation: value}))


@pytest.mark.parametrize(
    ("request_", "certificate", "source", "apiserver_ca", "told"),
    [
        (BY_CERTIFICATE, None, None, b"", "Certificate web/serving is not there; create it"),
        (BY_CERTIFICATE, CERTIFICATE, None, b"", "Secret web/serving-tls is not there yet"),
        (BY_CERTIFICATE, CERTIFICATE, secret(b"x"), b"", "is not of this Certificate: its annotation"),
        (BY_CERTIFICATE, CERTIFICATE, secret(b"x", certificate_name="other"), b"", f"{CERTIFICATE_NAME} says 'other'"),
        (BY_CERTIFICATE, CERTIFICATE, secret(None, certificate_name="serving"), b"", "has no ca.crt"),
        (BY_SECRET, None, None, b"", "Secret web/serving-tls is not there yet"),
        (BY_SECRET, None, secret(b"x"), b"", f'annotate it with {ALLOW_DIRECT}: "true"'),
        (BY_SECRET, None, secret(b"x", allow_direct_injection="yes"), b"", "does not allow it"),
        (BY_SECRET, None, secret(b"x", allow_direct_injection="true"), b"", "no certificate that is valid now"),
        (BY_SECRET, None, secret(b"x" * 330_001, allow_direct_injection="true"), b"", "larger than 330000 bytes"),
        (Asked(FROM_APISERVER), None, None, b"", "name no CA of the API server"),
        (Asked(FROM_APISERVER), None, None, b"none", "the API server's CA has no certificate that is valid now"),
    ],
)
def test_what_is_wrong_with_a_source(
    request_: Asked, certificate: Certificate | None, source: Secret | None, apiserver_ca: bytes, told: str
) -> None:
    """One sentence names the annotation, the object and what to do; nothing is written."""
    observed = ObservedInjection(ValidatingWebhookConfiguration(META), request_, certificate, source, apiserver_ca)

    with pytest.raises(WaitingForUser) as caught:
        decide(observed, NOW)

    assert told in str(caught.value)
    assert str(caught.value).startswith(f"cannot fill in caBundle as {request_.annotation} asks: ")
    assert caught.value.reason == "CANotInjected"


@pytest.mark.parametrize(
    ("today", "of_then", "allows"),
    [(None, "true", True), (None, "false", False), ("false", "true", False), ("true", "false", True)],
)
def test_a_secret_that_allows_it_by_the_key_of_then(today: str | None, of_then: str, allows: bool) -> None:  # noqa: FBT001  a column
    """Today's key wins."""
    notes = {then(ALLOW_DIRECT): of_then} | ({} if today is None else {ALLOW_DIRECT: today})
    source = Secret(SecretMeta(name="serving-tls", namespace="web", annotations=notes), data={"ca.crt": ca()})
    observed = ObservedInjection(of_crd(b""), BY_SECRET, secret=source)

    if allows:
        assert isinstance(decide(observed, NOW), Inject)
    else:
        with pytest.raises(WaitingForUser, match="does not allow it"):
            decide(observed, NOW)


def test_an_expired_source_is_not_used() -> None:
    source = secret(ca(made_at=EXPIRED), allow_direct_injection="true")
    with pytest.raises(WaitingForUser, match="no certificate that is valid now; renew it"):
        decide(ObservedInjection(ValidatingWebhookConfiguration(META), BY_SECRET, secret=source), NOW)


def of_crd(bundle: bytes) -> CustomResourceDefinition:
    conversion = Conversion(ConversionWebhook(ClientConfig(bundle)))
    return CustomResourceDefinition(META, CustomResourceDefinitionSpec(conversion))


@pytest.mark.parametrize(
    ("target", "paths"),
    [
        (ValidatingWebhookConfiguration(META), ()),
        (
            ValidatingWebhookConfiguration(META, (Webhook("a"), Webhook("b"))),
            ("/webhooks/0/clientConfig/caBundle", "/webhooks/1/clientConfig/caBundle"),
        ),
        (
            MutatingWebhookConfiguration(META, (Webhook("a", ClientConfig(ca())), Webhook("b"))),
            ("/webhooks/1/clientConfig/caBundle",),
        ),
        (of_crd(b"\n"), ("/spec/conversion/webhook/clientConfig/caBundle",)),
        (CustomResourceDefinition(META), ()),
        (CustomResourceDefinition(META, CustomResourceDefinitionSpec(Conversion())), ()),
        (APIService(META, APIServiceSpec(service={"name": "x"})), ("/spec/caBundle",)),
        (APIService(META), ()),
    ],
    ids=["empty", "validating", "mutating", "crd", "crd-none", "crd-unconverted", "apiservice", "apiservice-local"],
)
def test_where_it_is_written(target: Injectable, paths: tuple[str, ...]) -> None:
    """Each field that differs is written, under the version that was read; none when nothing differs."""
    step = decide(ObservedInjection(target, Asked(FROM_APISERVER), apiserver_ca=ca()), NOW)

    if not paths:
        assert step == DONE
        return
    assert isinstance(step, Inject)
    assert [operation.path for operation in step.operations] == ["/metadata/resourceVersion", *paths]
    assert step.operations[0].value == "7"
    assert {base64.b64decode(str(operation.value)) for operation in step.operations[1:]} == {ca()}


@pytest.mark.parametrize(
    ("bundle", "expected"),
    [
        (b"", ca()),
        (b"\n", ca()),
        (b"no certificate", ca()),
        (ca(), None),
        (b"# a comment\n" + ca() + b"\n\n", None),
        (ca(1), ca(1) + ca()),
        (ca(1) + ca(), None),
        (ca() + ca(1), None),
        (ca() + ca(), ca()),
        (ca(9, made_at=EXPIRED) + ca(1), ca(1) + ca()),
        (ca(9, made_at=EXPIRED) + ca(), ca()),
    ],
    ids=[
        "empty",
        "newline",
        "junk",
        "same",
        "comment",
        "foreign",
        "both",
        "both-reversed",
        "twice",
        "expired",
        "expired-too",
    ],
)
def test_merging(bundle: bytes, expected: bytes | None) -> None:
    """What is there keeps its place, what is missing follows, duplicates and expired ones go."""
    assert merged(bundle, ders(ca()), NOW) == expected


def test_a_bundle_does_not_grow_for_ever() -> None:
    """The oldest make room, the wanted ones stay."""
    many = b"".join(ca(number) for number in range(1, MOST + 2))

    made = merged(many, ders(ca()), NOW)

    assert made is not None
    assert made.count(b"BEGIN") == MOST
    assert made.endswith(ca())
    assert ca(1) not in made
    assert merged(made, ders(ca()), NOW) is None


def test_merging_twice_is_merging_once() -> None:
    once = merged(ca(1), ders(ca(), ca(2)), NOW)

    assert once is not None
    assert merged(once, ders(ca(), ca(2)), NOW) is None
    assert merged(once, ders(ca(2)), NOW) is None


def test_no_data_of_a_secret_is_shown() -> None:
    """A traceback that shows what was observed shows no key."""
    whole = Secret(SecretMeta(name="x"), data={"tls.key": pem.encode("PRIVATE KEY", b"0"), "ca.crt": ca()})
    assert "PRIVATE" not in repr(ObservedInjection(ValidatingWebhookConfiguration(META), BY_SECRET, secret=whole))
