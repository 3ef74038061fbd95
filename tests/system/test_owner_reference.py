"""The owner reference of a Certificate's Secret, which comes and goes with a flag of the shim."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shim.controllers.certificatesecret import ISSUING
from tests.cluster import Cluster
from tests.product import Product
from tests.system.shop import Shop, eventually
from tests.system.test_ca import bootstrap, certificate

pytestmark = pytest.mark.system

NAME = "web-tls"


def test_the_owner_reference_comes_and_goes_with_the_flag(product: Product, cluster: Cluster, namespace: str) -> None:
    """That of another owner stays."""
    shop = Shop(product, cluster, namespace)
    flags = ("--log-level=debug", "--leader-elect=false")
    first = product.start_shim(*flags)
    bootstrap(shop)
    shop.apply(certificate(NAME, "ca", dnsNames=["shop.example.test"]))
    shop.issued(NAME)
    uid = (shop.get("Certificate", NAME) or {})["metadata"]["uid"]
    root = (shop.get("Certificate", "root") or {})["metadata"]["uid"]
    theirs = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "name": "root", "uid": root}
    metadata = {"name": NAME, "namespace": namespace, "ownerReferences": [theirs]}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    cluster.kubectl("apply", "--server-side", "--field-manager=other", "-f", "-", stdin=json.dumps(secret))

    def stored() -> dict[str, Any]:
        found: dict[str, Any] = (shop.get("Secret", NAME) or {})["metadata"]
        return found

    def owners() -> list[tuple[str, bool]]:
        found = stored().get("ownerReferences", [])
        return sorted(((one["uid"], one.get("controller", False)) for one in found), key=lambda one: one[1])

    assert owners() == [(root, False)]
    first.stop()
    with_owner = product.start_shim(*flags, "--enable-certificate-owner-ref=true", name="shim-owner")
    eventually(lambda: owners() == [(root, False), (uid, True)], "the reference")
    with_owner.stop()
    without = product.start_shim(*flags, name="shim-no-owner")
    try:
        eventually(lambda: owners() == [(root, False)], "no reference")
        managers = [one["manager"] for one in stored()["managedFields"] if "ownerRef" in json.dumps(one)]
        assert ISSUING not in managers
    finally:
        without.stop()
