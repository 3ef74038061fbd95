"""The rules in the CRDs on the real API server, where no webhook is asked.

They hold, they say what the webhook says, they cost little, and what the webhook accepts passes them.  The namespace
opts out of validation.  Issuers stand for ClusterIssuers, too, whose schema is the same.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from certs.api.crd import KINDS, VALIDATIONS, Kind, definition
from tests.certs.test_judge import verdict_of
from tests.cluster.cluster import Cluster, KubectlFailed
from tests.manifests import CRDS

pytestmark = pytest.mark.system

CASES: Final = Path(__file__).parents[1] / "cases" / "admission"
PLURALS: Final = {kind.resource.kind: f"{kind.resource.plural}.{kind.resource.group}" for kind in KINDS}
REF: Final = {"name": "token", "key": "token"}
SOLVER: Final = "spec.acme.solvers[0]"
AUTH: Final = "spec.vault.auth"


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace without validation, on a cluster that has the CRDs."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(CRDS))
    name = f"rules-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    cluster.kubectl("label", "namespace", name, "cert-manager.io/disable-validation=true")
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def named(obj: dict[str, Any], namespace: str, name: str = "") -> dict[str, Any]:
    """Return the object as the API server takes it."""
    (kind,) = (kind for kind in KINDS if kind.resource.kind == obj["kind"])
    metadata = {**obj.get("metadata", {}), "name": name or f"it-{uuid.uuid4().hex[:8]}", "namespace": namespace}
    return {"apiVersion": kind.resource.api_version, **obj, "metadata": metadata}


def solved(solver: dict[str, Any]) -> dict[str, Any]:
    acme = {"server": "https://ca.example", "privateKeySecretRef": {"name": "account"}, "solvers": [solver]}
    return {"kind": "Issuer", "spec": {"acme": acme}}


def vaulted(auth: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "Issuer", "spec": {"vault": {"server": "https://vault.example", "path": "sign", "auth": auth}}}


def certified(**spec: object) -> dict[str, Any]:
    return {
        "kind": "Certificate",
        "spec": {"secretName": "tls", "dnsNames": ["a.example"], "issuerRef": {"name": "ca"}, **spec},
    }


# An object that breaks a rule, and what is said of it.
BROKEN: Final[list[tuple[dict[str, Any], str]]] = [
    ({"kind": "Issuer", "spec": {}}, "spec: Required value: at least one issuer must be configured"),
    *(
        (
            {"kind": "Issuer", "spec": {"acme": solved({})["spec"]["acme"], kind: config}},
            f"spec.{kind}: Forbidden: may not specify more than one issuer type",
        )
        for kind, config in {
            "ca": {"secretName": "ca"},
            "selfSigned": {},
            "vault": {"server": "s", "path": "p", "auth": {"tokenSecretRef": {"name": "t"}}},
            "venafi": {"zone": "z", "cloud": {"apiTokenSecretRef": {"name": "t"}}},
        }.items()
    ),
    (solved({}), f"{SOLVER}: Required value: no solver type configured"),
    (
        solved({"http01": {"ingress": {}}, "dns01": {"route53": {}}}),
        f"{SOLVER}: Forbidden: may not specify more than one solver type in a single solver",
    ),
    (solved({"http01": {}}), f"{SOLVER}.http01: Required value: no HTTP01 solver type configured"),
    (
        solved({"http01": {"ingress": {}, "gatewayHTTPRoute": {}}}),
        f"{SOLVER}.http01: Required value: only 1 HTTP01 solver type may be configured",
    ),
    (
        solved({"http01": {"ingress": {"class": "", "ingressClassName": "nginx"}}}),
        f"{SOLVER}.http01.ingress: Forbidden: only one of 'ingressClassName', 'name' or 'class' should be specified",
    ),
    (
        solved({"dns01": {"cloudflare": {}}}),
        f"{SOLVER}.dns01.cloudflare: Required value: apiKeySecretRef or apiTokenSecretRef is required",
    ),
    (
        solved({"dns01": {"cloudflare": {"email": "me", "apiKeySecretRef": REF, "apiTokenSecretRef": REF}}}),
        f"{SOLVER}.dns01.cloudflare: Forbidden: apiKeySecretRef and apiTokenSecretRef cannot both be specified",
    ),
    (
        vaulted({}),
        f"{AUTH}: Required value: please supply one of: appRole, kubernetes, tokenSecretRef, clientCertificate, aws",
    ),
    (
        vaulted({"kubernetes": {"role": "r", "secretRef": {"name": ""}}}),
        f"{AUTH}.kubernetes: Required value: please supply one of: secretRef, serviceAccountRef",
    ),
    (
        vaulted({"kubernetes": {"role": "r", "secretRef": REF, "serviceAccountRef": {"name": "sa"}}}),
        f"{AUTH}.kubernetes: Forbidden: please supply one of: secretRef, serviceAccountRef",
    ),
    (
        {
            "kind": "Issuer",
            "spec": {
                "venafi": {
                    "zone": "z",
                    "tpp": {
                        "url": "u",
                        "credentialsRef": {"name": "c"},
                        "caBundle": "eA==",
                        "caBundleSecretRef": REF,
                    },
                }
            },
        },
        "spec.venafi.tpp: Forbidden: may not specify more than one of caBundle/caBundleSecretRef as TPP CA Bundle",
    ),
    *(
        (certified(keystores={field: {"create": False, **passwords}}), f"spec.keystores.{field}: Forbidden: {text}")
        for field, name in {"jks": "JKS", "pkcs12": "PKCS#12"}.items()
        for passwords, text in (
            ({}, f"must set exactly one of passwordSecretRef and password must for {name} keystores"),
            (
                {"password": "x", "passwordSecretRef": REF},
                f"exactly one of passwordSecretRef and password must be provided for {name} keystores; cannot set both",
            ),
        )
    ),
    (
        certified(renewal={"policy": "Disabled", "windows": [{"cron": "0 0 * * *", "windowDuration": "1h"}]}),
        "spec.renewal.windows: Forbidden: windows cannot be set when `renewal.policy` is set to Disabled",
    ),
]

REQUEST: Final = {"kind": "CertificateRequest", "spec": {"request": "eA==", "issuerRef": {"name": "ca"}}}
ORDER: Final = {"kind": "Order", "spec": {"request": "eA==", "issuerRef": {"name": "ca"}}}
CHALLENGE: Final = {
    "kind": "Challenge",
    "spec": {
        "url": "u",
        "authorizationURL": "a",
        "dnsName": "d",
        "type": "HTTP-01",
        "token": "t",
        "key": "k",
        "solver": {},
        "issuerRef": {"name": "ca"},
    },
}
APPROVED: Final = {"type": "Approved", "status": "True"}
DENIED: Final = {"type": "Denied", "status": "True"}


def changed(obj: dict[str, Any], **spec: object) -> dict[str, Any]:
    return {**obj, "spec": {**obj["spec"], **spec}}


def conditioned(*conditions: dict[str, str]) -> dict[str, Any]:
    return {**REQUEST, "status": {"conditions": list(conditions)}}


# An object, what it may not become, and what is said of that.
FROZEN: Final[list[tuple[dict[str, Any], dict[str, Any], str]]] = [
    (REQUEST, changed(REQUEST, request="eQ=="), "spec: Forbidden: cannot change spec after creation"),
    (REQUEST, changed(REQUEST, issuerRef={"name": "x"}), "spec: Forbidden: cannot change spec after creation"),
    (
        conditioned(APPROVED),
        conditioned(),
        "status.conditions: Forbidden: 'Approved' condition may not be modified once set",
    ),
    (
        conditioned(DENIED),
        conditioned({**DENIED, "type": "Ready"}),
        "status.conditions: Forbidden: 'Denied' condition may not be modified once set",
    ),
    (
        conditioned(APPROVED),
        conditioned(APPROVED, DENIED),
        "status.conditions: Forbidden: both 'Denied' and 'Approved' conditions cannot coexist",
    ),
    (ORDER, changed(ORDER, request="eQ=="), "spec.request: Forbidden: field is immutable once set"),
    *(
        (
            {**ORDER, "status": {field: "eA=="}},
            {**ORDER, "status": status},
            f"status.{field}: Forbidden: field is immutable once set",
        )
        for field in ("url", "finalizeURL", "certificate")
        for status in ({field: "eQ=="}, {"state": "pending"})
    ),
    *(
        (CHALLENGE, changed(CHALLENGE, **{field: value}), "spec: Forbidden: challenge spec is immutable after creation")
        for field, value in {
            "url": "x",
            "authorizationURL": "x",
            "dnsName": "x",
            "type": "DNS-01",
            "token": "x",
            "key": "x",
            "issuerRef": {"name": "x"},
        }.items()
    ),
]

# What may become of an object: to the webhook both are the same, or the field was not set before.
THAWED: Final[list[tuple[dict[str, Any], dict[str, Any]]]] = [
    (changed(REQUEST, duration="60m"), changed(REQUEST, duration="1h")),
    (REQUEST, changed(REQUEST, isCA=False, issuerRef={"name": "ca", "kind": ""})),
    (conditioned({**APPROVED, "type": "Ready"}), conditioned(APPROVED)),
    (conditioned(APPROVED), conditioned({**APPROVED, "type": "Ready"}, APPROVED)),
    ({**ORDER, "status": {"state": "pending"}}, {**ORDER, "status": {"url": "u", "finalizeURL": "f"}}),
    ({**ORDER, "status": {"url": ""}}, {**ORDER, "status": {"url": "u", "certificate": "eA=="}}),
    (changed(ORDER, duration="1h"), changed(ORDER, duration="2h", issuerRef={"name": "x"})),
    (CHALLENGE, changed(CHALLENGE, wildcard=False)),
]


def test_each_rule_is_broken_here() -> None:
    """No rule of the CRDs is without its example."""
    said = " ".join((*(text for _, text in BROKEN), *(text for _, _, text in FROZEN)))

    for rule in (rule for places in VALIDATIONS.values() for rules in places.values() for rule in rules):
        assert rule.message in said


@pytest.mark.parametrize(("obj", "text"), BROKEN, ids=[text for _, text in BROKEN])
def test_refuses(cluster: Cluster, namespace: str, obj: dict[str, Any], text: str) -> None:
    """The API server refuses it alone, in the words of the webhook and with its path."""
    with pytest.raises(KubectlFailed) as refused:
        cluster.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(named(obj, namespace)))

    assert text in refused.value.stderr
    assert text in verdict_of({"object": named(obj, namespace)}).message


@pytest.mark.parametrize(("old", "new", "text"), FROZEN)
def test_refuses_change(cluster: Cluster, namespace: str, old: dict[str, Any], new: dict[str, Any], text: str) -> None:
    """What is set once stays, in the spec and in the status."""
    name = stored(cluster, namespace, old)

    with pytest.raises(KubectlFailed) as refused:
        replace(cluster, named(new, namespace, name))

    assert text in refused.value.stderr
    assert text in verdict_of({"object": named(new, namespace, name), "old": named(old, namespace, name)}).message


@pytest.mark.parametrize(("old", "new"), THAWED)
def test_leaves_alone_what_is_no_change(
    cluster: Cluster, namespace: str, old: dict[str, Any], new: dict[str, Any]
) -> None:
    """What the webhook lets pass is stored."""
    name = stored(cluster, namespace, old)

    replace(cluster, named(new, namespace, name))

    verdict = verdict_of({"object": named(new, namespace, name), "old": named(old, namespace, name)})
    assert verdict.allowed, verdict.message


def stored(cluster: Cluster, namespace: str, obj: dict[str, Any]) -> str:
    """Store the object with its status, and return its name."""
    made = named(obj, namespace)
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(made))
    if "status" in made:
        replace(cluster, made)
    return str(made["metadata"]["name"])


def replace(cluster: Cluster, obj: dict[str, Any]) -> None:
    """Put the object, or its status if it has one, in the place of what is stored."""
    what = ["--subresource=status"] if "status" in obj else []
    cluster.kubectl("replace", *what, "-f", "-", stdin=json.dumps(obj))


def accepted() -> list[tuple[str, dict[str, Any]]]:
    """Return the objects of our kinds that the webhook accepts, by case."""
    return [
        (f"{path.stem}: {case['case']}", case["object"])
        for path in sorted(CASES.glob("*.yaml"))
        for case in yaml.safe_load(path.read_text())
        if case["object"]["kind"] in PLURALS and not (case.get("denied") or case.get("message"))
    ]


# Cases that only a webhook sees, since the schema refuses them before it is asked.  cert-manager's schema does, too: a
# case that is added here must have been tried on that.
UNSEEN: Final[dict[str, str]] = {
    "immutable: challenge, a new one of anything": 'spec.type: Unsupported value: "NONSENSE-01"',
    "immutable: challenge, a wait written otherwise is the same wait": "spec.authorizationURL: Required value",
    "immutable: challenge, keys in another order and unknown fields": 'unknown field "spec.unknown"',
    "immutable: challenge, only metadata changes": "spec.authorizationURL: Required value",
    "immutable: order, state and reason may change, and the rest of the spec": "spec.issuerRef: Required value",
    "immutable: order, the first that is said is set": "spec.issuerRef: Required value",
    "issuer-acme: a CA bundle without PEM headers": "spec.acme.caBundle in body must be of type byte",
    "issuer-dns01: no strategy for CNAMEs": 'spec.acme.solvers[0].dns01.cnameStrategy: Unsupported value: ""',
    "issuer-http01: a parent with a name has a kind": "parentRefs[0].name in body should be at least 1 chars long",
    "issuer-vault: a client key has a certificate": "spec.vault.caBundle in body must be of type byte",
    "request: a generation that was observed is none of the approval's words": "spec.issuerRef: Required value",
    "request: an update of the status of what breaks every rule": "spec.issuerRef.name: Required value",
    "request: an update that changes nothing is not judged anew": "spec.usages[0]: Unsupported value",
    "request: approved": "spec.issuerRef: Required value",
    "request: null is absent, and so is an empty reference": "spec.issuerRef: Required value",
    "request: of two old approvals the first counts": "spec.issuerRef: Required value",
}


def test_accepts_what_the_webhook_accepts(cluster: Cluster, namespace: str) -> None:
    """Every accepted case of the corpus passes the CRDs, but for those that cert-manager's schema refuses, too."""
    cases = accepted()

    answers = {case: answer(cluster, named(as_issuer(obj), namespace)) for case, obj in cases}

    assert len(answers) > 100  # so that the corpus was really found
    assert {case: text for case, text in answers.items() if text and case not in UNSEEN} == {}
    assert [case for case, text in UNSEEN.items() if text not in answers[case]] == []


