"""`--acme-http01-mode=pod` on the control plane: the API server takes the pods, and Pebble asks the program in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster import Cluster, Process
from tests.cluster.router import GATEWAY
from tests.product import Product
from tests.system import gateway
from tests.system.kubelet import Kubelet
from tests.system.shop import Shop, eventually

pytestmark = pytest.mark.system
ISSUER = "cert-manager.io/issuer"
IMAGE = "registry.example.test/certshim:1"
RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/warn": "restricted",
}


@pytest.fixture(scope="module")
def shim(product: Product) -> Iterator[Process]:
    product.allow_pods()
    process = product.start_shim(
        "--leader-elect=false", "--acme-http01-mode=pod", f"--acme-http01-solver-image={IMAGE}"
    )
    yield process
    process.stop()
    product.forbid_pods()


@pytest.fixture
def shop(product: Product, cluster: Cluster, shim: Process, namespace: str) -> Shop:
    """A namespace in which only pods may run that need nothing."""
    cluster.api.merge(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": RESTRICTED}})
    return Shop(product, cluster, namespace)


@pytest.fixture
def kubelet(shop: Shop, cluster: Cluster) -> Kubelet:
    return Kubelet(shop, cluster)


def reason(shop: Shop) -> str:
    """Return what the only Challenge waits for."""
    challenges = shop.all("Challenge")
    return str(challenges[0].get("status", {}).get("reason", "")) if challenges else ""


def says(shop: Shop, *words: str) -> str:
    """Wait until the Challenge says all of it, and return its sentence."""
    return eventually(lambda: reason(shop) if all(word in reason(shop) for word in words) else None, " ".join(words))


def objects(shop: Shop) -> list[str]:
    """Return the pods, Services and Ingresses that are made for challenges."""
    core, networking = f"/api/v1/namespaces/{shop.namespace}", f"/apis/networking.k8s.io/v1/namespaces/{shop.namespace}"
    paths = (f"{core}/pods", f"{core}/services", f"{networking}/ingresses")
    query = {"labelSelector": "acme.cert-manager.io/http01-solver=true"}
    return [one["metadata"]["name"] for path in paths for one in shop.cluster.api.get(path, **query)["items"]]


def solver(shop: Shop, **ingress: Any) -> dict[str, Any]:
    """Return a solver of the kit's class with more in it."""
    return {"http01": {"ingress": {"ingressClassName": shop.cluster.ingress_class, **ingress}}}


def issuer(shop: Shop, *solvers: dict[str, Any], annotations: dict[str, str] | None = None) -> str:
    obj = shop.product.issuer("pebble", shop.namespace)
    obj["metadata"]["annotations"] = annotations or {}
    if solvers:
        obj["spec"]["acme"]["solvers"] = list(solvers)
    shop.apply(obj)
    shop.ready("Issuer", "pebble")
    return "pebble"


def test_a_pod_answers_where_only_restricted_pods_may_run(shop: Shop, kubelet: Kubelet) -> None:
    """It says what to run; the CA asks it; and all is gone when the Challenge is over."""
    host = shop.host()
    shop.ingress("web", host, annotations={ISSUER: issuer(shop)})
    pod = kubelet.pod()
    challenge = shop.all("Challenge")[0]
    name = pod["metadata"]["name"]

    waiting = says(shop, "Waiting for an answer to HTTP-01", name)
    made = objects(shop)
    program = kubelet.run(pod)

    assert shop.issued("web-tls").leaf.dns_names == (host,)
    assert "the token was fetched for the first time" in program.tail()
    assert waiting.startswith("Waiting for an answer to HTTP-01: solver pod ")
    assert made == [name, name, name]
    assert "finalizers" not in challenge["metadata"]
    assert pod["metadata"]["ownerReferences"][0]["uid"] == challenge["metadata"]["uid"]
    assert pod["spec"]["containers"][0]["image"] == IMAGE
    eventually(lambda: not objects(shop), "nothing is left")
    program.stop()


def test_what_a_challenge_left_goes_as_soon_as_it_has_failed(shop: Shop, kubelet: Kubelet) -> None:
    """A failed Challenge stays, its pod does not."""
    host = shop.host()
    shop.cluster.names.set("add-a", host=f"{host}.", addresses=["127.0.0.77"])  # where nobody answers the CA
    shop.ingress("web", host, annotations={ISSUER: issuer(shop, solver(shop) | {"waitInsteadOfSelfCheck": "0s"})})
    program = kubelet.run(kubelet.pod())

    def states() -> list[str]:
        return [str(one.get("status", {}).get("state", "")) for one in shop.all("Challenge")]

    eventually(lambda: states() == ["invalid"], "it has failed")

    eventually(lambda: not objects(shop), "nothing is left")
    program.stop()


