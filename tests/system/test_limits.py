"""An account whose new orders the CA limits: asked once, and everybody is told when their turn is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.cluster import Cluster, Process
from tests.fakes.acme import FakeCA, problem
from tests.product import Product
from tests.system.shop import Shop, eventually

pytestmark = pytest.mark.system
LIMIT = "too many new orders (300) from this account in the last 3h0m0s"
SHOPS = 12


@pytest.fixture
def shop(product: Product, cluster: Cluster, shim: Process, namespace: str) -> Shop:
    return Shop(product, cluster, namespace)


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