def as_issuer(obj: dict[str, Any]) -> dict[str, Any]:
    return {**obj, "kind": "Issuer"} if obj["kind"] == "ClusterIssuer" else obj


def answer(cluster: Cluster, obj: dict[str, Any]) -> str:
    """Return why the API server would not store it; nothing when it would."""
    try:
        cluster.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(obj))
    except KubectlFailed as refused:
        return refused.stderr
    return ""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.resource.kind)
@pytest.mark.usefixtures("namespace")
def test_costs_less_than_half_of_what_is_allowed(cluster: Cluster, kind: Kind) -> None:
    """With each rule there twice, the API server still takes the CRD."""
    doubled = definition(kind)
    for rule in rules_of(doubled):
        rule["rule"] = f"({rule['rule']}) && ({rule['rule']})"

    cluster.kubectl(
        "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-", stdin=json.dumps(doubled)
    )

    assert list(rules_of(doubled))


def rules_of(schema: Any) -> Iterator[dict[str, str]]:
    """Yield the rules that stand anywhere in a CRD."""
    if isinstance(schema, dict):
        yield from schema.get("x-kubernetes-validations", ())
        for member in schema.values():
            yield from rules_of(member)
    elif isinstance(schema, list):
        for member in schema:
            yield from rules_of(member)
