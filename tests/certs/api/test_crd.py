"""The CustomResourceDefinitions, against what cert-manager's users know."""

from __future__ import annotations

from typing import Any

import pytest

from certs.api.certificate import Certificate
from certs.api.certificaterequest import CertificateRequest
from certs.api.challenge import Challenge
from certs.api.crd import KINDS, Kind, definition, object_schema
from certs.api.issuer import ClusterIssuer, Issuer
from certs.api.order import Order
from certs.api.schema import Schema


def spec_of(kind: Kind) -> Any:
    return definition(kind)["spec"]


def version_of(kind: Kind) -> Any:
    (version,) = spec_of(kind)["versions"]
    return version


@pytest.mark.parametrize(
    ("kind", "name", "short", "scope", "categories"),
    [
        (Certificate, "certificates.cert-manager.io", ["cert", "certs"], "Namespaced", ["cert-manager"]),
        (CertificateRequest, "certificaterequests.cert-manager.io", ["cr", "crs"], "Namespaced", ["cert-manager"]),
        (Issuer, "issuers.cert-manager.io", ["iss"], "Namespaced", ["cert-manager"]),
        (ClusterIssuer, "clusterissuers.cert-manager.io", ["ciss"], "Cluster", ["cert-manager"]),
        (Order, "orders.acme.cert-manager.io", None, "Namespaced", ["cert-manager", "cert-manager-acme"]),
        (Challenge, "challenges.acme.cert-manager.io", None, "Namespaced", ["cert-manager", "cert-manager-acme"]),
    ],
    ids=[kind.resource.kind for kind in KINDS],
)
def test_names(kind: Kind, name: str, short: list[str] | None, scope: str, categories: list[str]) -> None:
    """Kubectl finds each kind under the names that people type."""
    crd = definition(kind)

    assert crd["metadata"]["name"] == name
    assert crd["spec"]["scope"] == scope
    assert crd["spec"]["names"].get("shortNames") == short
    assert crd["spec"]["names"]["categories"] == categories


COLUMNS: dict[Kind, str] = {
    Certificate: "Ready Secret Issuer* Status* Expiration* Age",
    CertificateRequest: "Approved Denied Ready Issuer Requester Status* Age",
    Issuer: "Ready Status* Age",
    ClusterIssuer: "Ready Status* Age",
    Order: "State Issuer* Reason* Age",
    Challenge: "State Domain Reason* Age",
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.resource.kind)
def test_columns(kind: Kind) -> None:
    """`kubectl get` shows the columns that people know; those with a star only with -o wide."""
    columns = version_of(kind)["additionalPrinterColumns"]

    assert " ".join(one["name"] + "*" * one.get("priority", 0) for one in columns) == COLUMNS[kind]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.resource.kind)
def test_selectable_fields(kind: Kind) -> None:
    """What refers to an issuer can be selected by it."""
    paths = [one["jsonPath"] for one in version_of(kind).get("selectableFields", ())]

    by_issuer = [".spec.issuerRef.group", ".spec.issuerRef.kind", ".spec.issuerRef.name"]
    assert paths == ([] if kind in (Issuer, ClusterIssuer) else by_issuer)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.resource.kind)
def test_one_version_with_status(kind: Kind) -> None:
    """v1 is served and stored, status is a subresource, there is no scale and no conversion."""
    version = version_of(kind)

    assert (version["name"], version["served"], version["storage"]) == ("v1", True, True)
    assert version["subresources"] == {"status": {}}
    assert "conversion" not in spec_of(kind)


