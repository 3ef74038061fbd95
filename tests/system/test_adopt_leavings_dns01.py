"""The shim meets a value that cert-manager has written into the DNS, and the Challenge that it is for."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.cluster import Cluster, PebbleSettings
from tests.cluster.interposer import Interposer
from tests.cluster.named import SECRET, Named
from tests.product import NAMESPACE, Product
from tests.system.acmeaccount import Account, authorizations, csr_of, placed
from tests.system.leavings import EMAIL, REF, CertManager
from tests.system.nameservers import serving
from tests.system.shop import Shop, eventually
from tests.system.test_dns01 import ZONE, start

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

TSIG: Final = "adopted-tsig"


@pytest.fixture
def named(cluster: Cluster) -> Iterator[Named]:
    """A name server whose key is in the cluster resource namespace."""
    data = {"key": base64.b64encode(SECRET.encode()).decode()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": TSIG}, "data": data}
    with serving(cluster, "named-left", ZONE) as made:
        cluster.api.apply(f"/api/v1/namespaces/{NAMESPACE}/secrets/{TSIG}", secret)
        yield made
        cluster.kubectl("delete", "secret", TSIG, "-n", NAMESPACE)


@pytest.fixture
def left(product: Product, cluster: Cluster, namespace: str, named: Named, tmp_path: Path) -> Iterator[CertManager]:
    """An installation of cert-manager whose ClusterIssuer proves names over DNS, at a CA that resolves with `named`."""
    pebble = cluster.pebble("pebble-left-dns", PebbleSettings(nonce_reject_percent=0), resolver=named.address)
    rfc2136 = {
        "nameserver": named.address,
        "tsigKeyName": "hmac-sha256",
        "tsigAlgorithm": "HMACSHA256",
        "tsigSecretSecretRef": {"name": TSIG, "key": "key"},
    }
    with Interposer(pebble, cluster.ports.free(), tmp_path) as ca:
        account = Account(cluster, ca, EMAIL)
        made = CertManager(Shop(product, cluster, namespace), ca, account, {"dns01": {"rfc2136": rfc2136}})
        made.set_up()
        yield made
        made.tear_down()
    cluster.stop_pebble(pebble)


def test_a_value_that_stands_is_answered_and_taken_out(left: CertManager, product: Product, named: Named) -> None:
    """At the order that the CA has; values of others stay."""
    host = f"{secrets.token_hex(4)}.{ZONE}"
    spec = {"secretName": "fresh", "dnsNames": [host], "issuerRef": REF, "privateKey": {"algorithm": "ECDSA"}}
    csr, key = csr_of(spec)
    left.begin({"metadata": {"name": "fresh"}, "spec": spec}, csr, key)
    order = left.account.order(csr)
    name = left.leave_order("fresh", placed(order) | {"authorizations": authorizations(order)})
    value = left.challenge(name, order)["spec"]["key"]
    named.put(ZONE, f"_acme-challenge.{host}", "TXT", f'"{value}"', '"somebody-else"')
    orders = left.ca.count("new-order")

    process = start(product, named)
    try:
        left.shop.issued("fresh")
        eventually(lambda: not left.shop.all("Challenge"), "the Challenge is gone")
    finally:
        process.stop()

    assert left.ca.count("new-order") == orders
    assert named.values(f"_acme-challenge.{host}") == {"somebody-else"}
