"""The route controller: has the routes of a Certificate made while its key and its request are.

It runs beside the Certificate's own controller, under the same name and namespace, and writes nothing that the
Challenge would not write later; whoever comes second finds it made.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from certs.api.certificate import Certificate
from certs.api.issuer import HTTP01Solver
from certs.api.meta import owner_reference
from certs.decide import route as decision
from certs.decide.route import MakeRoute, ObservedRoutes
from certs.outcomes import Failure, Outcome
from shim.controllers.world import World
from shim.solvers.http01 import Lasting, RoutedHost
from shim.solvers.http01.solver import HTTP01

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class RouteController:
    """The routes of one Certificate, before its order."""

    name = "routes"

    def __init__(self, world: World, http01: HTTP01) -> None:
        self._world = world
        self._http01 = http01

    def observe(self, namespace: str, name: str) -> ObservedRoutes | None:
        """Gather the Certificate and its names whose routes do not stand.

        Where somebody else approves requests, none is made before that.
        """
        certificate = self._world.stores.certificates.get(namespace, name)
        if certificate is None:
            return None
        ref = certificate.spec.issuer_ref
        is_ours = ref.effective_group == certificate.resource.group and self._world.settings.auto_approve
        issuer = self._world.stores.issuer(namespace, ref) if is_ours else None
        acme = issuer.spec.acme if issuer is not None else None
        if acme is None or not decision.is_issued_soon(certificate):
            return ObservedRoutes(certificate)
        named = decision.routed_names(certificate, acme)
        missing = tuple((host, solver) for host, solver in named if self._is_missing(certificate, host, solver))
        prospect = self._world.precedence.prospect(certificate, issuer)
        return ObservedRoutes(certificate, missing, begins=prospect is None or prospect.is_good)

    def decide(self, observed: ObservedRoutes, now: datetime) -> MakeRoute | Outcome:
        """Return the next step."""
        del now
        return decision.decide(observed)

    def act(self, observed: ObservedRoutes, step: MakeRoute, now: datetime) -> None:
        """Make the route."""
        del now
        host = _routed(observed.certificate, step.name, step.solver)
        way = self._way(observed.certificate, host)
        if way is not None:
            way.make(host)

    def report(self, observed: ObservedRoutes, failure: Failure, retry_at: datetime | None, now: datetime) -> None:
        """Leave it to the log: the Challenge will meet the same, and its reason goes up to the Certificate."""
        del retry_at, now
        metadata = observed.certificate.metadata
        log.info("no route yet", namespace=metadata.namespace, certificate=metadata.name, error=str(failure))

    def _is_missing(self, certificate: Certificate, name: str, solver: HTTP01Solver) -> bool:
        host = _routed(certificate, name, solver)
        way = self._way(certificate, host)
        return way is not None and not way.stands(host)

    def _way(self, certificate: Certificate, host: RoutedHost) -> Lasting | None:
        issuer = self._world.stores.issuer(host.namespace, certificate.spec.issuer_ref)
        return self._http01.lasting(host, issuer)


def _routed(certificate: Certificate, name: str, solver: HTTP01Solver) -> RoutedHost:
    return RoutedHost(certificate.metadata.namespace, name, solver, owner_reference(certificate))
