"""The way of `http01.gatewayHTTPRoute`: an HTTPRoute of our own per host (`own`), and the responder behind it.

The Gateway API is no part of Kubernetes: where a cluster does not have it, or we may not read it, that is said, and its
arrival wakes who waits.  Whether a Gateway takes the route is up to that Gateway, whose word is handed on.
"""

from __future__ import annotations

from typing import Final

from certs.api.gateway import (
    HTTPBackendRef,
    HTTPPathMatch,
    HTTPRoute,
    HTTPRouteMatch,
    HTTPRouteRule,
    HTTPRouteSpec,
)
from certs.api.issuer import PARENT_KIND, HTTP01GatewayHTTPRoute
from certs.api.meta import OwnerReference
from certs.outcomes import WaitingForUser
from certs.route import PREFIX, SERVICE, rule_host
from shim.kube.client import Client
from shim.kube.presence import Presence
from shim.solvers.http01 import RoutedHost
from shim.solvers.http01.own import OwnRoute, route_metadata
from shim.solvers.http01.owners import route_name
from shim.solvers.http01.responders import Entrance
from shim.stores import Stores

# Of the conditions of a route those that must be true (Gateway API, "Route status").
NEEDED: Final = ("Accepted", "ResolvedRefs")


class GatewayRoute(OwnRoute[HTTPRoute]):
    """An HTTPRoute; the Service has one port, which is the responder's."""

    def __init__(self, stores: Stores, client: Client, entrance: Entrance, port: int, presence: Presence) -> None:
        super().__init__(stores, client, entrance)
        self._port = port
        self._presence = presence

    def _existing(self, host: RoutedHost) -> HTTPRoute | None:
        return self._stores.http_routes.get(host.namespace, route_name(host.name))

    def _everywhere(self) -> tuple[HTTPRoute, ...]:
        return self._stores.http_routes.values()

    def _wanted(self, host: RoutedHost, owned_by: tuple[OwnerReference, ...]) -> HTTPRoute:
        return http_route(host, owned_by, self._port)

    def _same(self, existing: HTTPRoute, wanted: HTTPRoute) -> bool:
        return existing.spec == wanted.spec

    def _check(self, host: RoutedHost) -> None:
        attempt = f'cannot lead the challenge for "{host.name}" through an HTTPRoute'
        if self._presence.why_absent:
            raise WaitingForUser(
                f"{attempt}: this cluster does not serve httproutes.gateway.networking.k8s.io "
                f"({self._presence.why_absent}); install the Gateway API with its Gateway controller, or use "
                "http01.ingress in the solver",
                reason="PresentError",
            )
        if not _solver(host).parent_refs:
            raise WaitingForUser(
                f"{attempt}: http01.gatewayHTTPRoute of the solver has no parentRefs; name the Gateway there",
                reason="PresentError",
            )

    def _told(self, existing: HTTPRoute) -> str:
        """Return the first that a Gateway has against it; a Gateway that has not looked yet has nothing."""
        for parent in existing.status.parents:
            for condition in parent.conditions:
                if condition.type in NEEDED and condition.status == "False":
                    ref = parent.parent_ref
                    where = f"{ref.namespace or existing.metadata.namespace}/{ref.name}"
                    return (
                        f'{ref.kind or PARENT_KIND} "{where}" does not take HTTPRoute "{existing.metadata.name}": '
                        f"{condition.reason}: {condition.message}"
                    )
        return ""


def http_route(host: RoutedHost, owned_by: tuple[OwnerReference, ...], port: int) -> HTTPRoute:
    """Return the HTTPRoute that leads the challenges of a host to the responder; one for an address has no host."""
    solver, name = _solver(host), rule_host(host.name)
    match = HTTPRouteMatch(path=HTTPPathMatch(type="PathPrefix", value=PREFIX))
    backend = HTTPBackendRef(name=SERVICE, port=port, weight=1)
    return HTTPRoute(
        metadata=route_metadata(host, owned_by, solver.labels),
        spec=HTTPRouteSpec(
            parent_refs=tuple(parent.completed for parent in solver.parent_refs),
            hostnames=(name,) if name else (),
            rules=(HTTPRouteRule(matches=(match,), backend_refs=(backend,)),),
        ),
    )


def _solver(host: RoutedHost) -> HTTP01GatewayHTTPRoute:
    return host.solver.gateway_http_route or HTTP01GatewayHTTPRoute()
