"""`certshim doctor` on an installation that is well, and on one with each part broken in turn."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shim.doctor.rights import SHIM, WEBHOOK, Right
from tests.cluster import Cluster, Process
from tests.manifests import installed
from tests.product import CERTSHIM, NAMESPACE, Product
from tests.system.shop import Shop, eventually

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

Hops = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def healthy(cluster: Cluster, product: Product) -> Iterator[None]:
    """Both processes run, and there are the Deployments that they would be of."""
    product.start_webhook()
    shim = product.start_shim()
    yield
    shim.stop()
    product.withdraw_admission()
    cluster.process("webhook").stop()  # a test may have started another


def examine(cluster: Cluster, *arguments: str) -> tuple[int, Hops]:
    done = run(cluster, "-o", "json", *arguments)
    return done.returncode, {one["name"]: one for one in json.loads(done.stdout)}


def run(cluster: Cluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(CERTSHIM), "doctor", "--kubeconfig", str(cluster.admin), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  our own


def test_a_running_installation(healthy: None, cluster: Cluster) -> None:
    """All is well but the pods, which this cluster cannot have."""
    code, hops = examine(cluster)

    others = ("issuer ", "IngressClass ")  # of other tests
    sick = {name for name, hop in hops.items() if hop["verdict"] != "ok" and not name.startswith(others)}
    assert sick == {"Deployment certshim-webhook", "Deployment certshim-shim"}, [hops[name] for name in sick]
    assert hops["Deployment certshim-shim"]["evidence"] == "not there"
    assert hops["admission"]["evidence"] == ("a correct Certificate is accepted, a wrong one refused by the webhook")
    assert hops["leader"]["evidence"]
    assert code == 1


def test_what_people_read(healthy: None, cluster: Cluster) -> None:
    told = run(cluster).stdout.splitlines()

    assert told[0].startswith("ok       API server: Kubernetes v1.")
    at = told.index("failed   Deployment certshim-shim: not there")
    assert told[at + 1].strip() == "└─ apply manifests/install/certshim.yaml, or upgrade the release of the chart"


def broken(cluster: Cluster, what: str) -> Callable[[], None]:
    """Break one part; return what mends it."""
    kubectl = cluster.kubectl
    match what:
        case "inject":
            kubectl(
                "annotate", "mutatingwebhookconfiguration", "certshim-webhook", "cert-manager.io/inject-ca-from=a/b"
            )
            return lambda: void(
                kubectl(
                    "annotate", "mutatingwebhookconfiguration", "certshim-webhook", "cert-manager.io/inject-ca-from-"
                )
            )
        case "crd":
            name = "orders.acme.cert-manager.io"
            was = cluster.api.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
            patch = [{"op": "remove", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/status"}]
            kubectl("patch", "crd", name, "--type=json", "-p", json.dumps(patch))
            versions = {"spec": {"versions": was["spec"]["versions"]}}
            return lambda: void(kubectl("patch", "crd", name, "--type=merge", "-p", json.dumps(versions)))
        case "cert-manager":
            kubectl("create", "deployment", "cert-manager", "--image=x", "-n", NAMESPACE)
            labels = ["app.kubernetes.io/name=cert-manager", "app.kubernetes.io/component=controller"]
            kubectl("label", "deployment", "cert-manager", "-n", NAMESPACE, *labels)
            return lambda: void(kubectl("delete", "deployment", "cert-manager", "-n", NAMESPACE))
        case "rights":
            kubectl("delete", "clusterrolebinding", "certshim-webhook")
            binding = next(
                one
                for one in installed()
                if (one["kind"], one["metadata"]["name"]) == ("ClusterRoleBinding", "certshim-webhook")
            )
            return lambda: void(kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(binding)))
    raise AssertionError(what)


def void(_: object) -> None:
    """Forget it."""


@pytest.mark.parametrize(
    ("what", "name", "verdict", "evidence"),
    [
        (
            "inject",
            "MutatingWebhookConfiguration certshim-webhook",
            "failed",
            "it has the annotation cert-manager.io/inject-ca-from of a cainjector",
        ),
        ("crd", "CRD orders.acme.cert-manager.io", "warning", "its fields are not those of this version"),
        ("cert-manager", "cert-manager", "failed", f"it runs: {NAMESPACE}/cert-manager"),
        (
            "rights",
            "rights of certshim-webhook",
            "failed",
            "it may not list issuers.cert-manager.io, watch issuers.cert-manager.io, list clusterissuers",
        ),
    ],
)
def test_a_broken_part_is_told(
    healthy: None, cluster: Cluster, what: str, name: str, verdict: str, evidence: str
) -> None:
    mend = broken(cluster, what)
    try:

        def told() -> dict[str, Any] | None:
            hop = examine(cluster)[1].get(name)
            return hop if hop and hop["verdict"] != "ok" else None

        hop = eventually(told, "it is told", 10)
    finally:
        mend()

    assert hop["verdict"] == verdict
    assert hop["evidence"].startswith(evidence)
    assert hop["remedy"]


def test_an_issuer_that_is_not_ready_is_told(healthy: None, product: Product, cluster: Cluster, namespace: str) -> None:
    """With the sentence of its condition, and the class that its solver names and nobody serves."""
    shop = Shop(product, cluster, namespace)
    issuer = product.issuer("lost", namespace)
    issuer["spec"]["acme"]["server"] = "https://127.0.0.1:1/dir"
    issuer["spec"]["acme"]["solvers"][0]["http01"]["ingress"]["ingressClassName"] = "nobodys"
    shop.apply(issuer)
    eventually(lambda: shop.condition("Issuer", "lost").get("status") == "False", "it is not ready")

    code, hops = examine(cluster)

    assert code == 1
    assert "127.0.0.1:1" in hops[f"issuer {namespace}/lost"]["evidence"]
    assert hops["IngressClass nobodys"]["evidence"].startswith(f"named by issuer {namespace}/lost, and does not exist")


def test_a_stopped_webhook_is_told(healthy: None, cluster: Cluster, product: Product) -> None:
    """As the API server sees it."""
    process: Process = cluster.process("webhook")
    process.stop()
    try:
        hops = examine(cluster)[1]
    finally:
        product.start_webhook()

    assert hops["admission"]["verdict"] == "failed"
    assert "connection refused" in hops["admission"]["evidence"]


def test_an_empty_cluster_is_told_what_to_apply(healthy: None, cluster: Cluster) -> None:
    """Of a namespace in which nothing was ever installed."""
    hops = examine(cluster, "--install-namespace=elsewhere", "--leader-election-namespace=elsewhere")[1]

    assert hops["webhook CA"]["evidence"] == "its Secret is not there"
    assert hops["leader"]["evidence"] == "no Lease cert-manager-controller in elsewhere"
    assert hops["rights of certshim-shim"]["verdict"] == "failed"


def test_without_an_api_server_there_is_one_line(cluster: Cluster, tmp_path: Any) -> None:
    text = cluster.admin.read_text()
    lost = tmp_path / "kubeconfig"
    lost.write_text(text.replace(text.split("server: ")[1].split("\n")[0], "https://127.0.0.1:1"))
    command = [str(CERTSHIM), "doctor", "--kubeconfig", str(lost)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  our own

    assert done.returncode == 1
    assert done.stdout.startswith("failed   API server: ")
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize(("account", "wanted"), [("certshim-shim", SHIM), ("certshim-webhook", WEBHOOK)])
def test_the_rights_that_are_looked_at_are_those_of_the_roles(account: str, wanted: tuple[Right, ...]) -> None:
    """Each is granted by a rule of the manifest, with all its verbs."""
    roles = [one for one in installed() if one["kind"] in {"Role", "ClusterRole"}]
    rules = [
        (rule, one["kind"] == "Role")
        for one in roles
        if one["metadata"]["name"].partition(":")[0] == account
        for rule in one["rules"]
    ]

    for right in wanted:
        assert any(
            right.group in rule["apiGroups"]
            and right.resource in rule["resources"]
            and set(right.verbs) <= set(rule["verbs"])
            and (right.here or not is_local)
            for rule, is_local in rules
        ), right
