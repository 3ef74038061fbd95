"""The CA injector: keeps the `caBundle` of others' objects what their annotations ask for.

Of the four kinds only names and annotations are followed.  An object that asks is read when it, its Certificate or
its Secret has changed, and written when that makes a difference.  What is wrong is told by an Event on the object.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from certs.api.injectable import KINDS, AskingMetadata, Injectable
from certs.decide import injection as decision
from certs.decide.effects import Tell
from certs.decide.injection import Asked, Inject, ObservedInjection
from certs.outcomes import Done, Failure
from shim.controllers.world import World
from shim.kube.errors import NotFound
from shim.kube.store import Store

COMPONENT: Final = "certshim-cainjector"


class Asking:
    """An object whose annotations cannot be followed: nothing is read, the sentence is told."""

    def __init__(self, metadata: AskingMetadata, failure: Failure) -> None:
        self.metadata = metadata
        self.failure = failure


class InjectorController:
    """The objects of one of the four kinds."""

    def __init__(
        self,
        world: World,
        kind: type[AskingMetadata],
        store: Store[AskingMetadata],
        apiserver_ca: Callable[[], bytes],
    ) -> None:
        self.name = kind.resource.plural
        self._world = world
        self._kind = KINDS[kind]
        self._store = store
        self._apiserver_ca = apiserver_ca

    def observe(self, namespace: str, name: str) -> ObservedInjection | Asking | None:
        """Read the object and its source; None when it asks for nothing."""
        known = self._store.get(namespace, name)
        if known is None:
            return None
        try:
            asked = decision.asked(known.metadata)
        except Failure as failure:
            return Asking(known, failure)
        if asked is None:
            return None
        try:
            target = self._world.client.get(self._kind, "", name)
        except NotFound:
            return None
        return self._with_source(target, asked)

    def decide(self, observed: ObservedInjection | Asking, now: datetime) -> Inject | Done:
        """Return the write that is due."""
        if isinstance(observed, Asking):
            raise observed.failure
        return decision.decide(observed, now)

    def act(self, observed: ObservedInjection | Asking, step: Inject, now: datetime) -> None:
        """Write the bundles; Conflict when somebody else has written meanwhile."""
        del now
        name = _about(observed).metadata.name
        self._world.client.json_patch(self._kind, "", name, step.operations, field_manager=COMPONENT)

    def report(
        self, observed: ObservedInjection | Asking, failure: Failure, retry_at: datetime | None, now: datetime
    ) -> None:
        """Tell whoever looks at the object."""
        del retry_at, now
        tell = Tell(failure.reason or "Error", str(failure), "Warning")
        self._world.tell(_about(observed), (tell,), COMPONENT)

    def _with_source(self, target: Injectable, asked: Asked) -> ObservedInjection:
        world = self._world
        if asked.secret is not None:
            return ObservedInjection(target, asked, secret=world.secrets.get(*asked.secret))
        if asked.certificate is not None:
            certificate = world.stores.certificates.get(*asked.certificate)
            if certificate is None:
                return ObservedInjection(target, asked)
            secret = world.secrets.get(asked.certificate[0], certificate.spec.secret_name)
            return ObservedInjection(target, asked, certificate=certificate, secret=secret)
        return ObservedInjection(target, asked, apiserver_ca=self._apiserver_ca())


def _about(observed: ObservedInjection | Asking) -> Injectable | AskingMetadata:
    return observed.target if isinstance(observed, ObservedInjection) else observed.metadata


def injectors(world: World, apiserver_ca: Callable[[], bytes]) -> tuple[InjectorController, ...]:
    """Return one for each kind that is followed."""
    return tuple(InjectorController(world, kind, store, apiserver_ca) for kind, store in world.stores.asking.items())
