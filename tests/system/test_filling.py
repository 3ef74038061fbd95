"""What the shim fills in where no webhook is asked: the same, under a name of its own, and never against anybody."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cluster import Cluster
from tests.product import Product
from tests.system.shop import Shop, eventually

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("shim")]


@pytest.fixture
def shop(product: Product, cluster: Cluster, namespace: str) -> Shop:
    return Shop(product, cluster, namespace)


def managers(ingress: dict[str, Any]) -> set[str]:
    """Return who owns `spec.tls`."""
    entries = ingress["metadata"]["managedFields"]
    return {entry["manager"] for entry in entries if "f:tls" in entry["fieldsV1"].get("f:spec", {})}


def names(shop: Shop, certificate: str) -> list[str]:
    found: list[str] = (shop.get("Certificate", certificate) or {}).get("spec", {}).get("dnsNames", [])
    return found


def test_who_only_annotates_gets_an_entry_that_follows(shop: Shop) -> None:
    """By server-side apply; the developer applies again without a conflict, and the hosts follow."""
    annotations = {"certmanager.k8s.io/issuer": "le"}
    shop.ingress("web", "a.example.com", annotations=annotations)
    eventually(lambda: names(shop, "web-tls") == ["a.example.com"], "the Certificate is made")

    shop.ingress("web", "a.example.com", "b.example.com", annotations=annotations)

    eventually(lambda: names(shop, "web-tls") == ["a.example.com", "b.example.com"], "it follows the rules")
    ingress = shop.get("Ingress", "web") or {}
    assert ingress["spec"]["tls"] == [{"hosts": ["a.example.com", "b.example.com"], "secretName": "web-tls"}]
    assert managers(ingress) == {"certshim-ingress"}
    assert ingress["metadata"]["annotations"]["certshim.io/filled"].startswith("web-tls=")


@pytest.mark.parametrize("server_side", [True, False], ids=["server side", "client side"])
def test_tls_of_a_manifest_is_left_to_it(
    shop: Shop,
    server_side: bool,  # noqa: FBT001 - a table's column
) -> None:
    """Its hosts are taken from the rules for the Certificate; nothing is written that the next apply would undo."""
    backend = {"service": {"name": "shop", "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    tls = [{"secretName": "web-tls"}, {"hosts": ["b.example.com"]}]
    manifest = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": "web",
            "namespace": shop.namespace,
            "annotations": {"cert-manager.io/issuer": "le"},
        },
        "spec": {
            "rules": [{"host": "a.example.com", "http": {"paths": paths}}],
            "tls": tls,
        },
    }
    flags = ["--server-side"] if server_side else []
    shop.cluster.kubectl("apply", *flags, "-f", "-", stdin=json.dumps(manifest))

    eventually(lambda: names(shop, "web-tls") == ["a.example.com"], "the Certificate is made")
    told = "Skipped a TLS block: spec.tls[1].secretName: Required value"
    eventually(lambda: ("BadConfig", told) in shop.events("Ingress"), "the other entry is told")
    ingress = shop.get("Ingress", "web") or {}
    assert ingress["spec"]["tls"] == tls
    assert "certshim-ingress" not in managers(ingress)
