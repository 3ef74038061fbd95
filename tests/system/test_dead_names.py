"""Names at which nobody answers, beside some that work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from certs.decide.precedence import ONE_IN
from tests.cluster import Cluster, Process
from tests.cluster.silence import SILENT, silence
from tests.product import Product
from tests.system.shop import Shop, eventually

pytestmark = pytest.mark.system
ISSUER = "cert-manager.io/issuer"
# Some times as many as there are workers, each looked at for three seconds, again and again.
DEAD = 40
# A worker that waits at each of them would need more than this for the turns of one certificate alone.
SOON = 6.0
LIVE = 10
# One begins in three seconds whatever others do; a few do before the first of the others is under way.
BEFORE_THE_OTHERS = 5


@pytest.fixture(scope="module")
def patient(product: Product) -> Iterator[Process]:
    """A shim that goes on looking for as long as the test runs."""
    process = product.start_shim("--leader-elect=false", "--acme-http01-self-check-grace=5m")
    yield process
    process.stop()


@pytest.fixture
def shop(product: Product, cluster: Cluster, patient: Process, namespace: str) -> Shop:
    return Shop(product, cluster, namespace)


def test_who_works_does_not_wait_for_who_never_will(shop: Shop, cluster: Cluster) -> None:
    """Connections to the dead ones hang, and no worker hangs with them."""
    issuer = shop.issuer()
    with silence(cluster.caddy.http_port) as address:
        for number in range(DEAD):
            host = shop.host()
            cluster.names.set("add-a", host=f"{host}.", addresses=[address])
            shop.ingress(f"dead-{number}", host, annotations={ISSUER: issuer})

        def all_wait() -> bool:
            reasons = [one.get("status", {}).get("reason", "") for one in shop.all("Challenge")]
            return len(reasons) == DEAD and all("timed out" in reason for reason in reasons)

        assert eventually(all_wait, "every dead name says why it waits", seconds=90)
        began = time.monotonic()
        shop.ingress("live", shop.host(), annotations={ISSUER: issuer})
        shop.issued("live-tls", seconds=60)
        assert time.monotonic() - began < SOON


def test_who_never_will_lets_those_go_first_who_work(shop: Shop, cluster: Cluster) -> None:
    """Created together, in one namespace: no keys and orders are made in vain before the others are done.

    Afterwards they begin like everybody, and say what is wrong.
    """
    issuer = shop.issuer()
    hosts = {f"live-{number}": shop.host() for number in range(LIVE)}
    dead = {f"dead-{number}": shop.host() for number in range(DEAD)}
    for number, host in enumerate(dead.values()):
        if number % 2:
            cluster.names.set("set-servfail", host=f"{host}.")
        else:
            cluster.names.set("add-a", host=f"{host}.", addresses=[SILENT])
    each = DEAD // LIVE
    together = [
        one
        for number, pair in enumerate(hosts.items())
        for one in (pair, *list(dead.items())[number * each : (number + 1) * each])
    ]

    with silence(cluster.caddy.http_port):
        began = time.monotonic()
        ingresses = yaml.safe_dump_all(asking(shop, *one, issuer) for one in together)
        cluster.kubectl("apply", "--server-side", "-f", "-", stdin=ingresses)
        for name in hosts:
            shop.ready("Certificate", f"{name}-tls", seconds=60)
        took = time.monotonic() - began

        assert len(shop.all("Order")) - LIVE <= took / ONE_IN.total_seconds() + BEFORE_THE_OTHERS
        assert eventually(lambda: len(shop.all("Challenge")) == DEAD, "every dead name has its turn", seconds=60)


def asking(shop: Shop, name: str, host: str, issuer: str) -> dict[str, Any]:
    """Return an Ingress for a host that asks for a certificate."""
    metadata = {"name": name, "namespace": shop.namespace, "annotations": {ISSUER: issuer}}
    backend = {"service": {"name": "shop", "port": {"number": 80}}}
    rules = [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]
    spec = {"ingressClassName": shop.cluster.ingress_class, "rules": rules}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}
