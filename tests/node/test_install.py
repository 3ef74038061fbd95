"""From one manifest to a certificate that is served, with nothing but pods."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.cluster import Cluster
from tests.manifests import SOLVER_PODS
from tests.node.installation import NAMESPACE, SHIM, WEBHOOK, Installation
from tests.node.machine import BUSYBOX
from tests.node.visitor import visit
from tests.rights import DECISION
from tests.system.shop import Shop, eventually

pytestmark = [pytest.mark.node, pytest.mark.timeout(300)]
ISSUER = "cert-manager.io/issuer"
# What a process of the image finds about itself.
_LOOK = """
import os
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
try:
    open("/written", "w")
except OSError as error:
    status["Root"] = error.strerror
print([os.getuid(), status["CapEff"], status["NoNewPrivs"], status["Seccomp"], status["Root"]])
"""

# The most memory that the first process of a pod has had, in kB.
_PEAK: Final = 'print(next(line.split()[1] for line in open("/proc/1/status") if line.startswith("VmHWM")))'


def test_the_pods_run_on_both_nodes_as_the_manifest_says(installation: Installation) -> None:
    """Two of each, one on each node, none restarted, in a namespace of level `restricted`."""
    labels = installation.cluster.api.get(f"/api/v1/namespaces/{NAMESPACE}")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for name in (WEBHOOK, SHIM):
        pods = installation.pods(name)

        assert sorted(pod["spec"]["nodeName"] for pod in pods) == ["one", "two"], name
        assert [one["restartCount"] for pod in pods for one in pod["status"]["containerStatuses"]] == [0, 0], name


@pytest.mark.parametrize("name", [WEBHOOK, SHIM])
def test_a_process_can_do_nothing_beyond_its_work(installation: Installation, name: str) -> None:
    """Not root, no capability, no more privileges by execve, seccomp filters, and nothing written to its root."""
    pod = installation.pods(name)[0]["metadata"]["name"]

    seen = installation.cluster.kubectl("exec", "-n", NAMESPACE, pod, "--", "python3", "-c", _LOOK)

    assert seen.strip() == "[65532, '0000000000000000', '1', '2', 'Read-only file system']"


def test_an_annotated_ingress_becomes_a_served_certificate(installation: Installation, shop: Shop) -> None:
    """The CA's way, the visitor's way and the API server's way lead to pods."""
    shop_pods(shop)
    issuer, host = shop.issuer(), shop.host()

    shop.ingress("shop", host, annotations={ISSUER: issuer})
    shop.issued("shop-tls")

    answer = eventually(lambda: visit(shop.cluster, host), f"https://{host}/ is served")
    assert answer == "a shop\n"


def test_the_responder_is_reached_at_the_addresses_of_the_pods(installation: Installation, shop: Shop) -> None:
    """What leads to the responder is an EndpointSlice of pod addresses, not a name."""
    issuer, host = shop.issuer(), shop.host()
    shop.ingress("shop", host, annotations={ISSUER: issuer})
    shop.issued("shop-tls")

    slices = [one for one in shop.all("EndpointSlice") if "shop" not in one["metadata"]["name"]]

    told = {address for one in slices for endpoint in one["endpoints"] for address in endpoint["addresses"]}
    assert told <= {pod["status"]["podIP"] for pod in installation.pods(SHIM)}
    assert told


def test_solver_pods_answer_where_that_is_wanted(installation: Installation, shop: Shop) -> None:
    """`mode: pod` in a namespace of level `restricted`: the pod runs, the CA asks it, and it goes away."""
    shop.cluster.kubectl("apply", "--server-side", "-f", str(SOLVER_PODS))
    issuer = shop.product.issuer("pods", shop.namespace)
    issuer["metadata"]["annotations"] = {"acme.certshim.io/http01-mode": "pod"}
    shop.apply(issuer)
    shop.ready("Issuer", "pods")
    seen: set[str] = set()

    def look() -> bool:
        seen.update(phase(pod) for pod in solver_pods(shop))
        return shop.stored("pod-tls") is not None

    shop.ingress("pod", shop.host(), annotations={ISSUER: "pods"})
    eventually(look, "the certificate is issued", 90)

    assert "Running" in seen
    eventually(lambda: not solver_pods(shop), "the pod is gone", 60)


def test_a_bad_issuer_is_refused_by_the_pods(installation: Installation, shop: Shop) -> None:
    """The API server reaches the webhook by its Service."""
    issuer: dict[str, Any] = {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": "none"}}

    with pytest.raises(Exception, match=r"spec"):
        shop.apply({**issuer, "spec": {}})


@pytest.mark.parametrize(("name", "aim"), [(WEBHOOK, 90), (SHIM, 200)])
def test_a_process_is_small(installation: Installation, name: str, aim: int) -> None:
    """In MB, the pages of shared libraries included, after what the tests before have had them do."""
    pods = [pod["metadata"]["name"] for pod in installation.pods(name)]

    peaks = [
        int(installation.cluster.kubectl("exec", "-n", NAMESPACE, pod, "--", "python3", "-c", _PEAK)) * 1024 / 1e6
        for pod in pods
    ]

    assert max(peaks) < aim, peaks


def test_nothing_was_refused_by_rbac(installation: Installation, cluster: Cluster) -> None:
    """What the pods asked for up to here, their roles let them; 403 is also told where a namespace is being deleted."""
    users = [f"system:serviceaccount:{NAMESPACE}:{name}" for name in (WEBHOOK, SHIM)]

    refused = [
        (event.verb, event.request_uri)
        for event in cluster.audit(installation.since)
        if event.user.username in users and event.annotations.get(DECISION) == "forbid"
    ]

    assert refused == []


def shop_pods(shop: Shop) -> None:
    """Make what an Ingress leads to: a web server with one page, and its Service."""
    labels = {"app": "shop"}
    container = {
        "name": "shop",
        "image": BUSYBOX,
        "command": ["/bin/busybox", "sh", "-c"],
        "args": ["echo a shop > /tmp/index.html && exec /bin/busybox httpd -f -p 8080 -h /tmp"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108  the container's own
    }
    pod = {
        "containers": [container],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    deployment = {"selector": {"matchLabels": labels}, "template": template}
    shop.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": deployment})
    ports = {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}
    shop.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop"}, "spec": ports})


def solver_pods(shop: Shop) -> list[dict[str, Any]]:
    """Return the solver pods of the namespace."""
    path = f"/api/v1/namespaces/{shop.namespace}/pods"
    found: list[dict[str, Any]] = shop.cluster.api.get(path, labelSelector="acme.cert-manager.io/http01-solver=true")[
        "items"
    ]
    return found


def phase(pod: dict[str, Any]) -> str:
    """Return where a pod is in its life."""
    return str(pod["status"].get("phase", ""))
