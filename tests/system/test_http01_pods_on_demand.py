"""Solver pods where the cluster has none by default: an issuer asks for them, and nobody looks at pods before that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster import Cluster, Mark, Process
from tests.product import Product
from tests.system.kubelet import Kubelet
from tests.system.shop import Shop, eventually

pytestmark = pytest.mark.system
ISSUER = "cert-manager.io/issuer"
MODE = "acme.certshim.io/http01-mode"


@pytest.fixture
def shim(product: Product, cluster: Cluster) -> Iterator[Process]:
    """As installed: no mode, and no right to see pods."""
    process = product.start_shim("--leader-elect=false", "--acme-http01-solver-image=certshim:1")
    yield process
    process.stop()
    product.forbid_pods()


def looks_at_pods(cluster: Cluster, since: Mark) -> list[tuple[str, int]]:
    """Return how the shim asked for pods, and what it was answered."""
    return [
        (event.verb, event.response_status.code)
        for event in cluster.audit(since)
        if event.object_ref.resource == "pods" and event.user.username.endswith(":certshim-shim")
    ]


def test_an_issuer_asks_for_pods(shop: Shop, cluster: Cluster, product: Product) -> None:
    """Until it does nobody reads them; then the missing right is told; with it, all goes on without a restart."""
    since = cluster.audit_mark()
    issuer = shop.issuer()
    shop.ingress("before", shop.host(), annotations={ISSUER: issuer})
    shop.issued("before-tls")
    before = looks_at_pods(cluster, since)

    obj = product.issuer(issuer, shop.namespace)
    obj["metadata"]["annotations"] = {MODE: "pod"}
    shop.apply(obj)
    shop.ingress("after", shop.host(), annotations={ISSUER: issuer})

    def refused() -> bool:
        reasons = [one.get("status", {}).get("reason", "") for one in shop.all("Challenge")]
        return any("apply manifests/options/http01-pods.yaml" in reason for reason in reasons)

    eventually(refused, "the Challenge says which right is missing")
    product.allow_pods()
    kubelet = Kubelet(shop, cluster)
    pod = eventually(
        lambda: next(iter(kubelet.pods()), None), "a pod, at the next look half a minute later", seconds=45
    )
    program = kubelet.run(pod)
    shop.issued("after-tls")
    program.stop()

    assert before == []
    assert ("list", 403) in looks_at_pods(cluster, since)
    assert ("list", 200) in looks_at_pods(cluster, since)


def test_a_word_that_is_none_is_told_and_waits_for_the_issuer(shop: Shop, product: Product) -> None:
    """Neither way is taken by guessing; the mended issuer goes on at once."""
    obj = product.issuer("pebble", shop.namespace)
    obj["metadata"]["annotations"] = {MODE: "pods"}
    shop.apply(obj)
    shop.ready("Issuer", "pebble")
    shop.ingress("web", shop.host(), annotations={ISSUER: "pebble"})

    def told() -> bool:
        reasons = [one.get("status", {}).get("reason", "") for one in shop.all("Challenge")]
        return any(f'{MODE} of Issuer "pebble" is "pods"; write responder or pod' in reason for reason in reasons)

    eventually(told, "the Challenge says which word is wrong")
    obj["metadata"]["annotations"] = {MODE: "responder"}
    shop.apply(obj)

    assert shop.issued("web-tls", seconds=10).is_pair


def test_a_new_process_goes_on_with_the_pod_that_is_there(
    product: Product, cluster: Cluster, shop: Shop, shim: Process
) -> None:
    """Killed while the pod is waited for: none is made twice, and the next process sees it become ready."""
    product.allow_pods()
    since = cluster.audit_mark()
    obj = product.issuer("pebble", shop.namespace)
    obj["metadata"]["annotations"] = {MODE: "pod"}
    shop.apply(obj)
    shop.ready("Issuer", "pebble")
    shop.ingress("web", shop.host(), annotations={ISSUER: "pebble"})
    kubelet = Kubelet(shop, cluster)
    pod = kubelet.pod()

    shim.kill()
    another = product.start_shim("--leader-elect=false", "--acme-http01-solver-image=certshim:1", name="another-shim")
    program = kubelet.run(pod)
    stored = shop.issued("web-tls")
    another.stop()
    program.stop()

    assert stored.is_pair
    assert looks_at_pods(cluster, since).count(("create", 201)) == 1
