"""The controllers of `certmanager.k8s.io/v1alpha1`: each object there has a twin of today's kind, and shows its status.

They work where the add-on is installed (`manifests/install/legacy.yaml`); elsewhere their stores stay empty.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from certs.api.certificate import Certificate
from certs.api.issuer import ClusterIssuer, Issuer
from certs.decide import legacy as decision
from certs.decide.effects import Tell, one_line
from certs.decide.legacy import CreateTwin, LegacyStatus, ObservedLegacy, SetLegacyStatus, Step, UpdateTwin
from certs.legacy.kinds import LegacyCertificate, LegacyClusterIssuer, LegacyIssuer
from certs.legacy.twin import with_status
from certs.outcomes import Failure, Outcome
from shim.controllers.world import World
from shim.kube.store import Store

LegacyStore = Store[LegacyIssuer] | Store[LegacyClusterIssuer] | Store[LegacyCertificate]
TwinStore = Store[Issuer] | Store[ClusterIssuer] | Store[Certificate]

MESSAGE_LIMIT: Final = 1024  # with what to write instead, a sentence may be long


class LegacyController:
    """One kind: the store of its objects, and that of their twins."""

    def __init__(self, world: World, name: str, store: LegacyStore, twins: TwinStore) -> None:
        self._world = world
        self.name = name
        self._store = store
        self._twins = twins
        self._component = f"certshim-{name}"

    def observe(self, namespace: str, name: str) -> ObservedLegacy | None:
        """Gather the object, and what there is of today's kind under its name."""
        legacy = self._store.get(namespace, name)
        return ObservedLegacy(legacy, self._twins.get(namespace, name)) if legacy is not None else None

    def decide(self, observed: ObservedLegacy, now: datetime) -> Step | Outcome:
        """Return the next step."""
        del now
        return decision.decide(observed)

    def act(self, observed: ObservedLegacy, step: Step, now: datetime) -> None:
        """Take it."""
        del now
        world, legacy = self._world, observed.legacy
        match step:
            case CreateTwin():
                world.client.create(step.twin, field_manager=self._component)
                world.tell(legacy, (step.tell,), self._component)
            case UpdateTwin():
                self._update(observed, step)
            case SetLegacyStatus():
                self._write(observed, step.status)

    def report(self, observed: ObservedLegacy, failure: Failure, retry_at: datetime | None, now: datetime) -> None:
        """Say in the Ready condition, and in an event, why there is no twin."""
        del retry_at
        reason, sentence = failure.reason or "NotMirrored", one_line(str(failure), MESSAGE_LIMIT)
        status = decision.not_mirrored(observed.legacy, reason=reason, message=sentence, now=now)
        if status is not None:
            self._write(observed, status)
            self._world.tell(observed.legacy, (Tell(reason, sentence, "Warning"),), self._component)

    def _update(self, observed: ObservedLegacy, step: UpdateTwin) -> None:
        twin = observed.twin
        assert twin is not None  # noqa: S101  decided so
        self._world.client.patch(
            type(twin), twin.metadata.namespace, step.name, step.patch, field_manager=self._component
        )
        told = (step.undone,) if step.undone is not None else ()
        for obj in (twin, observed.legacy):
            self._world.tell(obj, told, self._component)

    def _write(self, observed: ObservedLegacy, status: LegacyStatus) -> None:
        written = with_status(observed.legacy, status)
        self._world.client.update_status(written, field_manager=self._component)


def legacy_controllers(world: World) -> tuple[LegacyController, ...]:
    """Return the three."""
    stores = world.stores
    return (
        LegacyController(world, "legacy-issuers", stores.legacy_issuers, stores.issuers),
        LegacyController(world, "legacy-clusterissuers", stores.legacy_cluster_issuers, stores.cluster_issuers),
        LegacyController(world, "legacy-certificates", stores.legacy_certificates, stores.certificates),
    )
