"""What `certshim adopt` says of an installation, finding by finding."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from shim.adopt.findings import Finding, Level, arguments, find
from shim.adopt.seen import Seen, is_theirs
from shim.adopt.switching import held_by

KNOWN = frozenset(("default-issuer-name", "cluster-resource-namespace"))
Tree = dict[str, Any]


def deployment(component: str = "controller", *args: str, replicas: int = 1, version: str = "v1.21.1") -> Tree:
    name = "cert-manager" if component == "controller" else component
    labels = {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/version": version,
    }
    container = {
        "name": f"cert-manager-{component}",
        "image": f"quay.io/jetstack/cert-manager-{component}",
        "args": list(args),
    }
    template = {"spec": {"containers": [container]}}
    spec = {"replicas": replicas, "template": template}
    return {"metadata": {"name": name, "namespace": "cert-manager", "labels": labels}, "spec": spec}


def issuer(kind: str, namespace: str = "web") -> Tree:
    metadata = {"name": "one"} | ({"namespace": namespace} if namespace else {})
    return {"metadata": metadata, "spec": {kind: {}}}


def gateway(**annotations: str) -> Tree:
    notes = {f"cert-manager.io/{name.replace('_', '-')}": value for name, value in annotations.items()}
    return {"metadata": {"name": "front", "namespace": "web", "annotations": notes}}


def signing(signer: str, **status: str) -> Tree:
    return {"metadata": {"name": "csr"}, "spec": {"signerName": signer}, "status": status}


def worst(seen: Seen) -> list[Finding]:
    return [one for one in find(seen, KNOWN) if one.level is not Level.INFO]


@pytest.mark.parametrize(
    ("seen", "level", "words"),
    [
        (Seen(theirs=(deployment(version="v0.16.0"),)), Level.BLOCKING, "v0.16.0 stores objects"),
        (Seen(issuers=(issuer("vault"),)), Level.BLOCKING, "Issuer web/one: it is of type vault"),
        (Seen(issuers=(issuer("venafi", ""),)), Level.BLOCKING, "ClusterIssuer one: it is of type venafi"),
        (Seen(signing_requests=(signing("issuers.cert-manager.io/web.one"),)), Level.BLOCKING, "signing requests"),
        (Seen(gateways=(gateway(issuer="one"),)), Level.BLOCKING, "Gateway web/front"),
        (Seen(theirs=(deployment("controller", "--feature-gates=A=true"),)), Level.WARNING, "no feature gates"),
        (Seen(theirs=(deployment("controller", "--config=/x"),)), Level.WARNING, "reads no configuration file"),
        (Seen(theirs=(deployment("controller", "--enable-gateway-api"),)), Level.WARNING, "Gateways get no"),
        (Seen(theirs=(deployment("controller", "--strange=1"),)), Level.WARNING, "--strange=1 has no counterpart"),
        (
            Seen(crds=frozenset(("certificaterequestpolicies.policy.cert-manager.io",))),
            Level.WARNING,
            "approver-policy",
        ),
    ],
)
def test_what_somebody_must_look_at(seen: Seen, level: Level, words: str) -> None:
    (finding,) = worst(seen)

    assert finding.level is level
    assert words in f"{finding.object}: {finding.sentence}"


@pytest.mark.parametrize(
    "seen",
    [
        Seen(),
        Seen(theirs=(deployment(), deployment("webhook", "--secure-port=10250"), deployment("cainjector"))),
        Seen(theirs=(deployment("controller", "--v=2", "--default-issuer-name=le"),)),
        Seen(issuers=(issuer("acme"), issuer("ca"), issuer("selfSigned", ""))),
        Seen(gateways=(gateway(),)),
        Seen(signing_requests=(signing("kubernetes.io/kubelet-serving"),)),
        Seen(signing_requests=(signing("issuers.cert-manager.io/web.one", certificate="x"),)),
        Seen(crds=frozenset(("bundles.trust.cert-manager.io",)), csi_drivers=frozenset(("csi.cert-manager.io",))),
    ],
)
def test_what_nobody_must_look_at(seen: Seen) -> None:
    assert worst(seen) == []


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        ("orders", {"state": "pending", "url": "https://ca.test/1"}, "pending; is taken up where it stands"),
        ("orders", {}, "new; is begun anew"),
        ("orders", {"state": "valid"}, ""),
        ("challenges", {"state": "pending"}, "taken up"),
        ("challenges", {"state": "invalid"}, ""),
    ],
)
def test_what_is_under_way(kind: str, status: Tree, words: str) -> None:
    one = {"metadata": {"name": "x", "namespace": "web"}, "status": status}
    orders = (one,) if kind == "orders" else ()
    challenges = (one,) if kind == "challenges" else ()
    found = [row for row in find(Seen(orders=orders, challenges=challenges), KNOWN) if " web/x" in row.object]

    assert bool(found) == bool(words)
    assert all(words in row.sentence for row in found)


def test_whose_deployment_it_is() -> None:
    """By the chart's labels and an image: not by a name that anybody may choose."""
    stranger = deployment()
    stranger["spec"]["template"]["spec"]["containers"] = [{"name": "x", "image": "x"}]

    assert is_theirs(deployment())
    assert is_theirs(deployment("cainjector"))
    assert not is_theirs(stranger)
    assert not is_theirs({"metadata": {"name": "certshim-shim"}, "spec": {}})


def test_flags_of_a_deployment() -> None:
    assert arguments(deployment("controller", "--a=b=c", "--d", "word", "--e")) == {
        "a": "b=c",
        "d": "word",
        "e": "true",
    }


@pytest.mark.parametrize(
    ("spec", "holder"),
    [
        ({}, ""),
        ({"holderIdentity": "", "renewTime": "2026-03-01T12:00:00.000000Z"}, ""),
        ({"holderIdentity": "x", "renewTime": "2026-03-01T11:59:30.000000Z", "leaseDurationSeconds": 60}, "x"),
        ({"holderIdentity": "x", "renewTime": "2026-03-01T11:58:30.000000Z", "leaseDurationSeconds": 60}, ""),
    ],
)
def test_who_holds_a_lease(spec: Tree, holder: str) -> None:
    assert held_by({"spec": spec}, datetime.fromisoformat("2026-03-01T12:00:00Z")) == holder


def ours(*args: str) -> Tree:
    container = {"name": "shim", "args": list(args)}
    metadata = {"name": "certshim-shim", "namespace": "cert-manager"}
    return {"metadata": metadata, "spec": {"replicas": 0, "template": {"spec": {"containers": [container]}}}}


@pytest.mark.parametrize(
    ("theirs", "own", "is_blocking"),
    [
        ((), ("--leader-election-namespace=kube-system",), False),
        ((), (), False),
        ((), ("--leader-election-namespace", "elsewhere"), True),
        ((), ("--leader-election-namespace=$(POD_NAMESPACE)",), True),
        (("--leader-election-namespace=cert-manager",), ("--leader-election-namespace=$(POD_NAMESPACE)",), False),
        (("--leader-election-namespace", "cert-manager"), (), True),
    ],
)
def test_both_must_have_their_lease_in_one_namespace(
    theirs: tuple[str, ...],
    own: tuple[str, ...],
    is_blocking: bool,  # noqa: FBT001
) -> None:
    seen = Seen(theirs=(deployment("controller", *theirs),), ours=(ours(*own),))

    found = find(seen, KNOWN | {"leader-election-namespace"})

    blocking = [one for one in found if one.level is Level.BLOCKING]
    assert [one.object for one in blocking] == ["Deployment cert-manager/certshim-shim"] * is_blocking
