"""A leader that is frozen for twice the lease, and wakes in the middle of what another has done meanwhile.

It freezes itself (SIGSTOP) at a step boundary, or with the CA's answer in hand.  Another takes over and ends the
issuance.  Then the first goes on, exactly where it was: it must do nothing any more, and end.
"""

from __future__ import annotations

import itertools
import sys
import time

import pytest

from tests.cluster import Cluster, PebbleSettings, Process
from tests.cluster.ca import Pebble
from tests.product import Product
from tests.system.shop import Shop, eventually
from tests.system.spent import spent
from tests.system.test_crashes import live_orders
from tests.system.test_takeover import WORKS

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
ISSUER = "cert-manager.io/issuer"
LEASE = 3.0
FLAGS = (
    f"--leader-election-lease-duration={LEASE:g}s",
    "--leader-election-renew-deadline=2s",
    "--leader-election-retry-period=500ms",
    "--log-level=debug",
)
NUMBERS = itertools.count(1)
# Before each external act, and after it; `authorize_order` and the like: the CA has answered, nothing is stored.
POINTS = (
    "before:StoreNextKey",
    "before:CreateRequest",
    "before:CreateOrder",
    "before:NewOrder",
    "authorize_order",
    "after:NewOrder",
    "before:Authorize",
    "before:Answer",
    "accept_challenge",
    "after:Answer",
    "before:Finalize",
    "create_order_cert",
    "after:Finalize",
    "before:Download",
    "fetch_cert",
    "after:Download",
    "before:WriteSecret",
    "after:WriteSecret",
)


@pytest.fixture(scope="module")
def ca(cluster: Cluster) -> Pebble:
    """A CA of its own, so that its log tells of these orders only."""
    return cluster.pebble("fencing", PebbleSettings())


@pytest.fixture
def standby(cluster: Cluster) -> list[str]:
    """The flags of a second replica beside the first."""
    port = cluster.ports.free()
    return [
        f"--acme-http01-responder-listen-address=127.0.0.1:{port}",
        f"--acme-http01-responder-address=localhost:{port}",
        "--internal-healthz-listen-address=0",
        "--metrics-listen-address=0",
    ]


def is_frozen(process: Process) -> bool:
    """Is it stopped by a signal?"""
    with open(f"/proc/{process.pid}/stat", encoding="utf-8") as stat:  # noqa: PTH123
        return stat.read().rpartition(")")[2].split()[0] == "T"


@pytest.mark.parametrize("point", POINTS)
def test_a_leader_that_wakes_orders_nothing(
    product: Product, cluster: Cluster, namespace: str, ca: Pebble, standby: list[str], point: str
) -> None:
    """One order, one finalization, one certificate, and the Secret stays as the other wrote it.

    Both say that the standby's responder answers, so the CA, too, is answered while the leader is frozen.
    """
    shop, number = Shop(product, cluster, namespace), next(NUMBERS)
    scope = f"--namespace={namespace}"
    command = [str(word) for word in product.shim_command(scope, *FLAGS, standby[1])[2:]]
    frozen = cluster.run(f"frozen-{number}", [sys.executable, "-m", "tests.crashing", f"freeze:{point}", "1", *command])
    other = None
    try:
        eventually(lambda: WORKS in frozen.log.read_text(), "the first is elected")
        shop.apply(product.issuer("pebble", namespace, ca=ca))
        shop.ready("Issuer", "pebble")
        before, live = spent(cluster, ca), live_orders(cluster, ca)
        other = cluster.run(f"other-{number}", product.shim_command(scope, *FLAGS, *standby))
        eventually(lambda: "started" in other.log.read_text(), "the second stands by")
        shop.ingress("web", shop.host(), annotations={ISSUER: "pebble"})
        eventually(lambda: is_frozen(frozen), "the leader freezes")
        frozen_at = time.monotonic()
        stored = shop.issued("web-tls")
        time.sleep(max(0.0, frozen_at + 2 * LEASE - time.monotonic()))

        frozen.thaw()
        eventually(lambda: not frozen.running, "it has seen that it lost the lease, and ended", 12)

        assert live_orders(cluster, ca) == live + 1
        assert spent(cluster, ca).signed == before.signed + 1
        assert spent(cluster, ca).finalized == before.finalized + 1
        assert shop.issued("web-tls").chain == stored.chain
        assert "lease lost" in frozen.log.read_text()
        assert len(shop.all("Order")) == 1
        eventually(lambda: not shop.all("Challenge"), "no Challenge is left")
    finally:
        frozen.kill()
        if other is not None:
            other.stop(grace=8)
