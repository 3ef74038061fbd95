"""Upgrades, drained nodes and killed pods: no admission fails, and certificates go on being issued."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.node.installation import NAMESPACE, SHIM, STARTING, WEBHOOK, Installation
from tests.node.machine import Machine
from tests.system.shop import Shop, eventually

pytestmark = [pytest.mark.node, pytest.mark.timeout(400)]
ISSUER = "cert-manager.io/issuer"
# A Lease of 60 s, given up by nobody, and the retry period of who stands by.
TAKE_OVER = 80.0


@pytest.fixture
def drained(machine: Machine) -> Iterator[str]:
    """The node that a test drains; it takes pods again afterwards."""
    yield "one"
    machine.cluster.kubectl("uncordon", "one")


def test_a_rollout_of_the_webhook_fails_no_admission(installation: Installation) -> None:
    """Both pods are replaced while objects are admitted without a pause."""
    before = {pod["metadata"]["name"] for pod in installation.pods(WEBHOOK)}

    with installation.admitting() as failed:
        installation.restart(WEBHOOK)
        time.sleep(12)  # the old pods' last ten seconds, in which nodes may still lead to them

    assert failed == []
    assert before.isdisjoint(pod["metadata"]["name"] for pod in installation.pods(WEBHOOK))


def test_a_rollout_of_the_shim_loses_nothing(installation: Installation, shop: Shop) -> None:
    """Certificates that are asked for before, during and after the rollout are issued once each."""
    issuer = shop.issuer()
    names = [f"shop-{number}" for number in range(6)]

    for number, name in enumerate(names):
        if number == 2:
            shop.cluster.kubectl("rollout", "restart", "-n", NAMESPACE, f"deployment/{SHIM}")
        shop.ingress(name, shop.host(), annotations={ISSUER: issuer})
        time.sleep(1)
    for name in names:
        shop.issued(f"{name}-tls", 90)

    eventually(lambda: installation.is_rolled_out(SHIM), "the shim is replaced", STARTING)
    assert len(shop.all("Order")) == len(names)


def test_another_takes_over_from_a_killed_leader(machine: Machine, installation: Installation, shop: Shop) -> None:
    """Killed and not stopped, so that nobody gives the Lease up; once it has run out, the certificate is issued."""
    issuer = shop.issuer()
    killed, holder = installation.leader(), installation.holder()
    pod = next(one for one in installation.pods(SHIM) if one["metadata"]["name"] == killed)
    (container,) = pod["status"]["containerStatuses"]
    node = next(one for one in machine.nodes if one.name == pod["spec"]["nodeName"])

    node.ctr("tasks", "kill", "--signal=SIGKILL", container["containerID"].removeprefix("containerd://"))
    shop.ingress("shop", shop.host(), annotations={ISSUER: issuer})
    shop.issued("shop-tls", TAKE_OVER)

    assert installation.holder() not in {"", holder}
    assert len(shop.all("Order")) == 1
    installation.wait()


def test_a_drained_node_fails_no_admission(installation: Installation, shop: Shop, drained: str) -> None:
    """Its pods are evicted as far as the budgets let them; what is asked for meanwhile is issued."""
    issuer = shop.issuer()
    installation.wait()

    with installation.admitting() as failed:
        shop.cluster.kubectl("cordon", drained)
        shop.ingress("shop", shop.host(), annotations={ISSUER: issuer})
        eventually(lambda: _evict(installation, drained), f"{drained} is drained", STARTING)
        shop.issued("shop-tls", 90)
        installation.wait()

    assert failed == []
    nodes = {pod["spec"]["nodeName"] for name in (WEBHOOK, SHIM) for pod in installation.pods(name)}
    assert nodes == {"two"}


def _evict(installation: Installation, node: str) -> bool:
    """Drain a node once more; tell whether nothing of ours is left on it."""
    flags = ("--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=50s")
    installation.cluster.kubectl("drain", node, *flags)
    pods = [pod for name in (WEBHOOK, SHIM) for pod in installation.pods(name)]
    return all(pod["spec"].get("nodeName") != node for pod in pods)
