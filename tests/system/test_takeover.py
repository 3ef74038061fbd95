"""Two replicas: one works, the other stands by, and takes over when the first dies or stops."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import pytest

from tests.cluster import Cluster, Process
from tests.product import Product
from tests.system.shop import Shop, eventually

pytestmark = pytest.mark.system
ISSUER = "cert-manager.io/issuer"
LEASE = 4.0
FLAGS = (
    f"--leader-election-lease-duration={LEASE:g}s",
    "--leader-election-renew-deadline=3s",
    "--leader-election-retry-period=1s",
)
NUMBERS = itertools.count(1)
WORKS = "] working"  # as the log has it; "networking" is in names of groups
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/cert-manager-controller"


@pytest.fixture
def replicas(product: Product, cluster: Cluster) -> Iterator[tuple[Process, Process]]:
    """The leader and a standby with a responder of its own."""
    number = next(NUMBERS)  # each has a log of its own
    leader = product.start_shim(*FLAGS, name=f"leader-{number}")
    eventually(lambda: WORKS in leader.log.read_text(), "the first is elected")
    port = cluster.ports.free()
    standby = cluster.run(
        f"standby-{number}",
        product.shim_command(
            *FLAGS,
            f"--acme-http01-responder-listen-address=127.0.0.1:{port}",
            f"--acme-http01-responder-address=localhost:{port}",
            "--internal-healthz-listen-address=0",
            "--metrics-listen-address=0",
        ),
    )
    eventually(lambda: "started" in standby.log.read_text(), "the second follows the cluster")
    yield leader, standby
    leader.stop()
    standby.stop()


def holder(cluster: Cluster) -> str:
    return str(cluster.api.get(LEASES)["spec"].get("holderIdentity") or "")


def test_a_standby_takes_over_when_the_leader_is_killed(
    product: Product, cluster: Cluster, replicas: tuple[Process, Process], namespace: str
) -> None:
    """Within the lease, and with its own responder: the Service of the namespace follows the leader."""
    leader, standby = replicas
    shop = Shop(product, cluster, namespace)
    shop.issuer("pebble")
    shop.ingress("before", shop.host(), annotations={ISSUER: "pebble"})
    shop.issued("before-tls")
    assert WORKS not in standby.log.read_text()

    leader.kill()
    killed_at = time.monotonic()
    shop.ingress("after", shop.host(), annotations={ISSUER: "pebble"})

    assert shop.issued("after-tls").is_pair
    assert time.monotonic() - killed_at < LEASE + 8, "the lease, an issuance, and a loaded machine"


def test_a_standby_that_stops_ends_in_order(replicas: tuple[Process, Process]) -> None:
    """It has never worked, and has nothing to wait for."""
    _, standby = replicas

    standby.stop(grace=6)

    assert standby.log.read_text().splitlines()[-1].rstrip().endswith("stopped")


def test_a_leader_that_stops_hands_over_at_once(cluster: Cluster, replicas: tuple[Process, Process]) -> None:
    """The lease is released, so that nobody waits for it to run out."""
    leader, standby = replicas
    first = holder(cluster)

    leader.stop(grace=6)

    eventually(lambda: WORKS in standby.log.read_text(), "the standby works", seconds=LEASE)
    assert holder(cluster) not in {"", first}
