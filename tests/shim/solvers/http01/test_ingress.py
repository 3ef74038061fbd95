from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from certs.api.challenge import Challenge
from certs.api.core import Endpoint, EndpointConditions, EndpointSlice, ResponderSlice, Service
from certs.api.ingress import Ingress
from certs.api.issuer import (
    ACMESolver,
    HTTP01GatewayHTTPRoute,
    HTTP01Ingress,
    HTTP01Solver,
    IngressTemplate,
    TemplateMeta,
)
from certs.api.meta import KubeObject, ObjectMeta, OwnerReference, encode, owner_reference
from certs.route import SERVICE
from shim.kube.cluster import Cluster
from shim.kube.errors import Invalid
from shim.solvers.http01 import RoutedHost
from shim.solvers.http01.ingress import route
from shim.solvers.http01.owners import route_name
from shim.solvers.http01.responders import Responders, responder_endpoints, responder_service, with_replicas
from shim.solvers.http01.solver import HTTP01
from shim.solvers.selfcheck import NotReachable, SelfCheck
from shim.stores import Stores
from tests.certs.decide.objects import HOST, certificate, challenge, order, request
from tests.fakes.apiserver import FakeAPIServer, Status
from tests.shim.conftest import Put

ADDRESSES = Responders(("10.0.0.1", "10.0.0.2"), 8089)
NAME = Responders(("shim.certs.svc",), 8089)
ROUTE = route_name(HOST)


def solved_by(host: str = HOST, **ingress: Any) -> Challenge:
    return challenge(host, solver=ACMESolver(http01=HTTP01Solver(ingress=HTTP01Ingress(**ingress))))


def hosted(of: Challenge | None = None) -> RoutedHost:
    of = of or challenge()
    assert of.spec.solver.http01 is not None
    return RoutedHost("web", of.spec.dns_name, of.spec.solver.http01)


def plain(obj: KubeObject) -> dict[str, Any]:
    """Return the object as the API server gets it."""
    made: dict[str, Any] = msgspec.json.decode(encode(obj))
    return made


@pytest.fixture
def http01(kube: Cluster, stores: Stores) -> HTTP01:
    return HTTP01(stores, kube.client, ADDRESSES, SelfCheck())


def test_route_leads_the_host_to_the_responder() -> None:
    """One rule, the whole prefix, the Service by its port's name."""
    made = plain(route(hosted()))

    assert made == {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": ROUTE,
            "namespace": "web",
            "labels": {
                "acme.cert-manager.io/http01-solver": "true",
                "acme.cert-manager.io/http-domain": "905643595",
            },
            "annotations": {"nginx.ingress.kubernetes.io/whitelist-source-range": "0.0.0.0/0,::/0"},
        },
        "spec": {
            "rules": [
                {
                    "host": HOST,
                    "http": {
                        "paths": [
                            {
                                "path": "/.well-known/acme-challenge/",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": SERVICE, "port": {"name": "http"}}},
                            }
                        ]
                    },
                }
            ]
        },
    }


def test_class_is_the_solvers() -> None:
    """By annotation, by field, or neither."""
    by_annotation = route(hosted(solved_by(class_="nginx")))
    by_field = route(hosted(solved_by(ingress_class_name="nginx")))

    assert by_annotation.metadata.annotations["kubernetes.io/ingress.class"] == "nginx"
    assert by_annotation.spec.ingress_class_name is None
    assert "kubernetes.io/ingress.class" not in by_field.metadata.annotations
    assert by_field.spec.ingress_class_name == "nginx"


def test_template_adds_and_overrides() -> None:
    """Annotations of the template win over ours; our labels win over the template's, since we find it by them."""
    template = IngressTemplate(
        metadata=TemplateMeta(
            annotations={"nginx.ingress.kubernetes.io/whitelist-source-range": "10.0.0.0/8", "more": "x"},
            labels={"acme.cert-manager.io/http01-solver": "false", "team": "a"},
        )
    )
    metadata = route(hosted(solved_by(ingress_template=template))).metadata

    assert metadata.annotations == {"nginx.ingress.kubernetes.io/whitelist-source-range": "10.0.0.0/8", "more": "x"}
    assert metadata.labels["team"] == "a"
    assert metadata.labels["acme.cert-manager.io/http01-solver"] == "true"


