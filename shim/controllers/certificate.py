"""The Certificate controller: observes one Certificate with all that belongs to it, and takes the decided step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

import msgspec
import structlog

from certs.api.certificate import Certificate, KeyEncoding, PrivateKey, RotationPolicy
from certs.api.certificaterequest import CertificateRequest, CertificateRequestSpec
from certs.api.core import Secret, SecretMeta
from certs.api.issuer import AnyIssuer, issuer_types
from certs.api.meta import (
    KubeObject,
    ObjectMeta,
    is_true,
    owner_reference,
)
from certs.decide import certificate as decision
from certs.decide import certificatestatus as statuses
from certs.decide.backoff import Setback
from certs.decide.certificatesteps import (
    NEXT_KEY_LABEL,
    AskRenewalInfo,
    CreateRequest,
    DeleteNextKey,
    DeleteRequest,
    NewKey,
    ObservedCertificate,
    OrderKey,
    ReuseSecret,
    RewriteSecret,
    SetCertificateStatus,
    Step,
    StoreNextKey,
    WriteSecret,
    WriteTemporary,
)
from certs.decide.direction import directions
from certs.decide.effects import Tell
from certs.decide.issuerrevision import is_superseded
from certs.decide.order import setback
from certs.decide.policies import (
    CERTIFICATE_NAME,
    PRIVATE_KEY_SECRET,
    REVISION,
)
from certs.decide.precedence import LookAhead
from certs.decide.repair import LookAgain
from certs.decide.request import IN_PROCESS
from certs.decide.reuse import made_by, not_yet_moved
from certs.outcomes import Failure, Outcome, RateLimited, Transient, WaitingForUser
from certs.pki.csr import build_csr
from certs.pki.keys import InvalidKey, Key, decode_key, encode_key, fits
from shim.controllers.certificatesecret import ISSUING, CertificateSecret, HeldReuse, HeldUpkeep
from shim.controllers.renewalinfo import ask_renewal_info, heeds_ari
from shim.controllers.repair import Repair
from shim.controllers.route import RouteController
from shim.controllers.world import World, with_next_attempt
from shim.engine.reconciler import Key as WorkKey
from shim.kube.errors import AlreadyExists
from shim.stores import CERTIFICATE, OURS, OWNER, SECRET

log: structlog.stdlib.BoundLogger = structlog.get_logger()

COMPONENT: Final = "cert-manager-certificates"
GENERATED: Final = "Generated"


class CertificateController:
    """One Certificate from its creation to its last renewal."""

    name = "certificates"

    def __init__(self, world: World, repair: Repair | None = None) -> None:
        self._world = world
        self._repair = repair or Repair()
        self._secret = CertificateSecret(world)

    def observe(self, namespace: str, name: str) -> ObservedCertificate | None:
        """Gather the Certificate, its Secret, next key and requests, and others that want the same Secret."""
        stores, secrets = self._world.stores, self._world.secrets
        certificate = stores.certificates.get(namespace, name)
        if certificate is None:
            self._world.precedence.gone(namespace, name)
            return None
        ref = certificate.spec.issuer_ref
        is_foreign = ref.effective_group != certificate.resource.group
        issuer = None if is_foreign else stores.issuer(namespace, ref)
        sharing = stores.certificates.by_index(SECRET, f"{namespace}/{certificate.spec.secret_name}")
        observed = ObservedCertificate(
            certificate=certificate,
            secret=secrets.get(namespace, certificate.spec.secret_name),
            requests=tuple(stores.requests.by_index(OWNER, certificate.metadata.uid)),
            rivals=tuple(other for other in sharing if other.metadata.name != name),
            limits=self._world.settings.limits,
            auto_approve=self._world.settings.auto_approve,
            signs_at_once=self._world.settings.auto_approve and signs_at_once(issuer),
            by_acme=issuer is not None and issuer.spec.acme is not None,
            heeds_ari=heeds_ari(issuer),
            asked=self._world.asked.get(certificate.metadata.uid),
            rewritten=self._world.rewritten.get(certificate.metadata.uid),
            owner_ref=self._world.settings.certificate_owner_ref,
            legacy_output=self._world.settings.legacy_output,
            no_temporary=self._world.without_temporary.get(certificate.metadata.uid) == certificate.metadata.generation,
        )
        keys = {
            secret.metadata.name: secret
            for secret in stores.secrets.by_index(OWNER, certificate.metadata.uid)
            if NEXT_KEY_LABEL in secret.metadata.labels
        }
        observed = replace(
            self._with_siblings(observed, issuer),
            setback=self._setback(observed),
            watch=self._repair.watch(certificate),
            prospect=self._world.precedence.prospect(certificate, issuer),
        )
        next_key = next((keys.pop(key_name) for key_name in observed.next_key_names if key_name in keys), None)
        observed = replace(observed, issuer_changed=self._issuer_changed(observed, issuer))
        return replace(observed, next_key=next_key, leftover_keys=tuple(keys.values()), new_key=self._new_key(observed))

    def decide(self, observed: ObservedCertificate, now: datetime) -> Step | Outcome:
        """Return the next step."""
        return decision.decide(observed, now)

    def act(self, observed: ObservedCertificate, step: Step, now: datetime) -> None:
        """Take it."""
        certificate, client = observed.certificate, self._world.client
        namespace = certificate.metadata.namespace
        match step:
            case LookAhead():
                self._look_ahead(certificate, now)
            case OrderKey() | StoreNextKey():
                self._make_key(observed, step, now)
            case DeleteNextKey():
                keys = (observed.next_key, *observed.leftover_keys)
                client.delete(Secret, namespace, step.name, uid=_uid_of(step.name, keys))
                self._world.tell(certificate, step.tell, f"{COMPONENT}-key-manager")
            case CreateRequest():
                self._create_request(observed, step)
            case DeleteRequest():
                client.delete(CertificateRequest, namespace, step.name, uid=_uid_of(step.name, observed.requests))
            case WriteTemporary() | WriteSecret() | RewriteSecret() | ReuseSecret():
                self._secret.act(observed, step, now)
            case AskRenewalInfo():
                issuer = self._world.stores.issuer(namespace, certificate.spec.issuer_ref)
                ask_renewal_info(self._world, certificate, issuer, step.certificate_id, now)
            case LookAgain():
                assert observed.setback is not None  # noqa: S101  decided so
                self._repair.look(certificate, observed.setback, now)
            case SetCertificateStatus():
                self._set_status(certificate, step)

    def report(self, observed: ObservedCertificate, failure: Failure, retry_at: datetime | None, now: datetime) -> None:
        """Say in an event what failed, and in the Issuing condition if an issuance is under way or cannot begin."""
        certificate = observed.certificate
        sentence = with_next_attempt(failure, retry_at)
        reason = failure.reason or "IssuingFailed"
        self._world.tell_of(certificate, (Tell(reason, sentence, "Warning"),), ISSUING)
        is_held_up = not isinstance(failure, Transient | RateLimited | HeldUpkeep)
        status = statuses.cannot_go_on(observed, reason, sentence, now, is_held_up=is_held_up)
        if isinstance(failure, HeldReuse):
            status = not_yet_moved(observed, now)
        if status != certificate.status:
            written = msgspec.structs.replace(certificate, status=status)
            self._world.client.update_status(written, field_manager=COMPONENT)

    def _with_siblings(self, observed: ObservedCertificate, issuer: AnyIssuer | None) -> ObservedCertificate:
        """Add the other Secrets that say they are of this Certificate, and whether its issuer is still the same CA."""
        metadata, stores = observed.certificate.metadata, self._world.stores
        told = stores.secrets.by_index(CERTIFICATE, f"{metadata.namespace}/{metadata.name}")
        siblings = tuple(one for one in told if one.metadata.name != observed.certificate.spec.secret_name)
        current = observed.subject.current
        if not siblings or current is None:
            return observed
        same_ca = made_by(issuer, stores.orders.by_index(OWNER, current.metadata.uid))
        return replace(observed, siblings=siblings, same_ca=same_ca)

    def _setback(self, observed: ObservedCertificate) -> Setback | None:
        """Return what the Order of the request that is under way, or was last, has failed by."""
        request = observed.next_request
        orders = self._world.stores.orders.by_index(OWNER, request.metadata.uid) if request is not None else ()
        return next((found for order in orders if (found := setback(order)) is not None), None)

    def _issuer_changed(self, observed: ObservedCertificate, issuer: AnyIssuer | None) -> bool:
        """Has the Order failed by another spec of the issuer than it has now?"""
        request = observed.next_request if observed.setback is not None else None
        orders = self._world.stores.orders.by_index(OWNER, request.metadata.uid) if request is not None else ()
        return any(is_superseded(order, issuer) for order in orders)

    def _new_key(self, observed: ObservedCertificate) -> NewKey:
        """Return how it stands with a key, should one be needed: the stored one, policy Never, is at hand."""
        spec, owner = observed.certificate.spec.private_key or PrivateKey(), observed.certificate.metadata.uid
        if _stored_key(observed, spec) or self._world.mill.is_ready(owner, spec.algorithm, spec.size):
            return NewKey.AT_HAND
        is_ordered = self._world.mill.is_ordered(owner, spec.algorithm, spec.size)
        return NewKey.UNDER_WAY if is_ordered else NewKey.TO_BE_ORDERED

    def _set_status(self, certificate: Certificate, step: SetCertificateStatus) -> None:
        written = self._world.client.update_status(
            msgspec.structs.replace(certificate, status=step.status), field_manager=COMPONENT
        )
        was, remains = (is_true(status.conditions, "Issuing") for status in (certificate.status, step.status))
        if was and not remains:
            self._world.precedence.ended(certificate)
        self._world.tell_of(written, step.tell, ISSUING)
        self._world.tell_author(certificate, statuses.news_of_issuance(certificate, step.status))

    def _look_ahead(self, certificate: Certificate, now: datetime) -> None:
        """Begin to look at its names; it and its routes are woken then."""
        world, metadata = self._world, certificate.metadata

        def wake() -> None:
            for controller in (self.name, RouteController.name):
                world.wake_new(WorkKey(controller, metadata.namespace, metadata.name))

        issuer = world.stores.issuer(metadata.namespace, certificate.spec.issuer_ref)
        world.precedence.look(certificate, issuer, now, wake)

    def _make_key(self, observed: ObservedCertificate, step: OrderKey | StoreNextKey, now: datetime) -> None:
        """Have a key made, or store it: with that an issuance begins."""
        if observed.by_acme:
            self._world.precedence.began(observed.certificate, now)
        if isinstance(step, StoreNextKey):
            self._store_next_key(observed, step)
        else:
            self._order_key(observed.certificate)

    def _order_key(self, certificate: Certificate) -> None:
        spec, metadata = certificate.spec.private_key or PrivateKey(), certificate.metadata
        wake = partial(self._world.wake_certificate, metadata.namespace, metadata.name)
        self._world.mill.order(metadata.uid, spec.algorithm, spec.size, wake, tenant=metadata.namespace)

    def _store_next_key(self, observed: ObservedCertificate, step: StoreNextKey) -> None:
        certificate = observed.certificate
        key, tell = self._next_key(observed, step.name)
        secret = Secret(
            metadata=SecretMeta(
                name=step.name,
                namespace=certificate.metadata.namespace,
                labels={NEXT_KEY_LABEL: "true", **OURS},
                owner_references=(owner_reference(certificate),),
            ),
            type="Opaque",
            data={"tls.key": bytes(encode_key(key, KeyEncoding.PKCS8))},
        )
        try:
            self._world.client.create(secret, field_manager=COMPONENT)
        except AlreadyExists:
            # Made before a crash, or by an act whose answer was lost: the next observe finds it.
            self._world.client.get(Secret, certificate.metadata.namespace, step.name)
            return
        if step.quietly and tell.reason == GENERATED:
            self._world.tell_as_then(certificate, tell)
        else:
            self._world.tell(certificate, (tell,), f"{COMPONENT}-key-manager")

    def _next_key(self, observed: ObservedCertificate, name: str) -> tuple[Key, Tell]:
        """Return a new key, or with policy Never the stored one; raises WaitingForUser when that does not fit."""
        spec = observed.certificate.spec.private_key or PrivateKey()
        stored = _stored_key(observed, spec)
        made = Tell(GENERATED, f'Stored new private key in temporary Secret resource "{name}"')
        if stored:
            secret = observed.certificate.spec.secret_name
            try:
                return _pinned(decode_key(stored), spec, secret)
            except InvalidKey:
                message = f'Failed to decode private key stored in Secret "{secret}" - generating new key'
                made = Tell("DecodeFailed", message, "Warning")
        return self._world.mill.take(observed.certificate.metadata.uid, spec.algorithm, spec.size), made

    def _create_request(self, observed: ObservedCertificate, step: CreateRequest) -> None:
        certificate = observed.certificate
        assert observed.next_key is not None  # noqa: S101  decided so
        key = decode_key(observed.next_key.data["tls.key"])
        request = _request(
            certificate,
            step,
            build_csr(certificate.spec, key),
            observed.next_key.metadata.name,
            self._world.settings.copied_annotation_prefixes,
        )
        try:
            self._world.client.create(request, field_manager=COMPONENT)
        except AlreadyExists:
            self._world.client.get(CertificateRequest, certificate.metadata.namespace, step.name)
            return
        self._world.tell(certificate, step.tell, f"{COMPONENT}-request-manager")


def _uid_of(name: str, among: Iterable[KubeObject | None]) -> str:
    """Return whom the decision was about: one of that name that was made since is another."""
    return next((one.metadata.uid for one in among if one is not None and one.metadata.name == name), "")


def signs_at_once(issuer: AnyIssuer | None) -> bool:
    """Is the issuer ready, and does it sign in this process?"""
    return (
        issuer is not None
        and not IN_PROCESS.isdisjoint(issuer_types(issuer.spec)[:1])
        and is_true(issuer.status.conditions, "Ready")
    )


def _stored_key(observed: ObservedCertificate, spec: PrivateKey) -> bytes:
    """Return what is to be used again, policy Never; nothing where a new key is to be made."""
    if spec.rotation_policy is not RotationPolicy.NEVER or observed.secret is None:
        return b""
    return observed.secret.data.get("tls.key", b"")


def _pinned(key: Key, spec: PrivateKey, secret: str) -> tuple[Key, Tell]:
    misfits = fits(key, spec)
    if misfits:
        raise WaitingForUser(
            f'User intervention required: the private key in Secret "{secret}" does not fit {", ".join(misfits)}, and '
            "rotationPolicy Never forbids another; change these fields back, set rotationPolicy to Always, "
            "or delete the Secret",
            reason="CannotRegenerateKey",
        )
    return key, Tell("Reused", f'Reusing private key stored in existing Secret resource "{secret}"')


def _request(
    certificate: Certificate, step: CreateRequest, csr: bytes, key_secret: str, prefixes: tuple[str, ...]
) -> CertificateRequest:
    spec, metadata = certificate.spec, certificate.metadata
    annotations = {key: value for key, value in metadata.annotations.items() if is_copied(key, prefixes)}
    return CertificateRequest(
        metadata=ObjectMeta(
            name=step.name,
            namespace=metadata.namespace,
            labels=metadata.labels,
            annotations={
                **annotations,
                **directions(metadata.annotations),
                REVISION: str(step.revision),
                PRIVATE_KEY_SECRET: key_secret,
                CERTIFICATE_NAME: metadata.name,
            },
            owner_references=(owner_reference(certificate),),
        ),
        spec=CertificateRequestSpec(
            request=csr,
            issuer_ref=spec.issuer_ref,
            duration=spec.duration,
            is_ca=spec.is_ca,
            usages=spec.usages,
        ),
    )


def is_copied(key: str, prefixes: tuple[str, ...]) -> bool:
    """Does an annotation go along?  `*` is all, `-prefix` leaves a prefix out; the last rule that matches decides."""
    copied = False
    for rule in prefixes:
        prefix = rule.removeprefix("-")
        if prefix == "*" or key.startswith(prefix):
            copied = not rule.startswith("-")
    return copied
