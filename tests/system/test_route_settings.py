"""What the admin says about the way to the responder: what a wrong address looks like, and how a new one gets there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from certs.route import SERVICE
from shim.solvers.http01.owners import route_name
from tests.cluster import Cluster
from tests.product import Product
from tests.system.shop import Shop, eventually

pytestmark = pytest.mark.system


@pytest.fixture
def shop(product: Product, cluster: Cluster, namespace: str) -> Shop:
    return Shop(product, cluster, namespace)


@contextmanager
def running(shop: Shop, *flags: str) -> Iterator[None]:
    """Run a shim with these flags."""
    process = shop.product.start_shim("--leader-elect=false", *flags)
    try:
        yield
    finally:
        process.stop()


def certificate(shop: Shop, host: str, name: str = "web-tls", *, issuer: str = "pebble") -> None:
    """Apply a Certificate for a host."""
    spec = {"secretName": name, "dnsNames": [host], "issuerRef": {"name": issuer}}
    shop.apply({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": name}, "spec": spec})


def test_a_responder_that_is_not_there_is_told_before_all_else(shop: Shop, cluster: Cluster) -> None:
    """The proxy answers 502, and the reason is not there."""
    closed = cluster.ports.free()
    with running(shop, f"--acme-http01-responder-address=localhost:{closed}"):
        shop.issuer()
        certificate(shop, shop.host())

        def told() -> str:
            message = str(shop.condition("Certificate", "web-tls", "Issuing").get("message", ""))
            return message if "responder" in message else ""

        said = eventually(told, "the Certificate says so", seconds=8)
    assert f"the responder at localhost:{closed} does not answer: " in said
    assert said.index("does not answer") < said.index("wrong status code '502'")


def addresses(shop: Shop) -> tuple[str, list[Any]]:
    """Return family and addresses behind the Service of the namespace."""
    found = shop.get("EndpointSlice", SERVICE) or {"addressType": "", "endpoints": []}
    return found["addressType"], [address for one in found["endpoints"] for address in one["addresses"]]


def test_addresses_of_another_family_take_the_place_of_the_first(shop: Shop) -> None:
    """The type of a slice cannot be changed, so it is made anew; the route stays as it is."""
    hosts = shop.host(), shop.host()
    with running(shop, "--acme-http01-responder-address=192.0.2.1:8089"):
        shop.issuer()
        certificate(shop, hosts[0], "one-tls")
        eventually(lambda: addresses(shop) == ("IPv4", ["192.0.2.1"]), "the first addresses are there")
        route = eventually(lambda: shop.get("Ingress", route_name(hosts[0])), "the route is there")

    with running(shop, "--acme-http01-responder-address=[2001:db8::1]:8089,[2001:db8::2]:8089"):
        certificate(shop, hosts[1], "two-tls")
        eventually(lambda: addresses(shop) == ("IPv6", ["2001:db8::1", "2001:db8::2"]), "the second have taken over")

    after = shop.get("Ingress", route_name(hosts[0])) or {}
    assert after["metadata"]["resourceVersion"] == route["metadata"]["resourceVersion"]


def test_the_admin_says_which_path_type_a_class_gets(shop: Shop, cluster: Cluster) -> None:
    """Where it is said, the controller of the class does not matter."""
    host = shop.host()
    with running(shop, f"--acme-http01-path-types={cluster.ingress_class}=ImplementationSpecific"):
        shop.issuer()
        certificate(shop, host)
        stored = shop.issued("web-tls")

    assert stored.leaf.dns_names == (host,)
    route = shop.get("Ingress", route_name(host)) or {}
    assert route["spec"]["rules"][0]["http"]["paths"][0]["pathType"] == "ImplementationSpecific"
