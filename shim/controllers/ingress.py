"""The Ingress controller: applies the Certificates that an annotated Ingress asks for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Final

from certs.annotations import FILLED
from certs.api.certificate import Certificate
from certs.api.ingress import Ingress, IngressSpec, IngressTLS
from certs.api.issuer import AnyIssuer
from certs.api.meta import ObjectMeta
from certs.decide import ingress as decision
from certs.decide.effects import Tell
from certs.decide.ingress import (
    ApplyCertificate,
    DeleteCertificate,
    DropAnnotations,
    FillTLS,
    LookAtHosts,
    ObservedIngress,
    Step,
)
from certs.managed import ManagedCertificate, only_by
from certs.manifests import FIELD_MANAGER
from certs.outcomes import Done, Failure, Outcome
from shim.controllers.memory import Memory
from shim.controllers.world import INGRESS_SHIM, World
from shim.engine.reconciler import Key
from shim.kube.errors import Conflict
from shim.stores import OWNER

COMPONENT: Final = INGRESS_SHIM


class IngressController:
    """One Ingress and its Certificates."""

    name = "ingress-shim"

    def __init__(self, world: World) -> None:
        self._world = world
        self._said: Memory[tuple[Tell, ...]] = Memory()
        self._taken: Memory[tuple[IngressTLS, ...]] = Memory()
        self._foreign: Memory[frozenset[str]] = Memory()  # annotations by their Certificate

    def observe(self, namespace: str, name: str) -> ObservedIngress | None:
        """Gather the Ingress, its Certificates, and those with the names of its Secrets."""
        stores = self._world.stores
        ingress = stores.ingresses.get(namespace, name)
        if ingress is None:
            return None
        names = dict.fromkeys(entry.secret_name for entry in ingress.spec.tls if entry.secret_name)
        found = (stores.certificates.get(namespace, secret) for secret in names)
        named = tuple(certificate for certificate in found if certificate is not None)
        return ObservedIngress(
            ingress=ingress,
            owned=tuple(stores.certificates.by_index(OWNER, ingress.metadata.uid)),
            named=named,
            foreign=frozenset(
                (certificate.metadata.name, key)
                for certificate in named
                for key in self._foreign.get(certificate.metadata.uid) or ()
            ),
            settings=self._world.settings.ingress,
            is_taken=self._taken.get(ingress.metadata.uid) == ingress.spec.tls,
        )

    def decide(self, observed: ObservedIngress, now: datetime) -> Step | Outcome:
        """Return the next step; once there is none, say what its author should know, once for each change."""
        step = decision.decide(observed, now)
        if isinstance(step, Done):
            self._remark(observed)
        if isinstance(step, ApplyCertificate):
            prospect = self._world.precedence.prospect(step.certificate, self._issuer(step.certificate))
            return decision.in_turn(step, prospect, now)
        return step

    def act(self, observed: ObservedIngress, step: Step, now: datetime) -> None:
        """Take it."""
        ingress, client = observed.ingress, self._world.client
        match step:
            case FillTLS():
                self._fill(ingress, step)
            case ApplyCertificate():
                self._apply(observed, step.certificate)
            case DropAnnotations():
                self._drop_annotations(ingress, step)
            case LookAtHosts():
                wake = partial(self._world.wake_new, Key(self.name, ingress.metadata.namespace, ingress.metadata.name))
                self._world.precedence.look(step.certificate, self._issuer(step.certificate), now, wake)
            case DeleteCertificate():
                client.delete(Certificate, ingress.metadata.namespace, step.name, uid=step.uid)
                tell = Tell("DeleteCertificate", f'Successfully deleted unrequired Certificate "{step.name}"')
                self._world.tell(ingress, (tell,), COMPONENT)

    def report(self, observed: ObservedIngress, failure: Failure, retry_at: datetime | None, now: datetime) -> None:
        """Tell the author of the Ingress."""
        self._world.tell(observed.ingress, (Tell(failure.reason or "Error", str(failure), "Warning"),), COMPONENT)

    def _issuer(self, certificate: Certificate) -> AnyIssuer | None:
        ref = certificate.spec.issuer_ref
        is_ours = ref.effective_group == certificate.resource.group
        return self._world.stores.issuer(certificate.metadata.namespace, ref) if is_ours else None

    def _fill(self, ingress: Ingress, step: FillTLS) -> None:
        """Apply `spec.tls` under a name of our own, unless somebody else has it: then theirs it stays.

        What admission fills in has no owner, so only this way of doing it can meet a conflict.  With the uid it cannot
        bring back an Ingress that is gone.
        """
        metadata = ingress.metadata
        filled = Ingress(
            metadata=ObjectMeta(
                name=metadata.name,
                namespace=metadata.namespace,
                uid=metadata.uid,
                annotations={FILLED: step.mark} if step.mark else {},
            ),
            spec=IngressSpec(tls=step.entries),
        )
        try:
            self._world.client.apply(filled, field_manager=FIELD_MANAGER, force=False)
        except Conflict:
            self._taken.put(metadata.uid, ingress.spec.tls)

    def _apply(self, observed: ObservedIngress, wanted: Certificate) -> None:
        """Create it, or make an old one of ours equal; one that appeared meanwhile is not ours, so the next turn looks.

        Raises AlreadyExists then: an apply would take it from whoever made it.
        """
        client, name = self._world.client, wanted.metadata.name
        old = next((one for one in observed.named if one.metadata.name == name), None)
        if old is None:
            client.create(wanted, field_manager=COMPONENT)
            tell = Tell("CreateCertificate", f'Successfully created Certificate "{name}"')
        else:
            self._patch(wanted.metadata.namespace, name, decision.replacement(old, wanted))
            self._foreign.drop(old.metadata.uid)
            tell = _updated(name)
        self._world.tell(observed.ingress, (tell,), COMPONENT)

    def _drop_annotations(self, ingress: Ingress, step: DropAnnotations) -> None:
        """Drop those that we alone wrote, as cert-manager's shim or as our own; remember the others as left alone."""
        namespace = ingress.metadata.namespace
        metadata = self._world.client.get(ManagedCertificate, namespace, step.name).metadata
        ours = only_by(COMPONENT, metadata.managed_fields).intersection(step.keys)
        known = self._foreign.get(metadata.uid) or frozenset()
        self._foreign.put(metadata.uid, known | (frozenset(step.keys) - ours))
        if ours:
            dropped = {"resourceVersion": metadata.resource_version, "annotations": dict.fromkeys(sorted(ours))}
            self._patch(namespace, step.name, {"metadata": dropped})
            self._world.tell(ingress, (_updated(step.name),), COMPONENT)

    def _patch(self, namespace: str, name: str, patch: Mapping[str, object]) -> None:
        self._world.client.patch(Certificate, namespace, name, patch, field_manager=COMPONENT)

    def _remark(self, observed: ObservedIngress) -> None:
        remarks = decision.remarks(observed)
        uid = observed.ingress.metadata.uid
        if remarks != (self._said.get(uid) or ()):
            self._said.put(uid, remarks)
            self._world.tell(observed.ingress, remarks, COMPONENT)


def _updated(name: str) -> Tell:
    return Tell("UpdateCertificate", f'Successfully updated Certificate "{name}"')