def test_a_namespace_with_a_pod_that_never_starts_can_be_deleted(shop: Shop, kubelet: Kubelet) -> None:
    """Nothing holds a Challenge up, and what it owns goes with it."""
    shop.ingress("web", shop.host(), annotations={ISSUER: issuer(shop)})
    kubelet.pod()

    shop.cluster.api.delete(f"/api/v1/namespaces/{shop.namespace}")

    eventually(lambda: not shop.all("Challenge") and not objects(shop), "all are gone")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param(
            {
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/3 nodes are available",
                    }
                ]
            },
            ("has no node", "0/3 nodes are available", "nodeSelector"),
            id="no node",
        ),
        pytest.param(
            {
                "containerStatuses": [
                    {
                        "name": "acmesolver",
                        "image": IMAGE,
                        "imageID": "",
                        "ready": False,
                        "restartCount": 0,
                        "state": {"waiting": {"reason": "ErrImagePull", "message": "no such host"}},
                    }
                ]
            },
            ("ErrImagePull: no such host", "--acme-http01-solver-image"),
            id="no image",
        ),
    ],
)
def test_why_a_pod_does_not_start_is_told(
    shop: Shop, kubelet: Kubelet, status: dict[str, Any], words: tuple[str, ...]
) -> None:
    """In the Challenge and in the Certificate; and once it has started, all goes on."""
    shop.ingress("web", shop.host(), annotations={ISSUER: issuer(shop)})
    pod = kubelet.pod()

    kubelet.tell(pod, **status)
    says(shop, pod["metadata"]["name"], *words)
    eventually(
        lambda: words[0] in shop.condition("Certificate", "web-tls", "Issuing").get("message", ""), "Certificate says"
    )
    program = kubelet.run(pod)

    assert shop.issued("web-tls").is_pair
    program.stop()


def test_a_pod_that_the_namespace_does_not_take_is_told_in_the_words_of_the_api_server(shop: Shop) -> None:
    """A security context of the template takes the place of ours, and this one is not enough."""
    template = {"spec": {"securityContext": {"runAsUser": 1000}}}
    shop.ingress("web", shop.host(), annotations={ISSUER: issuer(shop, solver(shop, podTemplate=template))})

    said = says(shop, 'violates PodSecurity "restricted:latest"', "seccompProfile")

    assert "mend podTemplate.spec.securityContext of the solver" in said
    assert "next attempt" in said


def test_a_pod_that_has_ended_is_replaced(shop: Shop, kubelet: Kubelet, cluster: Cluster) -> None:
    """Evicted: nobody starts it again but us."""
    shop.ingress("web", shop.host(), annotations={ISSUER: issuer(shop)})
    pod = kubelet.pod()

    kubelet.tell(pod, phase="Failed", reason="Evicted", message="The node was low on resource: memory")
    says(shop, "has ended: Evicted: The node was low on resource: memory")
    another = eventually(
        lambda: next((one for one in kubelet.pods() if one["metadata"]["uid"] != pod["metadata"]["uid"]), None),
        "another pod",
    )
    program = kubelet.run(another)

    assert shop.issued("web-tls").is_pair
    program.stop()


def test_an_issuer_may_have_the_responder_answer(shop: Shop, kubelet: Kubelet) -> None:
    """Its annotation counts more than the flag."""
    annotations = {"acme.certshim.io/http01-mode": "responder"}
    shop.ingress("web", shop.host(), annotations={ISSUER: issuer(shop, annotations=annotations)})

    assert shop.issued("web-tls").is_pair
    assert not kubelet.pods()


def test_a_pod_is_reached_through_a_gateway(shop: Shop, kubelet: Kubelet, cluster: Cluster) -> None:
    """By an HTTPRoute of its own, which goes with it."""
    with gateway.installed(cluster):
        way = {"gatewayHTTPRoute": {"parentRefs": [{"name": GATEWAY}], "serviceType": "ClusterIP"}}
        shop.ingress("web", shop.host(), annotations={ISSUER: issuer(shop, {"http01": way})})
        program = kubelet.run(kubelet.pod())
        path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{shop.namespace}/httproutes"
        made = [one["spec"]["rules"][0]["matches"][0]["path"]["type"] for one in cluster.api.get(path)["items"]]

        assert shop.issued("web-tls").is_pair
        eventually(lambda: not objects(shop) and not cluster.api.get(path)["items"], "nothing is left")
    assert made == ["Exact"]
    program.stop()


def test_a_template_reaches_the_pod(shop: Shop, kubelet: Kubelet) -> None:
    """Everything that may be set, taken by the API server."""
    template: dict[str, Any] = {
        "metadata": {"annotations": {"a": "b"}, "labels": {"team": "shop"}},
        "spec": {
            "nodeSelector": {"zone": "a"},
            "tolerations": [{"key": "dedicated", "operator": "Exists"}],
            "resources": {"limits": {"cpu": "200m"}},
            "imagePullSecrets": [{"name": "pull"}],
            "affinity": {
                "podAntiAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {
                            "weight": 1,
                            "podAffinityTerm": {
                                "topologyKey": "kubernetes.io/hostname",
                                "labelSelector": {"matchLabels": {"team": "shop"}},
                            },
                        }
                    ]
                }
            },
        },
    }
    with_template = solver(shop, podTemplate=template, serviceType="ClusterIP")
    shop.ingress("web", shop.host(), annotations={ISSUER: issuer(shop, with_template)})

    pod = kubelet.pod()
    service = shop.cluster.api.get(f"/api/v1/namespaces/{shop.namespace}/services/{pod['metadata']['name']}")

    given = template["spec"]
    assert pod["spec"]["affinity"] == given["affinity"]
    assert pod["spec"]["imagePullSecrets"] == given["imagePullSecrets"]
    assert pod["spec"]["nodeSelector"] == {"kubernetes.io/os": "linux", "zone": "a"}
    assert {"key": "dedicated", "operator": "Exists"} in pod["spec"]["tolerations"]
    assert pod["spec"]["containers"][0]["resources"] == {
        "limits": {"cpu": "200m", "memory": "64Mi"},
        "requests": {"cpu": "10m", "memory": "64Mi"},
    }
    assert pod["metadata"]["labels"]["team"] == "shop"
    assert service["spec"]["type"] == "ClusterIP"
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
