"""An account whose new orders the CA limits: asked once, and everybody is told when their turn is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.cluster import Cluster, Process
from tests.fakes.acme import FakeCA, problem
from tests.product import NAMESPACE, Product
from tests.system.shop import Shop, eventually

pytestmark = pytest.mark.system
LIMIT = "too many new orders (300) from this account in the last 3h0m0s"
SHOPS = 12


def test_a_limit_of_the_account_is_met_once_and_told_to_each(shop: Shop) -> None:
    """One Order asks, the others get a turn each, a pace apart; Order and Certificate name its date."""
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    refused = problem("rateLimited", 429, LIMIT, headers={"Retry-After": f"{until:%a, %d %b %Y %H:%M:%S} GMT"})
    with FakeCA() as ca:
        ca.script("/new-order", *(refused for _ in range(SHOPS)))
        issuer = shop.product.issuer("limited", shop.namespace)
        issuer["spec"]["acme"] |= {"server": ca.url}
        del issuer["spec"]["acme"]["caBundle"]
        shop.apply(issuer)
        shop.ready("Issuer", "limited")
        shop.ingress("web0", shop.host(), annotations={"cert-manager.io/issuer": "limited"})
        eventually(lambda: reasons(shop), "the first is told")

        for number in range(1, SHOPS):
            shop.ingress(f"web{number}", shop.host(), annotations={"cert-manager.io/issuer": "limited"})
        eventually(lambda: len(reasons(shop)) == SHOPS, "each is told")
        told = reasons(shop)

        assert len(ca.requests("/new-order")) == 1
    turns = {f"{until + number * timedelta(seconds=36):%Y-%m-%d %H:%M:%S} UTC" for number in range(SHOPS)}
    assert {turn for turn in turns for reason in told if turn in reason} == turns

    def said(number: int) -> str:
        return str(shop.condition("Certificate", f"web{number}-tls", "Issuing").get("message", ""))

    eventually(lambda: "its turn is at" in said(1), "the Certificate says so, too")


def reasons(shop: Shop) -> list[str]:
    """Return what the Orders say."""
    return [reason for order in shop.all("Order") if (reason := order.get("status", {}).get("reason", ""))]


def test_what_is_used_up_is_not_asked_for(shop: Shop, cluster: Cluster, product: Product, shim: Process) -> None:
    """Two orders in twelve seconds are allowed: the third says its turn, and goes at it.  A new process knows of it."""
    issuer = product.issuer("thrifty", shop.namespace)
    issuer["metadata"]["annotations"] = {"acme.certshim.io/rate-limits": "orders=2/12s"}
    shop.apply(issuer)
    shop.ready("Issuer", "thrifty")
    for number in range(3):
        shop.ingress(f"web{number}", shop.host(), annotations={"cert-manager.io/issuer": "thrifty"})

    (told,) = eventually(lambda: reasons(shop), "the third is told")
    assert "the CA limits the new orders of this account to 2 in 12s, and they are used up: its turn is at" in told
    turn = datetime.strptime(told.partition("its turn is at ")[2][:23], "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    for number in range(3):
        shop.issued(f"web{number}-tls")
    assert turn <= datetime.now(UTC) < turn + timedelta(seconds=5)

    def stored() -> list[str]:
        found = cluster.api.get(f"/api/v1/namespaces/{NAMESPACE}/configmaps")["items"]
        uri = (shop.get("Issuer", "thrifty") or {})["status"]["acme"]["uri"]
        mine = [one for one in found if one["metadata"].get("annotations", {}).get("acme.certshim.io/account") == uri]
        return [one["data"]["used"] for one in mine if "orders" in one["data"]["used"]]

    assert eventually(stored, "the ledger is kept")
