"""What the challenge controller needs for HTTP-01: a way for the token, and a look whether it works.

    responder ──(choose)──> a way: made with the Certificate (`lasting`), or for the Challenge (`ensure`) ─┐
    pods ─────────────────> pod, Service and route: made for the Challenge ────────────────────────────────┴─> check

Whether the responder or a pod answers, `certs.decide.http01mode` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from certs.api.challenge import Challenge
from certs.api.issuer import AnyIssuer, HTTP01Solver
from certs.decide.challengesteps import Underway
from certs.decide.http01mode import Mode, mode_of
from certs.decide.solverpod import Obstacle
from certs.outcomes import WaitingForUser
from certs.route import PREFIX, PathType
from shim.kube.client import Client
from shim.solvers.http01 import Lasting, RoutedHost, Way
from shim.solvers.http01.classes import PathTypes
from shim.solvers.http01.httproute import GatewayRoute
from shim.solvers.http01.ingress import IngressRoute
from shim.solvers.http01.layers import Layers
from shim.solvers.http01.named import NamedIngress
from shim.solvers.http01.own import OwnRoute
from shim.solvers.http01.pods import Pods
from shim.solvers.http01.responders import Entrance, Responders
from shim.solvers.jobs import Jobs
from shim.solvers.selfcheck import NotReachable, SelfCheck
from shim.stores import Stores

__all__ = ["HTTP01", "NotReachable", "Ways", "choose"]

PATIENCE: Final = 0.05  # seconds; a proxy in the cluster has answered by then
CHECK: Final[frozenset[Underway]] = frozenset(("check",))
NOTHING: Final[frozenset[Underway]] = frozenset()


@dataclass(frozen=True, slots=True)
class Ways:
    """All ways to the responder there are."""

    ingress: Way
    named: Way
    gateway: Way


def choose(solver: HTTP01Solver, ways: Ways) -> Way:
    """Return the way that a solver asks for."""
    if solver.gateway_http_route is not None and solver.ingress is None:
        return ways.gateway
    return ways.named if solver.ingress is not None and solver.ingress.name else ways.ingress


class HTTP01:
    """The ways, and the self check.  Without `pods` the responder answers, whatever issuers say."""

    def __init__(
        self,
        stores: Stores,
        client: Client,
        responders: Responders,
        check: SelfCheck,
        wake: Callable[[Challenge], None] = lambda _: None,
        *,
        path_types: Mapping[str, PathType] | None = None,
        pods: Pods | None = None,
    ) -> None:
        """`wake` is called when a check is over that nobody waited for."""
        entrance = Entrance(stores, client, responders)
        path_type = PathTypes(stores.ingress_classes, path_types or {})
        self._stores = stores
        self._ways = Ways(
            ingress=IngressRoute(stores, client, entrance, path_type),
            named=NamedIngress(stores, client, entrance, path_type),
            gateway=GatewayRoute(stores, client, entrance, responders.port, stores.gateway_api),
        )
        self._pods = pods
        self._check = check
        self._layers = Layers(check, responders)
        self._layers_of_pods = Layers(check, None)  # perhaps nobody but the proxy reaches a pod
        self._jobs = Jobs()
        self._wake = wake

    @property
    def grace(self) -> timedelta:
        """How long a way that cannot be seen from here keeps the CA from being asked."""
        return self._check.grace

    def is_ready(self, challenge: Challenge) -> bool:
        """Does everything stand that leads to the token?"""
        try:
            return self._way(challenge).is_ready(challenge)
        except WaitingForUser:
            return False  # `ensure` says it again, where it is told

    def ensure(self, challenge: Challenge) -> None:
        """Make what is missing or differs.  Idempotent; raises WaitingForUser."""
        self._way(challenge).ensure(challenge)

    def waits_for(self, challenge: Challenge) -> Obstacle | None:
        """Return why nobody can answer yet, though all stands; the end of it wakes the Challenge."""
        pods = self._pods_of(challenge)
        return pods.waits_for(challenge) if pods is not None else None

    def answers_since(self, challenge: Challenge) -> datetime | None:
        """Return since when somebody can, if it was not so from the beginning."""
        pods = self._pods_of(challenge)
        return pods.answers_since(challenge) if pods is not None else None

    def is_clear(self, challenge: Challenge) -> bool:
        """Is nothing left that must not outlive the Challenge, by whatever way it was?  The issuer may have changed."""
        return all(way.is_clear(challenge) for way in self._ways_of(challenge))

    def take_away(self, challenge: Challenge) -> None:
        """Take away what must not outlive the Challenge.  Idempotent."""
        for way in self._ways_of(challenge):
            if not way.is_clear(challenge):
                way.take_away(challenge)

    def lasting(self, host: RoutedHost, issuer: AnyIssuer | None = None) -> Lasting | None:
        """Return the way of a host if its route can be made before there is a Challenge."""
        try:
            mode = self._mode(host.solver, issuer)
        except ValueError:
            return None  # the Challenge tells
        way = choose(host.solver, self._ways)
        return way if mode is Mode.RESPONDER and isinstance(way, OwnRoute) else None

    def over(self, challenge: Challenge) -> frozenset[Underway]:
        """Return what is over that was StillWorking, and was not asked about again."""
        return CHECK if self._jobs.is_over(challenge.metadata.uid) else NOTHING

    def check(self, challenge: Challenge) -> None:
        """Fetch the token as the CA will; raises NotReachable with the layer that fails, or StillWorking."""
        metadata, spec, way = challenge.metadata, challenge.spec, self._way(challenge)
        look = partial(
            (self._layers_of_pods if way is self._pods else self._layers).look,
            spec.dns_name,
            PREFIX + spec.token,
            expected=spec.key,
            obstacle=partial(way.obstacle, challenge),
        )
        wake = partial(self._wake, challenge)
        self._jobs.run(metadata.uid, look, patience=PATIENCE, tenant=metadata.namespace, ended=wake)

    def _way(self, challenge: Challenge) -> Way:
        """Return the way; raises WaitingForUser where that is said in no word that we know."""
        solver = challenge.spec.solver.http01 or HTTP01Solver()
        issuer = self._stores.issuer(challenge.metadata.namespace, challenge.spec.issuer_ref)
        try:
            mode = self._mode(solver, issuer)
        except ValueError as error:
            attempt = f'cannot present HTTP-01 for "{challenge.spec.dns_name}"'
            raise WaitingForUser(f"{attempt}: {error}", reason="PresentError") from None
        return self._pods if self._pods is not None and mode is Mode.POD else choose(solver, self._ways)

    def _pods_of(self, challenge: Challenge) -> Pods | None:
        return self._pods if self._pods is not None and self._way(challenge) is self._pods else None

    def _ways_of(self, challenge: Challenge) -> tuple[Way, ...]:
        """Return each way that it may have taken."""
        way = choose(challenge.spec.solver.http01 or HTTP01Solver(), self._ways)
        return (way,) if self._pods is None else (way, self._pods)

    def _mode(self, solver: HTTP01Solver, issuer: AnyIssuer | None) -> Mode:
        return mode_of(solver, issuer, self._pods.default) if self._pods is not None else Mode.RESPONDER
