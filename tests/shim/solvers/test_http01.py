from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from certs.api.challenge import Challenge
from certs.api.core import EndpointSlice, Service
from certs.api.ingress import Ingress
from certs.api.issuer import ACMESolver, HTTP01Ingress, HTTP01Solver, IngressTemplate, TemplateMeta
from certs.api.meta import KubeObject, ObjectMeta, OwnerReference, encode
from shim.kube.cluster import Cluster
from shim.solvers.http01 import HTTP01, SERVICE, Responders, responder_endpoints, responder_service, route, route_name
from shim.solvers.selfcheck import NotReachable, SelfCheck
from shim.stores import Stores
from tests.certs.decide.objects import HOST, certificate, challenge, order, request
from tests.fakes.apiserver import FakeAPIServer
from tests.shim.conftest import Put

ADDRESSES = Responders(("10.0.0.1", "10.0.0.2"), 8089)
NAME = Responders(("shim.certs.svc",), 8089)
ROUTE = route_name(HOST)


def solved_by(host: str = HOST, **ingress: Any) -> Challenge:
    return challenge(host, solver=ACMESolver(http01=HTTP01Solver(ingress=HTTP01Ingress(**ingress))))


def plain(obj: KubeObject) -> dict[str, Any]:
    """Return the object as the API server gets it."""
    made: dict[str, Any] = msgspec.json.decode(encode(obj))
    return made


@pytest.fixture
def http01(kube: Cluster, stores: Stores) -> HTTP01:
    return HTTP01(stores, kube.client, ADDRESSES, SelfCheck())


def test_route_leads_the_host_to_the_responder() -> None:
    """One rule, the whole prefix, the Service by its port's name."""
    made = plain(route(challenge(), None))

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
    by_annotation = route(solved_by(class_="nginx"), None)
    by_field = route(solved_by(ingress_class_name="nginx"), None)

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
    metadata = route(solved_by(ingress_template=template), None).metadata

    assert metadata.annotations == {"nginx.ingress.kubernetes.io/whitelist-source-range": "10.0.0.0/8", "more": "x"}
    assert metadata.labels["team"] == "a"
    assert metadata.labels["acme.cert-manager.io/http01-solver"] == "true"


@pytest.mark.parametrize("host", ["10.0.0.1", "2001:db8::1"])
def test_an_address_is_asked_for_without_a_host(host: str) -> None:
    """A rule's host must be a name; one without serves every host."""
    assert route(solved_by(host), None).spec.rules[0].host == ""


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


def test_route_goes_with_its_owner_but_is_not_controlled() -> None:
    """Several Certificates may share it."""
    owner = OwnerReference("cert-manager.io/v1", "Certificate", "shop", "uid-of-shop", controller=True)

    assert route(challenge(), owner).metadata.owner_references == (
        OwnerReference("cert-manager.io/v1", "Certificate", "shop", "uid-of-shop"),
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
        "endpoints": [{"addresses": ["10.0.0.1", "10.0.0.2"]}],
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