@pytest.mark.parametrize(
    ("kind", "path", "fields"),
    [
        ("Certificate", "spec", "issuerRef secretName"),
        ("Certificate", "spec.keystores.jks", "create"),
        ("Certificate", "spec.otherNames", ""),
        ("Certificate", "spec.privateKey", ""),
        ("Certificate", "spec.renewal.windows", "cron windowDuration"),
        ("Certificate", "status", ""),
        ("Certificate", "status.conditions", "status type"),
        ("CertificateRequest", "spec", "issuerRef request"),
        ("CertificateRequest", "status.conditions", "status type"),
        ("Order", "spec", "issuerRef request"),
        ("Order", "status.authorizations", "url"),
        ("Challenge", "spec", "authorizationURL dnsName issuerRef key solver token type url"),
        ("Challenge", "spec.issuerRef", "name"),
        ("Issuer", "spec", ""),
        ("Issuer", "spec.acme", "privateKeySecretRef server"),
        ("Issuer", "spec.acme.privateKeySecretRef", "name"),
        ("Issuer", "spec.acme.externalAccountBinding", "keyID keySecretRef"),
        ("Issuer", "spec.acme.solvers", ""),
        ("Issuer", "spec.acme.solvers.http01.ingress", ""),
        ("Issuer", "spec.acme.solvers.http01.gatewayHTTPRoute.parentRefs", "name"),
        ("Issuer", "spec.acme.solvers.dns01.acmeDNS", "accountSecretRef host"),
        (
            "Issuer",
            "spec.acme.solvers.dns01.akamai",
            "accessTokenSecretRef clientSecretSecretRef clientTokenSecretRef serviceConsumerDomain",
        ),
        ("Issuer", "spec.acme.solvers.dns01.azureDNS", "resourceGroupName subscriptionID"),
        ("Issuer", "spec.acme.solvers.dns01.cloudDNS", "project"),
        ("Issuer", "spec.acme.solvers.dns01.cloudflare", ""),
        ("Issuer", "spec.acme.solvers.dns01.digitalocean", "tokenSecretRef"),
        ("Issuer", "spec.acme.solvers.dns01.lexicon", "provider"),
        ("Issuer", "spec.acme.solvers.dns01.lexicon.secretRef", "name"),
        ("Issuer", "spec.acme.solvers.dns01.rfc2136", "nameserver"),
        ("Issuer", "spec.acme.solvers.dns01.route53", ""),
        ("Issuer", "spec.acme.solvers.dns01.route53.auth.kubernetes.serviceAccountRef", "name"),
        ("Issuer", "spec.acme.solvers.dns01.webhook", "groupName solverName"),
        ("Issuer", "spec.ca", "secretName"),
        ("Issuer", "spec.selfSigned", ""),
        ("Issuer", "spec.vault", "auth path server"),
        ("Issuer", "spec.vault.auth", ""),
        ("Issuer", "spec.vault.auth.appRole", "path roleId secretRef"),
        ("Issuer", "spec.vault.auth.clientCertificate", ""),
        ("Issuer", "spec.vault.auth.kubernetes", "role"),
        ("Issuer", "spec.vault.auth.aws", "role"),
        ("Issuer", "spec.venafi", "zone"),
        ("Issuer", "spec.venafi.tpp", "credentialsRef url"),
        ("Issuer", "spec.venafi.tpp.credentialsRef", "name"),
        ("Issuer", "spec.venafi.cloud", "apiTokenSecretRef"),
        ("Issuer", "spec.venafi.ngts", "credentialsRef tsgID"),
    ],
)
def test_required_fields(kind: str, path: str, fields: str) -> None:
    """Exactly these fields are required, so that nothing is refused that was accepted elsewhere."""
    assert sorted(at(kind, path).get("required", ())) == fields.split()


DEFAULTS = {
    "spec.acme.renewalInformationSource": "ARI",
    "spec.acme.solvers.http01.gatewayHTTPRoute.parentRefs.group": "gateway.networking.k8s.io",
    "spec.acme.solvers.http01.gatewayHTTPRoute.parentRefs.kind": "Gateway",
    "spec.acme.solvers.http01.ingress.podTemplate.spec.imagePullSecrets.name": "",
    "spec.acme.solvers.http01.gatewayHTTPRoute.podTemplate.spec.imagePullSecrets.name": "",
}


def test_defaults() -> None:
    """The API server writes these defaults into stored issuers, and no others."""
    assert defaults(object_schema(Issuer)) == DEFAULTS
    assert defaults(object_schema(Certificate)) == {}


def test_venafi_is_one_of_three() -> None:
    """The rule that cert-manager's own schema has."""
    (rule,) = at("Issuer", "spec.venafi")["x-kubernetes-validations"]

    assert rule["message"] == "exactly one of tpp, cloud, or ngts must be configured"


def test_solver_of_a_challenge_is_not_looked_at() -> None:
    """An Issuer's is, but cert-manager's webhook lets a Challenge have any."""
    assert "x-kubernetes-validations" in at("Issuer", "spec.acme.solvers")
    assert "x-kubernetes-validations" not in at("Challenge", "spec.solver")


@pytest.mark.parametrize("kind", [Certificate, CertificateRequest])
def test_what_is_missing_altogether_is_told_by_the_webhook(kind: Kind) -> None:
    """All that an object without a spec lacks is told at once, as with cert-manager."""
    assert "required" not in object_schema(kind)


@pytest.mark.parametrize("kind", ["Certificate", "CertificateRequest", "Issuer", "ClusterIssuer"])
def test_conditions_merge_by_type(kind: str) -> None:
    """Two controllers can each apply their own condition."""
    conditions = at(kind, "status")["properties"]["conditions"]

    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]


def test_definitions_are_always_the_same() -> None:
    """Two runs write the same, so that the check for stale files can compare text."""
    assert [repr(definition(kind)) for kind in KINDS] == [repr(definition(kind)) for kind in KINDS]


def at(kind: str, path: str) -> Schema:
    """Return the schema at the path; a list is passed through."""
    schema = object_schema(next(one for one in KINDS if one.resource.kind == kind))
    for name in path.split("."):
        schema = schema["properties"][name]
        schema = schema.get("items", schema)
    return schema


def defaults(schema: Schema, path: str = "") -> dict[str, object]:
    """Return all defaults by path."""
    found: dict[str, object] = {path: schema["default"]} if "default" in schema else {}
    for name, inner in schema.get("properties", {}).items():
        found |= defaults(inner.get("items", inner), f"{path}.{name}".lstrip("."))
    return found
