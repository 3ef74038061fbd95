"""What is wrong with a name is told before it is ordered, and what is mended goes on at once.

The DNS is a server in this process: it says what a test wants, and forgets it at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.cluster import Cluster, Pebble, PebbleSettings, Process
from tests.fakes.dns import Server, World
from tests.product import Product
from tests.system.shop import Shop, eventually

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
RESOLVER = "127.0.0.2"
HERE, NOBODY = "127.0.0.1", "127.0.0.99"
ISSUER = "cert-manager.io/issuer"

Start = Callable[..., Process]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A resolver that knows nobody yet."""
    with World({RESOLVER: Server()}) as made:
        yield made


@pytest.fixture(scope="module")
def ca(cluster: Cluster, world: World) -> Iterator[Pebble]:
    made = cluster.pebble("pebble-preflight", PebbleSettings(), resolver=world.at(RESOLVER))
    yield made
    cluster.stop_pebble(made)


@pytest.fixture
def start(product: Product, world: World) -> Iterator[Start]:
    """Return a starter of a shim that asks the same resolver as the CA."""
    started: list[Process] = []

    def begin(mode: str, *flags: str) -> Process:
        nameservers = f"--acme-http01-solver-nameservers={world.at(RESOLVER)}"
        usual = ("--log-level=debug", "--leader-elect=false", f"--preflight={mode}", nameservers)
        started.append(product.start_shim(*usual, *flags))
        return started[-1]

    yield begin
    for process in started:
        process.stop()


@pytest.fixture
def shop(product: Product, cluster: Cluster, ca: Pebble, namespace: str) -> Shop:
    """A shop whose issuer is applied, and becomes ready with the shim."""
    made = Shop(product, cluster, namespace)
    made.apply(product.issuer("pebble", namespace, ca=ca))
    return made


def lead(world: World, host: str, *addresses: str) -> None:
    """Have the name lead there; nowhere: it does not exist."""
    records = world.servers[RESOLVER].records
    if addresses:
        records[host, "A"] = list(addresses)
    else:
        records.pop((host, "A"), None)


def orders_at(cluster: Cluster) -> int:
    """Return how often the CA was asked for an order, by its own log."""
    return cluster.process("pebble-preflight").log.read_text().count("POST /order-plz")


def looks(shim: Process, shop: Shop) -> int:
    """Return how often the names of what has failed in the shop have begun to be looked at."""
    lines = shim.log.read_text().splitlines()  # of the shims of other tests, too
    return sum(all(word in line for word in ("step taken", "step=LookAgain", shop.namespace)) for line in lines)


def order(shop: Shop, host: str) -> None:
    shop.ready("Issuer", "pebble")
    shop.ingress("web", host, annotations={ISSUER: "pebble"})


def message(shop: Shop) -> str:
    return str(shop.condition("Certificate", "web-tls", "Issuing").get("message", ""))


def test_a_name_that_does_not_exist_costs_no_order(shop: Shop, start: Start, world: World, cluster: Cluster) -> None:
    """The Certificate says why within two seconds, the CA hears nothing; once the record is there it goes on."""
    start("enforce")
    host = shop.host()
    shop.ready("Issuer", "pebble")
    before, began = orders_at(cluster), time.monotonic()
    order(shop, host)

    eventually(lambda: f'"{host}" does not exist in the DNS; have an A' in message(shop), "the Certificate says so", 10)

    assert time.monotonic() - began < 2 + 1  # what kubectl takes to apply it
    (waiting,) = shop.all("Order")
    assert waiting["status"]["reason"].startswith("Nothing is ordered yet, since the CA would refuse it: ")
    assert "url" not in waiting["status"]
    assert shop.all("Challenge") == []
    assert [reason for reason, _ in shop.events("Order")].count("Preflight") == 1
    assert orders_at(cluster) == before
    lead(world, host, HERE)
    mended = time.monotonic()
    assert shop.issued("web-tls").is_pair
    assert time.monotonic() - mended < 10
    assert [one["metadata"]["uid"] for one in shop.all("Order")] == [waiting["metadata"]["uid"]]
    assert orders_at(cluster) > before


def test_a_name_that_is_well_is_ordered_as_ever(shop: Shop, start: Start, world: World) -> None:
    """Where findings are enforced, the good case is no slower than its questions."""
    start("enforce")
    host = shop.host()
    lead(world, host, HERE)
    order(shop, host)

    assert shop.issued("web-tls").is_pair
    assert "Preflight" not in [reason for reason, _ in shop.events("Order")]


def test_a_warning_holds_nothing_up(shop: Shop, start: Start, world: World) -> None:
    """The order is made meanwhile; one event tells, and the reason for waiting is explained by it."""
    start("warn")
    host = shop.host()
    order(shop, host)

    def ordered() -> dict[str, Any]:
        return next((one["status"] for one in shop.all("Order") if one.get("status", {}).get("url")), {})

    eventually(ordered, "the order is made")
    told = eventually(lambda: [text for reason, text in shop.events("Order") if reason == "Preflight"], "the event")
    remedy = "have an A or AAAA record of it lead to the proxy of this cluster, or use a dns01 solver"
    assert told == [f'The CA may refuse it: "{host}" does not exist in the DNS; {remedy}']
    eventually(lambda: f'("{host}" does not exist in the DNS; have an A' in message(shop), "the Certificate says so")
    lead(world, host, HERE)
    assert shop.issued("web-tls").is_pair
    assert [reason for reason, _ in shop.events("Order")].count("Preflight") == 1


def test_who_mends_it_need_not_sit_out_the_pause(shop: Shop, start: Start, world: World) -> None:
    """The name led to an address where nobody answers, to us or to the CA; its correction is seen from here."""
    shim = start("warn", "--acme-http01-self-check-grace=500ms")
    host = shop.host()
    lead(world, host, NOBODY)
    order(shop, host)
    eventually(lambda: "next attempt at" in message(shop), "the proof has failed")
    eventually(lambda: looks(shim, shop) > 1, "it is looked at, and again since it was seen wrong")
    certificate = shop.get("Certificate", "web-tls") or {}
    failed_at = datetime.fromisoformat(certificate["status"]["lastFailureTime"])

    lead(world, host, HERE)

    issued = shop.issued("web-tls", 30)
    assert (issued.leaf.not_before - failed_at).total_seconds() < 40  # and not after the minute of the ladder
    assert any("is seen to be mended" in text for reason, text in shop.events("Certificate") if reason == "Issuing")


def test_what_is_wrong_still_is_not_tried_again(shop: Shop, start: Start, world: World) -> None:
    """A name that leads somewhere else by now, where nobody answers either, is given the whole pause."""
    shim = start("warn", "--acme-http01-self-check-grace=500ms")
    host = shop.host()
    lead(world, host, NOBODY)
    order(shop, host)
    eventually(lambda: "next attempt at" in message(shop), "the proof has failed")
    eventually(lambda: looks(shim, shop) > 1, "it is looked at")
    before = looks(shim, shop)

    lead(world, host, "127.0.0.98")

    eventually(lambda: looks(shim, shop) > before + 1, "it is looked at again and again")
    assert len(shop.all("Order")) == 1
