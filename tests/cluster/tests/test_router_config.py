"""What Caddy is told: the routes of a world as its JSON, and the same for the same world."""

from __future__ import annotations

import itertools

from tests.cluster.router.config import JSON, Listen, caddy_config
from tests.cluster.router.objects import (
    TLS,
    Backend,
    HTTPPath,
    HTTPRule,
    Ingress,
    IngressSpec,
    Meta,
    Rule,
    Service,
    ServiceBackend,
    ServiceBackendPort,
    ServicePort,
    ServiceSpec,
    World,
)

_LISTEN = Listen(admin="127.0.0.1:2019", plain_port=8080, secure_port=8081, public_https_port=8443)
_NOT_FOUND = {"handler": "static_response", "status_code": 404, "body": "no such route\n"}
_SERVICE = Service(
    Meta("web", "ns"), ServiceSpec("ExternalName", external_name="localhost", ports=(ServicePort(port=9000),))
)


def _ingress(name: str = "web", *, host: str = "a.test", redirect: bool = False) -> Ingress:
    annotations = {"nginx.ingress.kubernetes.io/ssl-redirect": "true"} if redirect else {}
    path = HTTPPath(Backend(ServiceBackend("web", ServiceBackendPort(9000))), "/", "Prefix")
    spec = IngressSpec(rules=(Rule(host, HTTPRule((path,))),), tls=(TLS((host,), "s"),))
    return Ingress(Meta(name, "ns", annotations=annotations), spec)


def _routes(world: World, server: str) -> list[JSON]:
    config = caddy_config(world, _LISTEN)
    return config["apps"]["http"]["servers"][server]["routes"]  # type: ignore[index,no-any-return]  # JSON, by its shape


def _host_route(handler: JSON, host: str = "a.test") -> JSON:
    path = {"match": [{"path_regexp": {"pattern": "^/"}}], "handle": [handler], "terminal": True}
    inner = {"handler": "subroute", "routes": [path, {"handle": [_NOT_FOUND]}]}
    return {"match": [{"host": [host]}], "handle": [inner], "terminal": True}


def test_nothing_gives_not_found() -> None:
    """An empty world answers everything with 404."""
    assert _routes(World(), "plain") == [{"handle": [_NOT_FOUND]}]


def test_path_goes_to_its_backend() -> None:
    """A path is proxied to the addresses of its Service, on both servers."""
    world = World(ingresses=(_ingress(),), services=(_SERVICE,))
    proxied = _host_route({"handler": "reverse_proxy", "upstreams": [{"dial": "localhost:9000"}]})

    assert _routes(world, "plain")[0] == _routes(world, "secure")[0] == proxied


def test_backend_without_endpoints_is_unavailable() -> None:
    """A path whose Service has no address is answered 503."""
    unavailable = {"handler": "static_response", "status_code": 503, "body": "no endpoints\n"}

    assert _routes(World(ingresses=(_ingress(),)), "plain")[0] == _host_route(unavailable)


def test_redirect_is_for_plain_requests_alone() -> None:
    """An annotated Ingress sends plain requests to the public HTTPS port, and serves the others."""
    world = World(ingresses=(_ingress(redirect=True),), services=(_SERVICE,))
    location = "https://{http.request.host}:8443{http.request.uri}"
    redirect = {"handler": "static_response", "status_code": 308, "headers": {"Location": [location]}}

    assert _routes(world, "plain")[0] == _host_route(redirect)
    assert _routes(world, "secure")[0] != _host_route(redirect)


def test_host_less_rule_has_no_host_matcher() -> None:
    """Rules without host take what no host took."""
    world = World(ingresses=(_ingress(host=""), _ingress("named")), services=(_SERVICE,))

    assert [route.get("match") for route in _routes(world, "plain")] == [[{"host": ["a.test"]}], None, None]


def test_order_of_objects_does_not_matter() -> None:
    """The same objects in any order give the same configuration, so nothing is loaded twice."""
    ingresses = [_ingress(name, host=host) for name, host in (("a", "a.test"), ("b", "a.test"), ("c", "*.test"))]
    configs = [
        caddy_config(World(ingresses=order, services=(_SERVICE,)), _LISTEN)
        for order in itertools.permutations(ingresses)
    ]

    assert all(config == configs[0] for config in configs)
