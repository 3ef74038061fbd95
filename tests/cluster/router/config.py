"""The configuration of the Caddy that routes, for a world: a pure function, so that its cases are a table.

It serves plain HTTP on two ports: one for what came to the edge in plain, one for what came by TLS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.cluster.router.backends import Backends
from tests.cluster.router.objects import World, by_age
from tests.cluster.router.routes import Route, ours, routes_by_host

JSON = dict[str, object]

_NOT_FOUND: JSON = {"handle": [{"handler": "static_response", "status_code": 404, "body": "no such route\n"}]}


@dataclass(frozen=True, slots=True)
class Listen:
    """The ports, all on loopback."""

    admin: str  # host:port of Caddy's admin API
    plain_port: int  # for requests that came in plain
    secure_port: int  # for requests that came by TLS
    public_https_port: int  # where redirects lead


def caddy_config(world: World, listen: Listen) -> JSON:
    """Return Caddy's JSON configuration; equal worlds give equal configurations, whatever their order."""
    routes, backends = routes_by_host(by_age(ours(world)), world.http_routes), Backends(world)
    secure = _server(listen.secure_port, _host_routes(routes, backends, https_port=None))
    plain = _server(listen.plain_port, _host_routes(routes, backends, https_port=listen.public_https_port))
    return {
        "admin": {"listen": listen.admin, "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "WARN"}}},
        "apps": {"http": {"grace_period": "1s", "servers": {"plain": plain, "secure": secure}}},
    }


def _server(port: int, routes: Iterable[JSON]) -> JSON:
    return {
        "listen": [f"127.0.0.1:{port}"],
        "automatic_https": {"disable": True},
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
