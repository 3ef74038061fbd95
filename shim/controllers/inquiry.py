"""How controllers have names asked about: which questions an Order gives rise to, and in whose name they are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from certs.api.issuer import ACMESolver, AnyIssuer
from certs.api.order import Order
from certs.decide import solver as solvers
from certs.decide.caa import Asking
from certs.decide.direction import overridden
from certs.decide.findings import CA, Outlook, Surveyed, outlook
from certs.decide.sharing import names_of
from certs.outcomes import WaitingForUser
from certs.publicca import public_ca
from shim.controllers.issuer import gateway_of
from shim.controllers.world import World
from shim.preflight.background import Background
from shim.preflight.survey import Question, Survey
from shim.solvers.http01 import Lasting, RoutedHost
from shim.solvers.http01.owners import route_name

Seen = Callable[[Outlook], None]


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Asks about names in the background, with threads of its own."""

    world: World
    survey: Survey
    lasting: Callable[[RoutedHost, AnyIssuer], Lasting | None] = field(default=lambda _host, _issuer: None)
    background: Background[Surveyed] = field(default_factory=Background)

    def begin(self, order: Order, questions: Iterable[Question], issuer: AnyIssuer, seen: Seen) -> None:
        """Have all asked at the same time, for an Order; `seen` gets what came of it, once, from whatever thread."""
        acme = issuer.spec.acme
        assert acme is not None  # noqa: S101  whoever has questions has solvers
        known = public_ca(acme.server)
        ca = CA(known.name if known is not None else urlsplit(acme.server).netloc, is_public=known is not None)

        def asking() -> Asking:
            gateway = gateway_of(self.world, issuer, acme)
            return Asking(gateway.directory().caa_identities, gateway.account_uri)

        def answered(surveyed: tuple[Surveyed, ...]) -> None:
            seen(outlook(surveyed, ca))

        tasks = [task for one in questions for task in self.survey.tasks(one, ca, asking)]
        self.background.begin(tasks, answered, tenant=order.metadata.namespace)

    def questions(self, order: Order, issuer: AnyIssuer, *, routed_since: datetime) -> Iterator[Question]:
        """Return what to ask about the names of an Order that a solver of its ACME issuer fits.

        Whether its routes lead here is asked of those that stay, and stand since then: a proxy takes its time to
        learn one.
        """
        acme = issuer.spec.acme
        assert acme is not None  # noqa: S101  whoever orders has one
        for name in names_of(order):
            chosen = solvers.choose(acme.solvers, name, order.metadata.labels, solvers.offered_for(name))
            if chosen is not None:
                is_routed = self._is_routed(order, issuer, name, chosen.solver)
                is_learnt = self._made_at(order, name) <= routed_since
                yield Question(name, chosen.challenge.type, is_routed and is_learnt)

    def _is_routed(self, order: Order, issuer: AnyIssuer, name: str, solver: ACMESolver) -> bool:
        try:
            http01 = overridden(solver, order.metadata.annotations).http01
        except WaitingForUser:
            return False  # the Order tells
        host = RoutedHost(order.metadata.namespace, name, http01) if http01 is not None else None
        way = self.lasting(host, issuer) if host is not None else None
        return way is not None and host is not None and way.stands(host)

    def _made_at(self, order: Order, name: str) -> datetime:
        """Return when the last of the routes of a name was made."""
        stores, namespace, called = self.world.stores, order.metadata.namespace, route_name(name)
        routes = (stores.ingresses.get(namespace, called), stores.http_routes.get(namespace, called))
        made = [one.metadata.creation_timestamp for one in routes if one is not None]
        return max((at for at in made if at is not None), default=datetime.max.replace(tzinfo=UTC))