@pytest.mark.parametrize("host", ["10.0.0.1", "2001:db8::1"])
def test_an_address_is_asked_for_without_a_host(host: str) -> None:
    """A rule's host must be a name; one without serves every host."""
    assert route(hosted(solved_by(host))).spec.rules[0].host == ""


@pytest.mark.parametrize(
    ("host", "name"),
    [
        pytest.param(HOST, "acme-shop.example.org-eba1c86c", id="host"),
        pytest.param("2001:db8::1", "acme-2001-db8--1-", id="IPv6"),
        pytest.param("::1", "acme-1-", id="IPv6 loopback"),
        pytest.param("a" * 39 + ".example.org", "acme-" + "a" * 39 + "-", id="cut at a dot"),
        pytest.param("a." * 120 + "test", "acme-" + "a." * 19 + "a-", id="long"),
    ],
)
def test_route_has_a_name(host: str, name: str) -> None:
    """Readable, short, and the host's own."""
    made = route_name(host)

    assert made.startswith(name)
    assert len(made) <= 54
    assert made == route_name(host) != route_name(f"{host}x")


def test_route_goes_with_its_owner_but_is_not_controlled(http01: HTTP01, put: Put, stores: Stores) -> None:
    """Several Certificates may share it."""
    put(certificate())
    put(request(certificate()))
    put(order())
    http01.ensure(challenge())
    made = stores.ingresses.get("web", ROUTE)

    assert made is not None
    assert made.metadata.owner_references == (
        OwnerReference("cert-manager.io/v1", "Certificate", "shop", certificate().metadata.uid),
    )


def test_addresses_stand_behind_a_service_without_selector() -> None:
    """And an EndpointSlice that is bound to it by label."""
    service, endpoints = responder_service("web", ADDRESSES), responder_endpoints("web", ADDRESSES)

    assert plain(service)["spec"] == {"ports": [{"port": 8089, "name": "http", "targetPort": 8089}]}
    assert endpoints is not None
    assert plain(endpoints) | {"metadata": None} == {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": None,
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"]}],
        "ports": [{"name": "http", "port": 8089}],
    }
    assert endpoints.metadata.labels["kubernetes.io/service-name"] == SERVICE


def test_ipv6_addresses_are_of_their_own_type() -> None:
    """A slice is of one family."""
    endpoints = responder_endpoints("web", Responders(("2001:db8::1",), 8089))

    assert endpoints is not None
    assert endpoints.address_type == "IPv6"


def test_a_name_stands_behind_an_external_name() -> None:
    """There are no endpoints then."""
    service = responder_service("web", NAME)

    assert (service.spec.type, service.spec.external_name) == ("ExternalName", "shim.certs.svc")
    assert responder_endpoints("web", NAME) is None


def test_what_is_missing_is_made(http01: HTTP01, api: FakeAPIServer) -> None:
    """Three objects once, nothing the second time."""
    assert not http01.is_ready(challenge())

    http01.ensure(challenge())

    assert http01.is_ready(challenge())
    assert api.count("apply") == 3
    http01.ensure(challenge())
    assert api.count("apply") == 3


def test_a_second_host_needs_only_a_route(http01: HTTP01, api: FakeAPIServer) -> None:
    """Service and endpoints are the namespace's."""
    http01.ensure(challenge())
    http01.ensure(challenge("www.example.org"))

    assert api.count("apply") == 4


def test_behind_a_name_two_objects_are_enough(kube: Cluster, stores: Stores, api: FakeAPIServer) -> None:
    """Service and route."""
    by_name = HTTP01(stores, kube.client, NAME, SelfCheck())
    by_name.ensure(challenge())

    assert by_name.is_ready(challenge())
    assert api.count("apply") == 2


