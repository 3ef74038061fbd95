"""Facts from objects at hand: which questions find which object."""

from __future__ import annotations

import msgspec

from certs.api.certificate import Certificate
from certs.api.core import Namespace, Secret, SecretMeta
from certs.api.ingress import Ingress
from certs.api.issuer import ClusterIssuer, Issuer
from certs.api.meta import IssuerReference, ObjectMeta
from certs.facts import OTHER_SECRET, TLS_SECRET
from certs.known import FactsOf


def ingress(name: str, *hosts: str, namespace: str = "team", secret: str = "", annotated: bool = True) -> Ingress:
    annotations = {"cert-manager.io/issuer": "le"} if annotated else {}
    tls = [{"secretName": secret, "hosts": hosts}] if secret else []
    obj = {
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations},
        "spec": {"rules": [{"host": host} for host in hosts], "tls": tls},
    }
    return msgspec.convert(obj, Ingress)


def certificate(name: str, secret: str) -> Certificate:
    obj = {"metadata": {"name": name, "namespace": "team"}, "spec": {"secretName": secret, "issuerRef": {"name": "le"}}}
    return msgspec.convert(obj, Certificate)


def test_a_cluster_issuer_is_known_in_every_namespace_and_an_issuer_in_its_own() -> None:
    cluster_wide = msgspec.convert({"metadata": {"name": "le"}, "spec": {}}, ClusterIssuer)
    local = msgspec.convert({"metadata": {"name": "le", "namespace": "team"}, "spec": {}}, Issuer)
    facts = FactsOf([cluster_wide, local])

    assert facts.issuer("other", IssuerReference("le", "ClusterIssuer")) is cluster_wide
    assert facts.issuer("team", IssuerReference("le")) is local
    assert facts.issuer("other", IssuerReference("le")) is None
    assert facts.issuer("team", IssuerReference("le", "Issuer", "example.com")) is None
    assert facts.issuer_names("team", "Issuer") == ("le",)
    assert facts.issuer_names("other", "Issuer") == ()
    assert facts.issuer_names("other", "ClusterIssuer") == ("le",)


def test_claims_come_in_the_order_given_and_hosts_in_one_form() -> None:
    first, second = ingress("b", "Shop.Example.com."), ingress("a", "shop.example.com", namespace="other")
    facts = FactsOf([first, second])

    assert [str(claim) for claim in facts.ingresses_of_host("shop.example.com")] == [
        "Ingress team/b",
        "Ingress other/a",
    ]


def test_an_annotated_ingress_claims_the_secret_that_it_will_be_given() -> None:
    facts = FactsOf([ingress("shop", "shop.example.com"), ingress("plain", "x.example.com", annotated=False)])

    assert [claim.name for claim in facts.ingresses_of_secret("team", "shop-tls")] == ["shop"]
    assert facts.ingresses_of_secret("team", "plain-tls") == ()


def test_an_ingress_without_annotation_claims_but_does_not_want() -> None:
    facts = FactsOf([ingress("plain", "x.example.com", secret="x", annotated=False)])

    assert [claim.is_wanted for claim in facts.ingresses_of_secret("team", "x")] == [False]


def test_the_route_of_a_challenge_claims_nothing() -> None:
    route = ingress("acme", "shop.example.com")
    labelled = msgspec.structs.replace(
        route, metadata=ObjectMeta("acme", namespace="team", labels={"acme.cert-manager.io/http01-solver": "true"})
    )

    assert FactsOf([labelled]).ingresses_of_host("shop.example.com") == ()


def test_certificates_secrets_and_namespaces_are_found() -> None:
    made = certificate("shop", "shop-tls")
    pair = Secret(SecretMeta("pair", namespace="team"), type="kubernetes.io/tls")
    other = Secret(SecretMeta("other", namespace="team"), type="Opaque")
    namespace = Namespace(ObjectMeta("team", annotations={"certshim.io/admission": "tls-missing=deny"}))
    facts = FactsOf([made, pair, other, namespace])

    assert facts.synced
    assert facts.certificate("team", "shop") is made
    assert facts.certificates_of_secret("team", "shop-tls") == [made]
    assert [facts.secret_type("team", name) for name in ("pair", "other", "none")] == [TLS_SECRET, OTHER_SECRET, None]
    assert facts.admission_of("team") == "tls-missing=deny"
    assert facts.admission_of("other") == ""
