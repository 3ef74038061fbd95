from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from certs.api.certificate import Certificate, CertificateStatus
from certs.api.issuer import ACMESolver, HTTP01Ingress, HTTP01Solver
from certs.api.meta import IssuerReference
from certs.outcomes import Transient
from shim.controllers.route import RouteController
from shim.controllers.world import World
from shim.kube.cluster import Cluster
from shim.solvers.http01.owners import route_name
from shim.solvers.http01.responders import Responders
from shim.solvers.http01.solver import HTTP01
from shim.solvers.selfcheck import SelfCheck
from shim.stores import Stores
from tests.certs.decide.objects import HOST, NOW, certificate, condition, issuer
from tests.fakes.apiserver import FakeAPIServer
from tests.shim.conftest import Put
from tests.shim.controllers.conftest import drive


@pytest.fixture
def routes(world: World, kube: Cluster, stores: Stores) -> RouteController:
    return RouteController(world, HTTP01(stores, kube.client, Responders(("10.0.0.1",), 8089), SelfCheck()))


def test_a_certificate_has_its_routes_before_its_order(routes: RouteController, put: Put, stores: Stores) -> None:
    """One for each name; a second look finds them."""
    put(issuer())
    put(certificate(dns_names=(HOST, "b.test")))

    assert drive(routes, "web", "shop") == ["MakeRoute", "MakeRoute", "Done"]
    assert drive(routes, "web", "shop") == ["Done"]
    made = stores.ingresses.get("web", route_name(HOST))
    assert made is not None
    assert [one.name for one in made.metadata.owner_references] == ["shop"]


def ready(of: Certificate) -> Certificate:
    return msgspec.structs.replace(of, status=CertificateStatus(conditions=(condition("Ready"),)))


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(ready(certificate()), id="valid already"),
        pytest.param(certificate(issuer_ref=IssuerReference("nobody")), id="no issuer"),
        pytest.param(certificate(issuer_ref=IssuerReference("letsencrypt", "Issuer", "example.org")), id="of others"),
    ],
)
def test_who_needs_none_gets_none(routes: RouteController, put: Put, api: FakeAPIServer, given: Certificate) -> None:
    put(issuer())
    put(given)

    assert drive(routes, "web", "shop") == ["Done"]
    assert api.count("apply") == 0


def test_a_path_in_somebody_elses_ingress_is_not_put_in_early(
    routes: RouteController, put: Put, api: FakeAPIServer
) -> None:
    """It is there for as long as a Challenge is."""
    put(issuer(solvers=(ACMESolver(http01=HTTP01Solver(ingress=HTTP01Ingress(name="web"))),)))
    put(certificate())

    assert drive(routes, "web", "shop") == ["Done"]
    assert api.count("apply") == 0


def test_nothing_is_made_before_somebody_else_approves(
    world: World, kube: Cluster, stores: Stores, put: Put, api: FakeAPIServer
) -> None:
    """A request that nobody approves must not have anything led anywhere."""
    strict = replace(world, settings=replace(world.settings, auto_approve=False))
    routes = RouteController(strict, HTTP01(stores, kube.client, Responders(("10.0.0.1",), 8089), SelfCheck()))
    put(issuer())
    put(certificate())

    assert drive(routes, "web", "shop") == ["Done"]
    assert api.count("apply") == 0


def test_what_cannot_be_made_is_left_to_the_challenge(routes: RouteController, put: Put) -> None:
    """Whatever it is, nobody is told twice."""
    put(issuer())
    put(certificate())
    observed = routes.observe("web", "shop")
    assert observed is not None

    routes.report(observed, Transient("no"), None, NOW)

    assert routes.observe("web", "nobody") is None
