"""The plan of a dry run, in the words that kubectl shows."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from certs.api.admission import AdmissionRequest, AdmissionReview
from certs.api.certificate import Certificate
from certs.api.issuer import ClusterIssuer
from certs.api.meta import KubeObject
from certs.facts import Facts, NothingKnown
from certs.judge import Judge
from certs.known import FactsOf
from tests.webhook.reviews import certificate, ingress, review

SHOP = "shop.example.com"
ANNOTATED = {"cert-manager.io/cluster-issuer": "le"}
ACME = {
    "server": "https://acme.example.net/directory",
    "privateKeySecretRef": {"name": "key"},
    "solvers": [{"http01": {"ingress": {}}}, {"dns01": {"route53": {}}, "selector": {"dnsZones": ["example.org"]}}],
}
LE = msgspec.convert({"metadata": {"name": "le"}, "spec": {"acme": ACME}}, ClusterIssuer)
CA = msgspec.convert({"metadata": {"name": "le"}, "spec": {"ca": {"secretName": "x"}}}, ClusterIssuer)


def existing(name: str, *hosts: str, owner: str = "shop", **spec: Any) -> Certificate:
    owners = [{"apiVersion": "v1", "kind": "Ingress", "name": owner, "uid": "1", "controller": True}]
    obj = {
        "metadata": {"name": name, "namespace": "team", "ownerReferences": owners if owner else []},
        "spec": {
            "secretName": name,
            "issuerRef": {"name": "le", "kind": "ClusterIssuer", "group": "cert-manager.io"},
            "dnsNames": hosts,
            "usages": ["digital signature", "key encipherment"],
            **spec,
        },
    }
    return msgspec.convert(obj, Certificate)


def tls(secret: str, *hosts: str) -> dict[str, Any]:
    return {"secretName": secret, "hosts": hosts}


def lines(kind: str, obj: dict[str, Any], facts: Facts, old: dict[str, Any] | None = None) -> list[str]:
    group, plural = {
        "Ingress": ("networking.k8s.io", "ingresses"),
        "Certificate": ("cert-manager.io", "certificates"),
    }[kind]
    operation = "UPDATE" if old is not None else "CREATE"
    body = review(plural, kind, obj, group=group, operation=operation, old=old, dryRun=True)
    request: AdmissionRequest = msgspec.json.decode(body, type=AdmissionReview).request
    verdict = Judge(facts=facts).validate(request)
    assert verdict.allowed, verdict.message
    assert len(verdict.warnings) <= 8
    assert all(len(warning) <= 120 for warning in verdict.warnings)
    return [warning for warning in verdict.warnings if warning.startswith("plan: ")]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        pytest.param(
            [LE],
            f"Certificate and Secret shop-tls (new): {SHOP} by http-01 from ClusterIssuer le at acme.example.net",
            id="new",
        ),
        pytest.param(
            [LE, existing("shop-tls", SHOP)],
            f"Certificate and Secret shop-tls (unchanged): {SHOP} by http-01 from ClusterIssuer le at acme.example.net",
            id="unchanged",
        ),
        pytest.param(
            [CA, existing("shop-tls", "old.example.com")],
            f"Certificate and Secret shop-tls (re-issued: dnsNames): {SHOP} from ClusterIssuer le (ca)",
            id="another name",
        ),
        pytest.param(
            [CA, existing("shop-tls", SHOP, renewBefore="24h")],
            f"Certificate and Secret shop-tls (not re-issued: renewBefore): {SHOP} from ClusterIssuer le (ca)",
            id="a change that needs no certificate",
        ),
        pytest.param(
            [],
            f"Certificate and Secret shop-tls (new): {SHOP} from ClusterIssuer le (not there yet)",
            id="no issuer",
        ),
    ],
)
def test_a_certificate_is_told_in_one_line(known: list[KubeObject], expected: str) -> None:
    assert lines("Ingress", ingress(SHOP, annotations=ANNOTATED), FactsOf(known)) == [f"plan: {expected}"]


def test_what_the_cluster_does_not_tell_yet_is_left_out() -> None:
    told = lines("Ingress", ingress(SHOP, annotations=ANNOTATED), NothingKnown())

    assert told == [f"plan: Certificate and Secret shop-tls: {SHOP} from ClusterIssuer le"]


def test_many_names_are_counted_and_proofs_get_a_line_of_their_own() -> None:
    hosts = [f"a-rather-long-name-{i}.example.com" for i in range(9)]
    obj = ingress(*hosts, annotations=ANNOTATED, tls=[tls("x", *hosts, "*.example.org")])

    assert lines("Ingress", obj, FactsOf([LE])) == [
        "plan: Certificate and Secret x (new): 10 names from ClusterIssuer le at acme.example.net",
        "plan: x: 9 names by http-01; *.example.org by dns-01",
    ]


def test_many_certificates_are_counted() -> None:
    obj = ingress(SHOP, annotations=ANNOTATED, tls=[tls(f"x{i}", f"x{i}.example.com") for i in range(20)])

    told = lines("Ingress", obj, FactsOf([LE]))

    assert len(told) == 7
    assert told[-1].startswith("plan: and 14 more: x6, x7")


def test_a_certificate_that_is_asked_for_no_more_is_deleted() -> None:
    old = ingress(SHOP, annotations=ANNOTATED, tls=[tls("old-tls", SHOP)])
    new = ingress(SHOP, annotations=ANNOTATED, tls=[tls("new-tls", SHOP)])

    told = lines("Ingress", new, FactsOf([CA, existing("old-tls", SHOP)]), old)

    assert told[1:] == ["plan: Certificate old-tls is deleted; its Secret stays"]


@pytest.mark.parametrize(
    ("annotations", "hosts", "expected"),
    [
        ({}, [SHOP], "asks for no certificate; to have one, annotate it with cert-manager.io/cluster-issuer"),
        (ANNOTATED, [""], "no certificate, since there is no host to make one for"),
    ],
    ids=["not annotated", "no host"],
)
def test_nothing_is_told_too(annotations: dict[str, str], hosts: list[str], expected: str) -> None:
    entries = [] if annotations else [tls("x", SHOP)]

    assert lines("Ingress", ingress(*hosts, annotations=annotations, tls=entries), FactsOf([])) == [f"plan: {expected}"]


@pytest.mark.parametrize(
    ("old", "new", "state"),
    [
        (None, {}, "new"),
        ({}, {}, "unchanged"),
        ({}, {"dnsNames": ["SHOP.example.com"]}, "not re-issued: dnsNames"),
        ({}, {"privateKey": {"algorithm": "ECDSA"}}, "re-issued: privateKey"),
        ({}, {"privateKey": {"rotationPolicy": "Never"}}, "not re-issued: privateKey"),
        ({"duration": "60m"}, {"duration": "1h"}, "not re-issued: duration"),
        ({}, {"subject": {"organizations": ["Example"]}}, "re-issued: subject"),
    ],
)
def test_what_becomes_of_a_certificate(old: dict[str, Any] | None, new: dict[str, Any], state: str) -> None:
    before = certificate(**old) if old is not None else None

    told = lines("Certificate", certificate(**new), NothingKnown(), before)

    assert told[0].startswith(f"plan: Certificate shop, Secret shop-tls ({state}): ")


def test_a_real_request_is_not_answered_with_a_plan() -> None:
    body = review("ingresses", "Ingress", ingress(SHOP, annotations=ANNOTATED), group="networking.k8s.io")

    verdict = Judge(facts=FactsOf([LE])).validate(msgspec.json.decode(body, type=AdmissionReview).request)

    assert verdict.warnings == ()
