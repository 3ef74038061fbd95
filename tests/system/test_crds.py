"""The CRDs on the real API server: accepted, complete, and shown as people know them.

The namespace opts out of validation and everything made here is deleted at the end,
so that objects made of filler words concern nobody else on the shared control plane.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from certs.api.crd import KINDS, Kind, definition_name
from tests.certs.api.filled import CASES, filled
from tests.cluster.cluster import Cluster, KubectlFailed
from tests.manifests import CRDS

pytestmark = pytest.mark.system

CASE_IDS = [f"{kind.resource.kind}-{variant}" for kind, variant in CASES]


def name_of(kind: Kind) -> str:
    return kind.resource.kind


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace on a cluster that has the CRDs."""
    cluster.kubectl("apply", "--server-side", "-f", str(CRDS))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(CRDS))
    name = f"crds-{uuid.uuid4().hex[:8]}"
    labels = {"cert-manager.io/disable-validation": "true"}
    create(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    yield name
    cluster.kubectl("delete", "clusterissuers", f"--selector=made-for={name}", "--wait=false")
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def create(cluster: Cluster, obj: dict[str, Any]) -> Any:
    """Create the object as it is, unknown fields being errors, and return what was stored."""
    return json.loads(
        cluster.kubectl("create", "--validate=strict", "-f", "-", "-o", "json", stdin=json.dumps(obj)),
    )


def named(kind: Kind, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return the object with a name of its own in the namespace."""
    metadata = {"name": f"it-{uuid.uuid4().hex[:8]}", "labels": {"made-for": namespace}}
    if kind.resource.namespaced:
        metadata["namespace"] = namespace
    resource = kind.resource
    return {"apiVersion": resource.api_version, "kind": resource.kind, **body, "metadata": metadata}


def small(kind: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Return an object of the kind with just that spec."""
    return named(next(one for one in KINDS if one.resource.kind == kind), namespace, {"spec": spec})


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
@pytest.mark.usefixtures("namespace")
def test_api_server_accepts_the_definition(cluster: Cluster, kind: Kind) -> None:
    """Established, names accepted, and the schema is structural: no other condition is there."""
    crd = json.loads(cluster.kubectl("get", "crd", definition_name(kind.resource), "-o", "json"))

    conditions = {one["type"]: one["status"] for one in crd["status"]["conditions"]}
    assert conditions == {"Established": "True", "NamesAccepted": "True"}


@pytest.mark.parametrize(("kind", "variant"), CASES, ids=CASE_IDS)
def test_every_field_is_stored(cluster: Cluster, namespace: str, kind: Kind, variant: int) -> None:
    """An object with every field filled comes back as it was sent: nothing is pruned, nothing is refused."""
    sent = named(kind, namespace, filled(kind, variant))
    created = create(cluster, sent)
    replaced = cluster.kubectl("replace", "--subresource=status", "-f", "-", "-o", "json", stdin=json.dumps(sent))
    got = json.loads(replaced)

    assert "status" not in created
    assert (got["spec"], got["status"]) == (sent["spec"], sent["status"])


@pytest.mark.parametrize(
    ("kind", "spec", "complaint"),
    [
        ("Issuer", {"venafi": {"zone": "z"}}, "exactly one of tpp, cloud, or ngts must be configured"),
        (
            "Issuer",
            {
                "venafi": {
                    "zone": "z",
                    "tpp": {"url": "https://tpp.example", "credentialsRef": {"name": "c"}},
                    "cloud": {"apiTokenSecretRef": {"name": "t"}},
                }
            },
            "exactly one of tpp, cloud, or ngts must be configured",
        ),
        ("Issuer", {"acme": {"server": "https://ca.example"}}, "spec.acme.privateKeySecretRef: Required value"),
        ("Certificate", {"secretName": "s"}, "spec.issuerRef: Required value"),
        (
            "Certificate",
            {"secretName": "s", "issuerRef": {"name": "i"}, "privateKey": {"algorithm": "DSA"}},
            'spec.privateKey.algorithm: Unsupported value: "DSA"',
        ),
        (
            "Certificate",
            {
                "secretName": "s",
                "issuerRef": {"name": "i"},
                "renewal": {"windows": [{"cron": "0 0 * * *", "windowDuration": "1 day"}]},
            },
            "spec.renewal.windows[0].windowDuration",
        ),
    ],
    ids=["venafi-none", "venafi-two", "acme-no-key", "no-issuer", "unknown-word", "pattern"],
)
def test_refuses(cluster: Cluster, namespace: str, kind: str, spec: dict[str, Any], complaint: str) -> None:
    """What the schema can see to be wrong is refused with the field's path, even where validation is off."""
    with pytest.raises(KubectlFailed) as refused:
        create(cluster, small(kind, namespace, spec))

    assert complaint in refused.value.stderr


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Certificate", {"secretName": "", "issuerRef": {"name": "", "kind": "", "group": ""}}),
        ("Certificate", {"secretName": "s", "issuerRef": {"name": "i"}, "commonName": "n" * 65}),
        ("Certificate", {"secretName": "s", "issuerRef": {"name": "i"}, "revisionHistoryLimit": 0}),
        (
            "Certificate",
            {
                "secretName": "s",
                "issuerRef": {"name": "i"},
                "additionalOutputFormats": [{"type": "DER"}, {"type": "DER"}],
                "dnsNames": ["a.example", "a.example"],
                "usages": ["server auth", "server auth"],
            },
        ),
        (
            "Issuer",
            {
                "acme": {
                    "server": "",
                    "privateKeySecretRef": {"name": ""},
                    "solvers": [{"http01": {"ingress": {"serviceType": "LoadBalancer"}}}, {"dns01": {}}],
                }
            },
        ),
    ],
    ids=["empty-words", "long-common-name", "no-history", "twice", "odd-solvers"],
)
def test_leaves_to_admission(cluster: Cluster, namespace: str, kind: str, spec: dict[str, Any]) -> None:
    """What is wrong in a value, or more than one thing at once, is the webhook's to tell (`test_crd_rules`)."""
    assert create(cluster, small(kind, namespace, spec))["metadata"]["uid"]


