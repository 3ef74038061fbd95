"""SIGTERM ends each process within ten seconds, whatever it is in the middle of and whoever does not answer."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests
import yaml

from tests.cluster import Cluster, PebbleSettings, Process
from tests.product import Product
from tests.system.shop import Shop, eventually
from tests.system.test_takeover import FLAGS, WORKS

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
WITHIN = 10.0  # seconds
PENDING = 200
ISSUER = "cert-manager.io/issuer"
NUMBERS = itertools.count(1)


@pytest.fixture
def leader(product: Product) -> Iterator[Process]:
    """A shim that holds the lease."""
    process = product.start_shim(*FLAGS, name=f"stopping-{next(NUMBERS)}")
    eventually(lambda: WORKS in process.log.read_text(), "it is elected")
    yield process
    process.kill()


@contextmanager
def frozen(process: Process) -> Iterator[None]:
    """A process that takes connections and answers nothing."""
    process.freeze()
    try:
        yield
    finally:
        process.thaw()


def stop(process: Process) -> float:
    """Return how many seconds it took to end by SIGTERM."""
    began = time.monotonic()
    process.stop(grace=WITHIN + 10)
    return time.monotonic() - began


def is_stopped_in_order(process: Process) -> bool:
    return process.log.read_text().splitlines()[-1].rstrip().endswith("stopped")


def certificates(count: int) -> str:
    """Return manifests of a CA and Certificates of it."""
    spec = dict[str, object](selfSigned={})
    issuer = {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": "self"}, "spec": spec}
    ones = [
        {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Certificate",
            "metadata": {"name": f"c{number}"},
            "spec": {"secretName": f"c{number}", "dnsNames": ["a.example.test"], "issuerRef": {"name": "self"}},
        }
        for number in range(count)
    ]
    return yaml.safe_dump_all([issuer, *ones])


def test_two_hundred_that_wait_are_left_to_the_next(
    product: Product, cluster: Cluster, leader: Process, namespace: str
) -> None:
    """What is being done is ended, the rest is not begun, and the next process finds it all."""
    cluster.kubectl("apply", "--server-side", "-n", namespace, "-f", "-", stdin=certificates(PENDING))

    took = stop(leader)

    assert took < WITHIN
    assert is_stopped_in_order(leader)
    again = product.start_shim("--leader-elect=false", name=f"stopping-{next(NUMBERS)}")
    shop = Shop(product, cluster, namespace)
    try:
        eventually(lambda: len(shop.all("CertificateRequest")) == PENDING, "each has its request", 60)
        for number in (0, PENDING - 1):
            assert shop.issued(f"c{number}", 60).is_pair
        assert len(shop.all("CertificateRequest")) == PENDING, "and none has two"
    finally:
        again.kill()


def test_an_api_server_that_does_not_answer_is_not_waited_for(
    product: Product, cluster: Cluster, leader: Process, namespace: str
) -> None:
    """Neither for the writes that are under way nor for the lease."""
    cluster.kubectl("apply", "--server-side", "-n", namespace, "-f", "-", stdin=certificates(20))
    with frozen(cluster.process("kube-apiserver")):
        took = stop(leader)

    assert took < WITHIN


def test_a_ca_that_does_not_answer_is_not_waited_for(
    product: Product, cluster: Cluster, leader: Process, namespace: str
) -> None:
    """The order is left as it is, and goes on with the next process."""
    ca = cluster.pebble(f"stopping-ca-{next(NUMBERS)}", PebbleSettings())
    shop = Shop(product, cluster, namespace)
    shop.apply(product.issuer("pebble", namespace, ca=ca))
    shop.ready("Issuer", "pebble")
    with frozen(cluster.process(ca.name)):
        shop.ingress("web", shop.host(), annotations={ISSUER: "pebble"})
        eventually(lambda: shop.all("Order"), "an Order waits for the CA")
        time.sleep(1)
        took = stop(leader)

    assert took < WITHIN
    again = product.start_shim("--leader-elect=false", name=f"stopping-{next(NUMBERS)}")
    try:
        assert shop.issued("web-tls", 60).is_pair
    finally:
        again.kill()


def test_a_webhook_ends_though_the_api_server_keeps_its_connections(
    product: Product, cluster: Cluster, namespace: str
) -> None:
    """They are idle: the API server would keep them for a minute and a half."""
    process = product.start_webhook()
    try:
        path = f"/apis/cert-manager.io/v1/namespaces/{namespace}/issuers?dryRun=All"
        issuer = {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": "x"}}
        cluster.api.post(path, {**issuer, "spec": {"selfSigned": {}}})
        with requests.Session() as session:  # somebody else who keeps one
            assert session.get(f"{product.webhook_health}/livez", timeout=5).ok
            took = stop(process)
    finally:
        process.kill()
        product.withdraw_admission()

    assert took < WITHIN


def test_a_webhook_ends_though_the_api_server_does_not_answer(product: Product, cluster: Cluster) -> None:
    """Its watches and its lookups are cut."""
    process = product.start_webhook()
    try:
        with frozen(cluster.process("kube-apiserver")):
            took = stop(process)
    finally:
        process.kill()
        product.withdraw_admission()

    assert took < WITHIN
