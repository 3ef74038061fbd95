"""HTTP-01 on the control plane: what the cluster cannot see of itself, and what the CA finds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster import Cluster, Process
from tests.product import Product
from tests.system.shop import Shop, eventually

pytestmark = pytest.mark.system
ISSUER = "cert-manager.io/issuer"


@pytest.fixture(scope="module")
def blind(product: Product, cluster: Cluster) -> Iterator[Process]:
    """A shim whose self checks find nobody at the address, as behind a NAT without hairpin; the CA reaches it."""
    process = product.start_shim(
        "--leader-elect=false",
        f"--acme-http01-self-check-port={cluster.ports.free()}",
        "--acme-http01-self-check-grace=3s",
    )
    yield process
    process.stop()


@pytest.fixture
def shop(product: Product, cluster: Cluster, blind: Process, namespace: str) -> Shop:
    return Shop(product, cluster, namespace)


def test_a_cluster_that_cannot_reach_itself_gets_its_certificate(shop: Shop) -> None:
    """The failing layer is told while it is waited for; after the grace the CA is asked, and finds it."""
    issuer, host = shop.issuer(), shop.host()

    shop.ingress("web", host, annotations={ISSUER: issuer})

    def told() -> bool:
        return any("Connection refused" in one.get("status", {}).get("reason", "") for one in shop.all("Challenge"))

    assert eventually(told, "the Challenge says what is not seen", seconds=6)
    assert shop.issued("web-tls").leaf.dns_names == (host,)


def test_a_refusal_names_what_the_ca_and_what_the_self_check_found(shop: Shop, cluster: Cluster) -> None:
    """Nobody reaches this host: asked once, and both sentences reach the Certificate."""
    issuer, host = shop.issuer(), shop.host()
    cluster.names.set("add-a", host=f"{host}.", addresses=["127.0.0.77"])

    shop.ingress("web", host, annotations={ISSUER: issuer})

    def explained() -> str | None:
        message = str(shop.condition("Certificate", "web-tls", "Issuing").get("message", ""))
        return message if "the self check could not reach it either" in message else None

    assert "Connection refused" in eventually(explained, "the Certificate says both", seconds=20)