def test_api_server_fills_in_the_defaults(cluster: Cluster, namespace: str) -> None:
    """The few defaults of the schema stand in the stored issuer."""
    route = {"parentRefs": [{"name": "gateway"}], "podTemplate": {"spec": {"imagePullSecrets": [{}]}}}
    acme = {
        "server": "https://ca.example",
        "privateKeySecretRef": {"name": "k"},
        "solvers": [{"http01": {"gatewayHTTPRoute": route}}],
    }

    stored = create(cluster, small("Issuer", namespace, {"acme": acme}))["spec"]["acme"]

    assert stored["renewalInformationSource"] == "ARI"
    assert stored["solvers"][0]["http01"]["gatewayHTTPRoute"] == {
        "parentRefs": [{"name": "gateway", "group": "gateway.networking.k8s.io", "kind": "Gateway"}],
        "podTemplate": {"spec": {"imagePullSecrets": [{"name": ""}]}},
    }


HEADERS = {
    "Certificate": ("READY SECRET AGE", "READY SECRET ISSUER STATUS EXPIRATION AGE"),
    "CertificateRequest": (
        "APPROVED DENIED READY ISSUER REQUESTER AGE",
        "APPROVED DENIED READY ISSUER REQUESTER STATUS AGE",
    ),
    "Issuer": ("READY AGE", "READY STATUS AGE"),
    "ClusterIssuer": ("READY AGE", "READY STATUS AGE"),
    "Order": ("STATE AGE", "STATE ISSUER REASON AGE"),
    "Challenge": ("STATE DOMAIN AGE", "STATE DOMAIN REASON AGE"),
}


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
def test_kubectl_get_shows_the_columns(cluster: Cluster, namespace: str, kind: Kind) -> None:
    """The columns of `kubectl get`, and those that -o wide adds."""
    obj = named(kind, namespace, filled(kind))
    create(cluster, obj)
    get = ["get", definition_name(kind.resource), obj["metadata"]["name"], "--namespace", namespace]

    narrow, wide = (cluster.kubectl(*get, *more).splitlines()[0].split() for more in ([], ["-o", "wide"]))

    assert (" ".join(narrow), " ".join(wide)) == tuple(f"NAME {columns}" for columns in HEADERS[name_of(kind)])