def test_new_settings_reach_what_was_made_before(http01: HTTP01, kube: Cluster, stores: Stores) -> None:
    """Another address, another port, a name: each is a difference."""
    http01.ensure(challenge())

    for responders in (Responders(("10.0.0.3",), 8089), Responders(("10.0.0.1", "10.0.0.2"), 80), NAME):
        assert not HTTP01(stores, kube.client, responders, SelfCheck()).is_ready(challenge())


def change(obj: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(obj, **fields)


def relabel(obj: Any, **labels: str) -> Any:
    return change(obj, metadata=change(obj.metadata, labels=labels))


def unbound(obj: Any) -> Any:
    """Return the slice without the label that binds it to its Service."""
    return relabel(obj, **{"acme.cert-manager.io/http01-solver": "true"})


@pytest.mark.parametrize(
    ("kind", "name", "edit", "ready"),
    [
        pytest.param(Service, SERVICE, lambda one: change(one, spec=change(one.spec, ports=())), False, id="ports"),
        pytest.param(
            Service, SERVICE, lambda one: change(one, spec=change(one.spec, external_name="x")), False, id="name"
        ),
        pytest.param(
            Service, SERVICE, lambda one: change(one, spec=change(one.spec, type="ClusterIP")), True, id="default type"
        ),
        pytest.param(EndpointSlice, SERVICE, lambda one: change(one, endpoints=()), False, id="endpoints"),
        pytest.param(EndpointSlice, SERVICE, lambda one: change(one, ports=()), False, id="endpoints' ports"),
        pytest.param(EndpointSlice, SERVICE, unbound, False, id="endpoints' labels"),
        pytest.param(Ingress, ROUTE, lambda one: change(one, spec=change(one.spec, rules=())), False, id="rules"),
        pytest.param(
            Ingress,
            ROUTE,
            lambda one: change(one, spec=change(one.spec, ingress_class_name="default")),
            True,
            id="a class by default",
        ),
        pytest.param(
            Ingress,
            ROUTE,
            lambda one: change(one, metadata=change(one.metadata, annotations={})),
            False,
            id="annotations",
        ),
        pytest.param(
            Ingress,
            ROUTE,
            lambda one: change(one, metadata=change(one.metadata, annotations=one.metadata.annotations | {"a": "b"})),
            True,
            id="more annotations",
        ),
        pytest.param(Ingress, ROUTE, relabel, False, id="labels"),
    ],
)
def test_ready_means_that_nothing_differs(
    http01: HTTP01, kube: Cluster, put: Put, kind: type, name: str, edit: Callable[[Any], Any], *, ready: bool
) -> None:
    """What somebody changed is mended; what the API server or others added is left alone."""
    http01.ensure(challenge())
    put(edit(kube.client.get(kind, "web", name)))

    assert http01.is_ready(challenge()) is ready
    http01.ensure(challenge())


TAKEN = Status(
    400,
    "BadRequest",
    f'admission webhook "validate.nginx.ingress.kubernetes.io" denied the request: host "{HOST}" and path '
    f'"/.well-known/acme-challenge/" is already defined in ingress other/{ROUTE}',
)


def in_other(*, class_name: str | None = None) -> Ingress:
    """Return the route of the same host in another namespace."""
    http01 = HTTP01Solver(ingress=HTTP01Ingress(ingress_class_name=class_name))
    return route(RoutedHost("other", HOST, http01))


def test_a_route_that_stands_elsewhere_does_where_no_second_may_be(
    http01: HTTP01, api: FakeAPIServer, put: Put, kube: Cluster, stores: Stores
) -> None:
    """As ingress-nginx has it; when the first one goes, ours is made."""
    http01.ensure(challenge("www.example.org"))
    put(in_other())
    api.script("apply", TAKEN)

    http01.ensure(challenge())
    applied = api.count("apply")
    http01.ensure(challenge())

    assert http01.is_ready(challenge())
    assert api.count("apply") == applied
    assert stores.ingresses.get("web", ROUTE) is None

    kube.client.delete(Ingress, "other", ROUTE)
    assert not http01.is_ready(challenge())
    http01.ensure(challenge())
    assert stores.ingresses.get("web", ROUTE) is not None


@pytest.mark.parametrize(
    "elsewhere", [None, in_other(class_name="inner")], ids=["nothing elsewhere", "of another class elsewhere"]
)
def test_a_route_that_may_not_be_made_is_an_error(
    http01: HTTP01, api: FakeAPIServer, put: Put, elsewhere: Ingress | None
) -> None:
    http01.ensure(challenge("www.example.org"))
    if elsewhere is not None:
        put(elsewhere)
    asked = solved_by(ingress_class_name="nginx")
    api.script("apply", TAKEN)

    with pytest.raises(Invalid, match="is already defined in ingress"):
        http01.ensure(asked)

    assert not http01.is_ready(asked)
    http01.ensure(asked)
    assert http01.is_ready(asked)


def test_another_class_is_a_difference(http01: HTTP01) -> None:
    """A solver that names one wants it."""
    http01.ensure(solved_by(ingress_class_name="a"))

    assert http01.is_ready(solved_by(ingress_class_name="a"))
    assert http01.is_ready(solved_by())
    assert not http01.is_ready(solved_by(ingress_class_name="b"))


@pytest.mark.parametrize(
    ("present", "owner"),
    [
        pytest.param(("request", "order"), "Certificate", id="the whole chain"),
        pytest.param(("order",), "CertificateRequest", id="the request is gone"),
        pytest.param((), "Order", id="the Order is gone"),
    ],
)
def test_route_belongs_to_the_nearest_that_stays(
    http01: HTTP01, put: Put, stores: Stores, present: tuple[str, ...], owner: str
) -> None:
    """The Certificate, by way of Order and request; else as far as the way leads."""
    for obj in (request(certificate()), order()):
        if type(obj).__name__.removeprefix("Certificate").lower() in present:
            put(obj)
    http01.ensure(challenge())
    made = stores.ingresses.get("web", ROUTE)

    assert made is not None
    assert [one.kind for one in made.metadata.owner_references] == [owner]
    assert not made.metadata.owner_references[0].controller


def test_without_an_owner_the_route_has_none(http01: HTTP01, stores: Stores) -> None:
    """A Challenge that somebody made by hand."""
    orphan = challenge()
    orphan = change(orphan, metadata=ObjectMeta(name="by-hand", namespace="web"))
    http01.ensure(orphan)
    made = stores.ingresses.get("web", ROUTE)

    assert made is not None
    assert made.metadata.owner_references == ()


def test_check_asks_for_the_token(kube: Cluster, stores: Stores) -> None:
    """At the host, under the well-known path; nobody is there."""
    with pytest.raises(NotReachable, match=r"http://127\.0\.0\.1/\.well-known/acme-challenge/token-of-127\.0\.0\.1"):
        HTTP01(stores, kube.client, ADDRESSES, SelfCheck(port=1, loopback=True)).check(challenge("127.0.0.1"))


def owners_of(stores: Stores) -> list[str]:
    made = stores.ingresses.get("web", ROUTE)
    assert made is not None
    return [one.name for one in made.metadata.owner_references]


def needed_by(name: str, put: Put) -> RoutedHost:
    """Return the host as the Certificate of that name needs it."""
    cert = certificate(name)
    put(cert)
    return RoutedHost("web", HOST, HTTP01Solver(ingress=HTTP01Ingress()), owner_reference(cert))


def test_who_needs_a_shared_route_is_added_to_its_owners(http01: HTTP01, put: Put, stores: Stores) -> None:
    """And who is gone is not written down again."""
    one, two, three = (needed_by(name, put) for name in ("one", "two", "three"))
    way = http01.lasting(one)
    assert way is not None

    way.make(one)
    assert (way.stands(one), way.stands(two)) == (True, False)
    way.make(two)
    assert owners_of(stores) == ["one", "two"]
    assert (way.stands(one), way.stands(two)) == (True, True)

    stores.certificates.forget("web", "one", uid=certificate("one").metadata.uid)
    assert way.stands(two)
    way.make(three)
    assert owners_of(stores) == ["two", "three"]


def test_an_order_does_not_join_the_certificates(http01: HTTP01, put: Put, stores: Stores) -> None:
    """It goes soon, and whoever needed it has a Certificate."""
    one = needed_by("one", put)
    way = http01.lasting(one)
    assert way is not None
    way.make(one)

    http01.ensure(challenge())

    assert owners_of(stores) == ["one"]


def test_two_at_the_same_moment_write_once(kube: Cluster, stores: Stores, put: Put, api: FakeAPIServer) -> None:
    """Certificate and Challenge, or two Certificates of a namespace: the second finds what the first has made."""
    http01 = HTTP01(stores, kube.client, ADDRESSES, SelfCheck())
    host = needed_by("one", put)
    way = http01.lasting(host)
    assert way is not None
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(way.make, [host] * 8))

    assert api.count("apply") == 3


