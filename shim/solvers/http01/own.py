"""A route of our own per host, which stays: what is the same for an Ingress and for an HTTPRoute.

It is made together with the Certificate and stays for as long as one needs it, so that no issuance waits for a proxy to
learn it, and a renewal reloads none.  It matches the prefix, not one token: which tokens are answered, and with what,
is the responder's business.

One host may be served from several namespaces, each with a route.  Admission may refuse the second (ingress-nginx:
"host and path … already defined"); then the first does for both, since every route leads to every responder.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, TypeVar

from certs.api.challenge import Challenge
from certs.api.gateway import HTTPRoute
from certs.api.ingress import Ingress
from certs.api.meta import ObjectMeta, OwnerReference
from certs.names import adler32_label
from shim.kube.client import Client
from shim.kube.errors import Forbidden, Invalid
from shim.solvers.http01 import DOMAIN_LABEL, FIELD_MANAGER, SOLVER_LABEL, RoutedHost
from shim.solvers.http01.owners import host_of, owners, route_name
from shim.solvers.http01.responders import Entrance
from shim.solvers.http01.turns import Turns
from shim.stores import Stores

RouteT = TypeVar("RouteT", Ingress, HTTPRoute)


class OwnRoute(ABC, Generic[RouteT]):
    """Service and route of our own; see `shim.solvers.http01.Lasting`."""

    def __init__(self, stores: Stores, client: Client, entrance: Entrance) -> None:
        self._stores = stores
        self._client = client
        self._entrance = entrance
        self._turns = Turns()
        self._refused: set[tuple[str, str]] = set()  # namespace and host

    def is_ready(self, challenge: Challenge) -> bool:
        """Do Service, endpoints and route stand as they should?"""
        return self.stands(host_of(self._stores, challenge))

    def ensure(self, challenge: Challenge) -> None:
        """Apply what is missing or differs."""
        self.make(host_of(self._stores, challenge))

    def stands(self, host: RoutedHost) -> bool:
        """Do they, before there is a Challenge?"""
        return self._entrance.is_ready(host.namespace) and (self._missing(host) is None or self._is_lent(host))

    def make(self, host: RoutedHost) -> None:
        """Apply what is missing or differs; who comes at the same time waits, and finds it made."""
        self._check(host)
        self._entrance.ensure(host.namespace)
        with self._turns.of(host.namespace, host.name):
            missing = self._missing(host)
            if missing is not None and not self._is_lent(host):
                self._apply(missing, host)

    def obstacle(self, challenge: Challenge) -> str:
        """Return whether the route is there, and what is said of it."""
        host = host_of(self._stores, challenge)
        existing = self._existing(host)
        if existing is None and self._is_lent(host):
            return ""
        if existing is None:
            kind = self._wanted(host, ()).resource.kind
            return f'{kind} "{route_name(host.name)}", the route of "{host.name}", is not there'
        return self._told(existing)

    def is_clear(self, challenge: Challenge) -> bool:
        """Nothing is taken away: the route is the Certificate's."""
        del challenge
        return True

    def take_away(self, challenge: Challenge) -> None:
        """Leave it, for the next renewal."""

    def _missing(self, host: RoutedHost) -> RouteT | None:
        existing = self._existing(host)
        metadata = existing.metadata if existing is not None else None
        wanted = self._wanted(host, owners(self._stores, metadata, host))
        if existing is None or not (_has_all(existing.metadata, wanted.metadata) and self._same(existing, wanted)):
            return wanted
        return None

    def _apply(self, missing: RouteT, host: RoutedHost) -> None:
        key = (host.namespace, host.name)
        try:
            self._client.apply(missing, field_manager=FIELD_MANAGER)
        except (Forbidden, Invalid):
            self._refused.add(key)
            if not self._is_lent(host):
                self._refused.discard(key)
                raise
        else:
            self._refused.discard(key)

    def _is_lent(self, host: RoutedHost) -> bool:
        """Does another namespace's route stand for one that may not be made?  When it goes, ours is tried again."""
        if (host.namespace, host.name) not in self._refused or self._existing(host) is not None:
            return False
        wanted = self._wanted(host, ())
        return any(
            one.metadata.name == wanted.metadata.name
            and one.metadata.deletion_timestamp is None
            and self._same(one, wanted)
            for one in self._everywhere()
        )

    @abstractmethod
    def _existing(self, host: RoutedHost) -> RouteT | None: ...

    @abstractmethod
    def _everywhere(self) -> tuple[RouteT, ...]:
        """Return the routes of all namespaces, and perhaps others."""

    @abstractmethod
    def _wanted(self, host: RoutedHost, owned_by: tuple[OwnerReference, ...]) -> RouteT: ...

    @abstractmethod
    def _same(self, existing: RouteT, wanted: RouteT) -> bool:
        """Does it lead where it should?"""

    def _check(self, host: RoutedHost) -> None:
        """Raise WaitingForUser where it cannot be made."""

    def _told(self, existing: RouteT) -> str:
        """Return what whoever serves it has against it."""
        del existing
        return ""


def route_metadata(
    host: RoutedHost,
    owned_by: tuple[OwnerReference, ...],
    labels: Mapping[str, str],
    annotations: Mapping[str, str] | None = None,
) -> ObjectMeta:
    """Return the metadata of the route of a host: our labels win, since we find it by them."""
    return ObjectMeta(
        name=route_name(host.name),
        namespace=host.namespace,
        labels={**labels, SOLVER_LABEL: "true", DOMAIN_LABEL: adler32_label(host.name)},
        annotations=dict(annotations or {}),
        owner_references=owned_by,
    )


def _has_all(existing: ObjectMeta, wanted: ObjectMeta) -> bool:
    """Is everything there that we want?  Others may have added to it."""
    return (
        wanted.annotations.items() <= existing.annotations.items()
        and wanted.labels.items() <= existing.labels.items()
        and {one.uid for one in wanted.owner_references} <= {one.uid for one in existing.owner_references}
    )
