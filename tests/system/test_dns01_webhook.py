"""DNS-01 by a third party's webhook solver, through the real aggregator and under the RBAC that we ship."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.cluster import Cluster, Pebble, PebbleSettings, Process
from tests.cluster.named import Named
from tests.product import NAMESPACE, Product
from tests.system.nameservers import serving
from tests.system.shop import Shop, eventually
from tests.system.test_dns01 import ZONE, Zone, start
from tests.system.thirdparty import API_SERVICE, GROUP, RESOURCE, ThirdParty

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

DOCS: Final = Path(__file__).parents[2] / "docs" / "dns01.md"
COMMANDS: Final = re.compile(r"^kubectl (create clusterrole(?:binding)? ask-the-solver .*)$", re.MULTILINE)
SHIM: Final = f"system:serviceaccount:{NAMESPACE}:certshim-shim"
SOON: Final = 30.0  # seconds from the remedy to the certificate: attempts go on, ever more rarely, up to five minutes


@pytest.fixture(scope="module")
def named(cluster: Cluster) -> Iterator[Named]:
    with serving(cluster, "named-vendor", ZONE) as made:
        yield made


@pytest.fixture(scope="module")
def ca(cluster: Cluster, named: Named) -> Iterator[Pebble]:
    """A Pebble that resolves with named."""
    made = cluster.pebble("pebble-vendor", PebbleSettings(), resolver=named.address)
    yield made
    cluster.stop_pebble(made)


@pytest.fixture(scope="module")
def shim(product: Product, named: Named) -> Iterator[Process]:
    process = start(product, named)
    yield process
    process.stop()


@pytest.fixture
def solver(cluster: Cluster, named: Named, tmp_path: Path) -> Iterator[ThirdParty]:
    """The solver, installed; nobody may ask it yet."""
    with ThirdParty(cluster, named, tmp_path).serving() as solver:
        solver.register()
        yield solver
        solver.unregister()
    for kind in ("clusterrolebinding", "clusterrole"):
        cluster.kubectl("delete", kind, "ask-the-solver", "--ignore-not-found")


@pytest.fixture
def zone(product: Product, cluster: Cluster, shim: Process, named: Named, ca: Pebble, namespace: str) -> Zone:
    made = Zone(Shop(product, cluster, namespace), named, ca)
    made.key()
    return made


def allow(cluster: Cluster) -> None:
    """Run the commands of the page, as an admin does."""
    commands = COMMANDS.findall(DOCS.read_text(encoding="utf-8"))
    assert len(commands) == 2
    for command in commands:
        cluster.kubectl(*shlex.split(command.replace("SOLVER.GROUP", f"{RESOURCE}.{GROUP}")))


def ask(zone: Zone, *names: str) -> None:
    """Ask for a certificate from an issuer that proves its names by the solver."""
    config = {"tsigSecretRef": {"name": "tsig", "key": "key"}, "ttl": 60}
    webhook = {"groupName": GROUP, "solverName": RESOURCE, "config": config}
    acme = zone.shop.product.acme("dns", zone.ca) | {"solvers": [{"dns01": {"webhook": webhook}}]}
    zone.shop.apply(
        {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": "dns"}, "spec": {"acme": acme}}
    )
    zone.shop.ready("Issuer", "dns")
    zone.certificate(*names)


def test_it_is_refused_until_the_shim_may_ask(zone: Zone, cluster: Cluster, solver: ThirdParty) -> None:
    """The API server refuses, and the Challenge says what to allow; then wildcard and apex come, and nothing stays."""
    host = zone.host()
    ask(zone, host, f"*.{host}")
    reason = eventually(zone.reason, "a reason")
    assert f'User "{SHIM}" cannot create resource "{RESOURCE}" in API group "{GROUP}"' in reason
    assert f"allow the shim's service account to create {RESOURCE} in {GROUP}" in reason
    assert "next attempt at" in reason
    assert solver.asked == []

    allow(cluster)

    assert set(zone.shop.issued("site", SOON).leaf.dns_names) == {host, f"*.{host}"}
    eventually(lambda: not zone.shop.all("Challenge"), "the Challenges are gone")
    assert not zone.record(host)
    presented, cleaned = solver.told("Present"), solver.told("CleanUp")
    assert len({one["key"] for one in presented}) == 2
    assert {one["key"] for one in cleaned} == {one["key"] for one in presented}
    assert {one["user"] for one in solver.asked} == {SHIM}
    for one in solver.asked:
        assert one["type"] == "dns-01"
        assert one["dnsName"] == host
        assert one["resolvedFQDN"] == f"_acme-challenge.{host}."
        assert one["resolvedZone"] == f"{ZONE}."
        assert one["resourceNamespace"] == zone.shop.namespace
        assert one["config"] == {"tsigSecretRef": {"name": "tsig", "key": "key"}, "ttl": 60}
        assert not one["allowAmbientCredentials"]


def test_values_of_others_stay(zone: Zone, cluster: Cluster, solver: ThirdParty) -> None:
    allow(cluster)
    host = zone.host()
    zone.named.put(ZONE, f"_acme-challenge.{host}", "TXT", '"somebody-else"')

    ask(zone, host)

    zone.shop.issued("site")
    eventually(lambda: not zone.shop.all("Challenge"), "the Challenge is gone")
    assert zone.record(host) == {"somebody-else"}
    assert len(solver.told("CleanUp")) == 1


def test_a_solver_that_is_not_installed_is_told(zone: Zone, cluster: Cluster, solver: ThirdParty) -> None:
    """And used once it is there, although no watch tells that it is."""
    allow(cluster)
    solver.unregister()
    ask(zone, zone.host())
    reason = eventually(zone.reason, "a reason")
    assert f"install the solver, whose APIService serves {API_SERVICE}" in reason
    assert "next attempt at" in reason

    solver.register()

    zone.shop.issued("site", SOON)


def test_what_the_solver_says_is_told(zone: Zone, cluster: Cluster, solver: ThirdParty) -> None:
    """Its own words; the moment the Secret that its configuration names is mended, it is asked again."""
    allow(cluster)
    zone.key("aHVudGVyMg==")
    ask(zone, zone.host())
    reason = eventually(zone.reason, "a reason")
    assert f'by the webhook solver "{RESOURCE}" of {GROUP}, in zone {ZONE}: vendor: ' in reason
    time.sleep(3)  # past the first attempts, so that a success at once is due to the change
    began = time.monotonic()

    zone.key()

    zone.shop.issued("site")
    assert time.monotonic() - began < 5


def test_a_solver_that_is_down_is_waited_for(zone: Zone, cluster: Cluster, solver: ThirdParty) -> None:
    """To write, and to take out: the Certificate does not wait for the second."""
    allow(cluster)
    host = zone.host()
    solver.fail(down=True)
    ask(zone, host)
    eventually(lambda: f'by the webhook solver "{RESOURCE}"' in zone.reason(), "the reason")

    solver.fail(down=False)

    zone.shop.issued("site", SOON)
    eventually(lambda: not zone.shop.all("Challenge"), "the Challenge is gone")
    assert not zone.record(host)