def test_addresses_of_another_family_are_made_anew(http01: HTTP01, kube: Cluster, stores: Stores) -> None:
    """The API server refuses another type of addresses in a slice."""
    http01.ensure(challenge())
    before = stores.slices.get("web", SERVICE)

    HTTP01(stores, kube.client, Responders(("2001:db8::1",), 8089), SelfCheck()).ensure(challenge())

    after = stores.slices.get("web", SERVICE)
    assert before is not None
    assert after is not None
    assert (before.address_type, after.address_type) == ("IPv4", "IPv6")
    assert before.metadata.uid != after.metadata.uid


@pytest.mark.parametrize(
    ("solver", "lasts"),
    [
        (HTTP01Solver(ingress=HTTP01Ingress()), True),
        (HTTP01Solver(gateway_http_route=HTTP01GatewayHTTPRoute()), True),
        (HTTP01Solver(ingress=HTTP01Ingress(name="web")), False),
    ],
    ids=["Ingress", "HTTPRoute", "named Ingress"],
)
def test_what_can_be_made_before_there_is_a_challenge(http01: HTTP01, solver: HTTP01Solver, *, lasts: bool) -> None:
    """Not what is taken away with it."""
    assert (http01.lasting(RoutedHost("web", HOST, solver)) is not None) is lasts


@pytest.mark.parametrize(
    ("own", "endpoints", "expected"),
    [
        ("10.0.0.1", [], ("10.0.0.1",)),
        ("10.0.0.1", [("10.0.0.2", True), ("10.0.0.1", True)], ("10.0.0.1", "10.0.0.2")),
        ("10.0.0.1", [("10.0.0.2", False), ("10.0.0.3", None)], ("10.0.0.1", "10.0.0.3")),
        ("2001:db8::1", [("10.0.0.2", True)], ("2001:db8::1",)),
        ("shim.certs.svc", [("10.0.0.2", True)], ("shim.certs.svc",)),
    ],
    ids=["none known", "all ready", "one is not ready", "other family", "a name"],
)
def test_every_ready_replica_stands_behind_the_service(
    own: str, endpoints: list[tuple[str, bool | None]], expected: tuple[str, ...]
) -> None:
    """Ourselves always, the others while they are ready; absent means ready."""
    known = tuple(Endpoint((address,), EndpointConditions(ready)) for address, ready in endpoints)
    slices = [ResponderSlice(metadata=ObjectMeta(name="x"), address_type="IPv4", endpoints=known)]

    assert with_replicas(Responders((own,), 8089), slices).hosts == expected
