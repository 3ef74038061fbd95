"""Which backend answers for which host and path.

As the Ingress API says ("Multiple matches", "Hostname wildcards"): an exact host before a wildcard before none, and the
host decides alone; then an exact path before the longest prefix, element by element.  ImplementationSpecific means
Prefix here.  A request for a known host that fits no path is answered 404, not by the rules without host.
Where two Ingresses claim the same host and path, the older has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.cluster.router import CONTROLLER_NAME, GATEWAY
from tests.cluster.router.objects import (
    Backend,
    HTTPRoute,
    Ingress,
    ServiceBackend,
    ServiceBackendPort,
    World,
)

_CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_NGINX = "nginx.ingress.kubernetes.io"


@dataclass(frozen=True, slots=True)
class Route:
    """One host and path with where it goes."""

    host: str
    path: str
    exact: bool
    namespace: str
    backend: Backend
    to_https: bool

    @property
    def pattern(self) -> str:
        """The path as a regular expression (RE2): elements, not characters, make a prefix."""
        if self.exact:
            return f"^{re.escape(self.path)}$"
        elements = self.path.rstrip("/")
        return f"^{re.escape(elements)}(/.*)?$" if elements else "^/"


def ours(world: World) -> list[Ingress]:
    """Return the Ingresses that are this router's: by class name, by the legacy annotation, or of no class at all."""
    classes = {c.metadata.name for c in world.classes if c.spec.controller == CONTROLLER_NAME}

    def is_ours(ingress: Ingress) -> bool:
        name = ingress.spec.ingress_class_name or ingress.metadata.annotations.get(_CLASS_ANNOTATION, "")
        return not name or name in classes

    return [ingress for ingress in world.ingresses if is_ours(ingress)]


def routes_by_host(ingresses: Iterable[Ingress], http_routes: Iterable[HTTPRoute] = ()) -> dict[str, list[Route]]:
    """Return the routes of each host (oldest Ingress given first), hosts and routes in the order of matching.

    An HTTPRoute is served when its parent is the kit's Gateway, whose listener takes routes of all namespaces.
    """
    first: dict[tuple[str, str, bool], Route] = {}
    of_ingresses = (route for ingress in ingresses for route in _routes(ingress))
    for route in (*of_ingresses, *_http_routes(http_routes)):
        first.setdefault((route.host, route.path, route.exact), route)
    hosts: dict[str, list[Route]] = {}
    for route in sorted(first.values(), key=_precedence):
        hosts.setdefault(route.host, []).append(route)
    return hosts


def _precedence(route: Route) -> tuple[bool, bool, str, bool, int, str]:
    return (
        route.host == "",
        route.host.startswith("*."),
        route.host,
        not route.exact,
        -len(route.path.rstrip("/")),
        route.path,
    )


def _routes(ingress: Ingress) -> Iterator[Route]:
    namespace, spec = ingress.metadata.namespace, ingress.spec
    for rule in spec.rules:
        to_https = _to_https(ingress, rule.host)
        for path in rule.http.paths:
            exact = path.path_type == "Exact"
            yield Route(rule.host, path.path, exact, namespace, path.backend, to_https)
    if spec.default_backend is not None:
        for host in ("", *(rule.host for rule in spec.rules)):
            yield Route(host, "/", False, namespace, spec.default_backend, _to_https(ingress, host))  # noqa: FBT003


def _http_routes(http_routes: Iterable[HTTPRoute]) -> Iterator[Route]:
    for one in http_routes:
        spec, namespace = one.spec, one.metadata.namespace
        if all(parent.name != GATEWAY for parent in spec.parent_refs):
            continue
        for rule in spec.rules:
            refs = rule.backend_refs[:1]
            port = ServiceBackendPort(number=refs[0].port) if refs else ServiceBackendPort()
            backend = Backend(ServiceBackend(refs[0].name, port) if refs else None)
            for host in spec.hostnames or ("",):
                for match in rule.matches:
                    exact = match.path.type == "Exact"
                    yield Route(host, match.path.value, exact, namespace, backend, to_https=False)


def _to_https(ingress: Ingress, host: str) -> bool:
    """Tell whether plain HTTP is redirected; unlike ingress-nginx, only when somebody asked for it."""
    annotations = ingress.metadata.annotations
    if annotations.get(f"{_NGINX}/force-ssl-redirect") == "true":
        return True
    has_tls = any(host in entry.hosts or not entry.hosts for entry in ingress.spec.tls)
    return has_tls and annotations.get(f"{_NGINX}/ssl-redirect") == "true"