def test_columns_show_the_ready_condition(cluster: Cluster, namespace: str) -> None:
    """Status and message of the condition Ready, among others, and the expiry as a time."""
    spec = {"secretName": "kuard-tls", "issuerRef": {"name": "letsencrypt"}}
    conditions = [
        {"type": "Issuing", "status": "False", "message": "not this"},
        {"type": "Ready", "status": "True", "message": "Up-to-date"},
    ]
    obj = small("Certificate", namespace, spec)
    create(cluster, obj)
    status = {"status": {"conditions": conditions, "notAfter": "2026-01-02T03:04:05Z"}}
    cluster.kubectl("replace", "--subresource=status", "-f", "-", stdin=json.dumps(obj | status))

    wide = cluster.kubectl("get", "cert", obj["metadata"]["name"], "--namespace", namespace, "-o", "wide")

    _, ready, secret, issuer, message, expiration, _ = wide.splitlines()[1].split()
    assert (ready, secret, issuer, message) == ("True", "kuard-tls", "letsencrypt", "Up-to-date")
    assert expiration == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("cert", "Certificate"),
        ("certs", "Certificate"),
        ("cr", "CertificateRequest"),
        ("crs", "CertificateRequest"),
        ("iss", "Issuer"),
        ("ciss", "ClusterIssuer"),
        ("orders", "Order"),
        ("challenge", "Challenge"),
    ],
)
def test_short_names(cluster: Cluster, namespace: str, word: str, kind: str) -> None:
    """Kubectl finds the kind by the words that people type."""
    of_kind = next(one for one in KINDS if one.resource.kind == kind)
    obj = named(of_kind, namespace, filled(of_kind))
    create(cluster, obj)

    found = cluster.kubectl("get", word, obj["metadata"]["name"], "--namespace", namespace, "-o", "name").strip()

    resource = of_kind.resource
    assert found == f"{resource.kind.lower()}.{resource.group}/{obj['metadata']['name']}"


@pytest.mark.parametrize(
    ("category", "kinds"),
    [
        ("cert-manager", {name_of(kind) for kind in KINDS}),
        ("cert-manager-acme", {"Order", "Challenge"}),
    ],
)
def test_categories(cluster: Cluster, namespace: str, category: str, kinds: set[str]) -> None:
    """One word lists all kinds, another those of ACME."""
    for kind in KINDS:
        create(cluster, named(kind, namespace, filled(kind)))

    listed = cluster.kubectl("get", category, "--namespace", namespace, "-o", "name").split()

    assert {name.split(".")[0] for name in listed} == {kind.lower() for kind in kinds}


@pytest.mark.parametrize("kind", ["Certificate", "CertificateRequest", "Order", "Challenge"])
def test_selectable_by_issuer(cluster: Cluster, namespace: str, kind: str) -> None:
    """All that belongs to one issuer can be listed without fetching the rest."""
    of_kind = next(one for one in KINDS if one.resource.kind == kind)
    obj = named(of_kind, namespace, filled(of_kind))
    obj["spec"]["issuerRef"] = {"name": "chosen", "kind": "ClusterIssuer", "group": "cert-manager.io"}
    create(cluster, obj)
    create(cluster, named(of_kind, namespace, filled(of_kind)))

    selector = "spec.issuerRef.name=chosen,spec.issuerRef.kind=ClusterIssuer,spec.issuerRef.group=cert-manager.io"
    get = ["get", definition_name(of_kind.resource), "--namespace", namespace, "--field-selector", selector]
    listed = json.loads(cluster.kubectl(*get, "-o", "json"))["items"]

    assert [one["metadata"]["name"] for one in listed] == [obj["metadata"]["name"]]


def test_explain_tells_what_a_field_is_for(cluster: Cluster, namespace: str) -> None:
    """`kubectl explain` shows our sentence and the words that are allowed."""
    text = cluster.kubectl("explain", "certificate.spec.privateKey.rotationPolicy", "--namespace", namespace)

    words = " ".join(text.split())
    assert "ENUM: Never Always" in words
    assert "every issuance makes a new key" in words
