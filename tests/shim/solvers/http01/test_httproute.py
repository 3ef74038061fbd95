from __future__ import annotations

import msgspec
import pytest

from certs.api.challenge import Challenge
from certs.api.gateway import HTTPRouteStatus, RouteCondition, RouteParentStatus
from certs.api.issuer import ACMESolver, HTTP01GatewayHTTPRoute, HTTP01Solver, ParentReference
from certs.api.meta import encode
from certs.outcomes import WaitingForUser
from certs.route import PREFIX, SERVICE
from shim.kube.cluster import Cluster
from shim.solvers.http01 import RoutedHost
from shim.solvers.http01.httproute import GatewayRoute, http_route
from shim.solvers.http01.owners import route_name
from shim.solvers.http01.responders import Entrance, Responders
from shim.solvers.http01.solver import HTTP01
from shim.solvers.selfcheck import SelfCheck
from shim.stores import Stores
from tests.certs.decide.objects import HOST, challenge
from tests.fakes.apiserver import FakeAPIServer
from tests.shim.conftest import Put

PARENT = ParentReference(name="edge", namespace="infra", section_name="web")
GATEWAY = HTTP01Solver(gateway_http_route=HTTP01GatewayHTTPRoute(labels={"team": "a"}, parent_refs=(PARENT,)))
NAME = route_name(HOST)


def through(solver: HTTP01Solver = GATEWAY) -> Challenge:
    return challenge(solver=ACMESolver(http01=solver))


@pytest.fixture
def http01(kube: Cluster, stores: Stores) -> HTTP01:
    return HTTP01(stores, kube.client, Responders(("shim.certs.svc",), 8089), SelfCheck())


@pytest.fixture
def gateway(kube: Cluster, stores: Stores) -> GatewayRoute:
    entrance = Entrance(stores, kube.client, Responders(("shim.certs.svc",), 8089))
    return GatewayRoute(stores, kube.client, entrance, 8089, stores.gateway_api)


def test_the_route_has_the_parents_of_the_solver_and_leads_to_the_responder() -> None:
    """With what the API would fill in, so that what stands can be compared."""
    assert msgspec.json.decode(encode(http_route(RoutedHost("web", HOST, GATEWAY), (), 8089))) == {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": NAME,
            "namespace": "web",
            "labels": {
                "team": "a",
                "acme.cert-manager.io/http01-solver": "true",
                "acme.cert-manager.io/http-domain": "905643595",
            },
        },
        "spec": {
            "parentRefs": [
                {
                    "group": "gateway.networking.k8s.io",
                    "kind": "Gateway",
                    "name": "edge",
                    "namespace": "infra",
                    "sectionName": "web",
                }
            ],
            "hostnames": [HOST],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": PREFIX}}],
                    "backendRefs": [{"name": SERVICE, "port": 8089, "weight": 1}],
                }
            ],
        },
    }


def test_a_parent_of_the_core_group_stays_one() -> None:
    """A Service as parent, as meshes have it: the empty group is a group."""
    mesh = HTTP01GatewayHTTPRoute(parent_refs=(ParentReference(name="shop", group="", kind="Service"),))
    (parent,) = http_route(RoutedHost("web", HOST, HTTP01Solver(gateway_http_route=mesh)), (), 80).spec.parent_refs

    assert (parent.group, parent.kind) == ("", "Service")


def test_an_address_is_asked_for_without_a_host() -> None:
    assert http_route(RoutedHost("web", "192.0.2.1", GATEWAY), (), 80).spec.hostnames == ()


def test_what_is_missing_is_made_once(http01: HTTP01, api: FakeAPIServer, stores: Stores) -> None:
    """Service and HTTPRoute, and no Ingress."""
    assert not http01.is_ready(through())

    http01.ensure(through())
    http01.ensure(through())

    assert http01.is_ready(through())
    assert api.count("apply") == 2
    assert len(stores.ingresses) == 0
    assert http01.is_clear(through())


def test_another_gateway_is_a_difference(http01: HTTP01) -> None:
    http01.ensure(through())
    other = HTTP01GatewayHTTPRoute(parent_refs=(ParentReference(name="other"),))

    assert not http01.is_ready(through(HTTP01Solver(gateway_http_route=other)))


def test_a_cluster_without_the_api_is_told_so(http01: HTTP01, stores: Stores, api: FakeAPIServer) -> None:
    """And goes on once it is there."""
    stores.gateway_api.miss("404 page not found")

    with pytest.raises(WaitingForUser, match=r"does not serve httproutes\.gateway\.networking\.k8s\.io \(404"):
        http01.ensure(through())

    assert api.count("apply") == 0
    stores.gateway_api.find()
    http01.ensure(through())
    assert http01.is_ready(through())


def test_a_solver_without_parents_is_told_so(http01: HTTP01) -> None:
    """Such a route is attached to nothing."""
    with pytest.raises(WaitingForUser, match="has no parentRefs; name the Gateway there"):
        http01.ensure(through(HTTP01Solver(gateway_http_route=HTTP01GatewayHTTPRoute())))


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        (RouteCondition("Accepted", "True", "Accepted"), ""),
        (RouteCondition("Accepted", "Unknown", "Pending"), ""),
        (RouteCondition("Programmed", "False", "Pending"), ""),
        (RouteCondition("Accepted", "False", "NoMatchingParent", "no listener"), "NoMatchingParent: no listener"),
        (RouteCondition("ResolvedRefs", "False", "BackendNotFound", "no Service"), "BackendNotFound: no Service"),
    ],
    ids=lambda value: f"{value.type} {value.status}" if isinstance(value, RouteCondition) else "",
)
def test_what_a_gateway_has_against_the_route(
    gateway: GatewayRoute, stores: Stores, put: Put, condition: RouteCondition, told: str
) -> None:
    """Only what it says for sure."""
    gateway.ensure(through())
    made = stores.http_routes.get("web", NAME)
    assert made is not None
    status = HTTPRouteStatus(parents=(RouteParentStatus(PARENT, (condition,)),))
    put(msgspec.structs.replace(made, status=status))

    said = gateway.obstacle(through())

    assert said == (f'Gateway "infra/edge" does not take HTTPRoute "{NAME}": {told}' if told else "")


def test_a_route_that_is_not_there_is_said(gateway: GatewayRoute) -> None:
    said = gateway.obstacle(through())

    assert said == f'HTTPRoute "{NAME}", the route of "{HOST}", is not there'
