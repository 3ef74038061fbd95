"""What the webhook says of objects of certmanager.k8s.io/v1alpha1."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from certs.api.admission import AdmissionReview
from certs.judge import Judge
from certs.verdict import Verdict
from tests.webhook.reviews import review

GROUP = "certmanager.k8s.io"
BARE: dict[str, Any] = {"secretName": "x", "issuerRef": {"name": "le"}}
MEANS: dict[str, Any] = {
    "acme": {
        "server": "https://ca.example/dir",
        "privateKeySecretRef": {"name": "x"},
        "http01": {},
        "dns01": {"providers": [{"name": "x", "clouddns": {"project": "p"}}]},
    }
}


def judged(kind: str, spec: object, old: object = None, **more: Any) -> Verdict:
    plural = f"{kind.lower()}s"
    obj, before = ({"metadata": {"name": "x", "namespace": "team"}, "spec": one} for one in (spec, old))
    operation = "CREATE" if old is None else "UPDATE"
    body = review(plural, kind, obj, group=GROUP, operation=operation, old=None if old is None else before, **more)
    return Judge().validate(msgspec.json.decode(body, type=AdmissionReview).request)


@pytest.mark.parametrize("kind", ["Issuer", "ClusterIssuer"])
def test_several_means_are_refused_with_the_new_form(kind: str) -> None:
    """Whole, so that the names are all that is left to fill in."""
    verdict = judged(kind, MEANS)

    assert not verdict.allowed
    assert (
        'solvers: [{"selector":{"dnsZones":["ZONE"]},"dns01":{"cloudDNS":{"project":"p"}}},{"http01":{"ingress":{}}}]'
        in verdict.message
    )


@pytest.mark.parametrize(
    ("kind", "spec", "told"),
    [
        ("Certificate", BARE, "at least one of"),
        ("Certificate", {**BARE, "dnsNames": ["a.example.com"], "keySize": 7}, "privateKey.size"),
        ("Issuer", {}, "at least one issuer must be configured"),
        ("Issuer", {"ca": {"secretName": "x"}, "selfSigned": {}}, "may not specify more than one issuer type"),
    ],
    ids=["no names", "key size", "no type", "two types"],
)
def test_what_the_twin_would_be_refused_for_is_refused(kind: str, spec: object, told: str) -> None:
    """At the old object, since nobody applies the twin."""
    assert told in judged(kind, spec).message


def test_what_can_be_carried_over_passes() -> None:
    """As the tutorial has it."""
    assert judged("Certificate", {**BARE, "dnsNames": ["a.example.com"], "keyAlgorithm": "ecdsa"}).allowed
    assert judged("Issuer", {"acme": {**MEANS["acme"], "dns01": {}}}).allowed


def test_a_spec_that_stays_and_a_status_are_not_looked_at() -> None:
    """What was stored while nobody was asked can have its status written, and its labels changed."""
    assert judged("Issuer", MEANS, old=MEANS).allowed
    assert judged("Issuer", MEANS, old={}, subResource="status").allowed
    assert not judged("Issuer", MEANS, old={}).allowed


def test_a_field_of_another_type_is_a_malformed_request() -> None:
    """From somebody who posts reviews by hand."""
    assert judged("Issuer", {"acme": {"server": 7}}).code == 400
