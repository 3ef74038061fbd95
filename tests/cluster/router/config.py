"""The whole configuration of Caddy for a world: a pure function, so that its cases are a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.cluster.pki import Pair
from tests.cluster.router.backends import Backends
from tests.cluster.router.certificates import certificates_by_host, tag
from tests.cluster.router.objects import World, by_age
from tests.cluster.router.routes import Route, ours, routes_by_host

JSON = dict[str, object]

_NOT_FOUND: JSON = {"handle": [{"handler": "static_response", "status_code": 404, "body": "no such route\n"}]}


@dataclass(frozen=True, slots=True)
class Listen:
    """Where Caddy listens, all on loopback."""

    admin: str  # host:port
    http_port: int
    https_port: int


def caddy_config(world: World, listen: Listen, fake: Pair) -> JSON:
    """Return Caddy's JSON configuration; equal worlds give equal configurations, whatever their order."""
    ingresses = by_age(ours(world))
    routes, backends = routes_by_host(ingresses), Backends(world)
    certificates = certificates_by_host(ingresses, world)
    https = _server(listen.https_port, _host_routes(routes, backends, https_port=None))
    http = _server(listen.http_port, _host_routes(routes, backends, https_port=listen.https_port))
    pairs = {tag(pair): pair for pair in (fake, *filter(None, certificates.values()))}
    return {
        "admin": {"listen": listen.admin, "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "WARN"}}},
        "apps": {
            "http": {
                "grace_period": "1s",  # for connections of the configuration before
                "servers": {"http": http, "https": {**https, "tls_connection_policies": _policies(certificates, fake)}},
            },
            "tls": {
                "disable_ocsp_stapling": True,
                "certificates": {
                    "load_pem": [
                        {"certificate": pair.certificate.decode(), "key": pair.key.decode(), "tags": [name]}
                        for name, pair in sorted(pairs.items())
                    ]
                },
            },
        },
    }


def _server(port: int, routes: Iterable[JSON]) -> JSON:
    return {
        "listen": [f"127.0.0.1:{port}"],
        "automatic_https": {"disable": True},
        "protocols": ["h1", "h2"],
        "routes": [*routes, _NOT_FOUND],
    }


def _host_routes(hosts: Mapping[str, list[Route]], backends: Backends, *, https_port: int | None) -> Iterable[JSON]:
    for host, routes in hosts.items():
        paths = [_path_route(route, backends, https_port if route.to_https else None) for route in routes]
        yield {
            **({"match": [{"host": [host]}]} if host else {}),
            "handle": [{"handler": "subroute", "routes": [*paths, _NOT_FOUND]}],
            "terminal": True,
        }


def _path_route(route: Route, backends: Backends, https_port: int | None) -> JSON:
    # Caddy's plain path matcher ignores case and knows globs; Ingress paths do neither.
    return {
        "match": [{"path_regexp": {"pattern": route.pattern}}],
        "handle": [_handler(backends.addresses(route.namespace, route.backend), https_port)],
        "terminal": True,
    }


def _handler(addresses: list[str], https_port: int | None) -> JSON:
    if https_port is not None:
        location = f"https://{{http.request.host}}:{https_port}{{http.request.uri}}"
        return {"handler": "static_response", "status_code": 308, "headers": {"Location": [location]}}
    if not addresses:
        return {"handler": "static_response", "status_code": 503, "body": "no endpoints\n"}
    return {"handler": "reverse_proxy", "upstreams": [{"dial": address} for address in addresses]}


def _policies(certificates: Mapping[str, Pair | None], fake: Pair) -> list[JSON]:
    """Return Caddy's connection policies: by name, exact names before wildcards, and the fake for all others."""
    hosts = sorted(certificates, key=lambda host: (host.startswith("*."), host))
    named: list[JSON] = [
        {"match": {"sni": [host]}, "certificate_selection": {"any_tag": [tag(certificates[host] or fake)]}}
        for host in hosts
    ]
    return [*named, {"certificate_selection": {"any_tag": [tag(fake)]}}]
