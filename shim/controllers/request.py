"""The CertificateRequest controller: approves, has it signed here or by way of an Order, and tells the end."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from certs.annotations import PROFILE
from certs.api.certificate import Certificate
from certs.api.certificaterequest import CertificateRequest
from certs.api.issuer import AnyIssuer, IssuerType
from certs.api.meta import ObjectMeta, controller_of, owner_reference
from certs.api.order import Order, OrderSpec
from certs.decide import request as decision
from certs.decide.approval import APPROVED, ApprovalRefused, is_foreign, refusal
from certs.decide.comparison import same_issuer
from certs.decide.contents import stored_issuer
from certs.decide.effects import Tell
from certs.decide.issuerrevision import ISSUER_REVISION, issuer_revision
from certs.decide.policies import stored_leaf
from certs.decide.request import (
    OF_NO_USE,
    CreateOrder,
    DeleteOrder,
    ObservedRequest,
    SetRequestStatus,
    Sign,
    Step,
    TellWaiting,
)
from certs.names import order_name
from certs.outcomes import Failure, Outcome, Permanent, Unwatched, WaitingForUser
from certs.pki.ari import certificate_id
from certs.pki.csr import InvalidRequest, read_csr
from certs.pki.x509 import Leaf
from shim.controllers.renewalinfo import heeds_ari
from shim.controllers.world import World, with_next_attempt
from shim.issuers.registry import signers
from shim.kube.errors import AlreadyExists, Forbidden, Invalid
from shim.stores import OWNER

COMPONENT: Final = "cert-manager-certificaterequests"
APPROVER: Final = f"{COMPONENT}-approver"
ACME: Final = f"{COMPONENT}-issuer-acme"
SIGNERS: Final = {IssuerType.CA: f"{COMPONENT}-issuer-ca", IssuerType.SELF_SIGNED: f"{COMPONENT}-issuer-selfsigned"}


class RequestController:
    """One CertificateRequest to its signature or failure."""

    name = "certificaterequests"

    def __init__(self, world: World) -> None:
        self._world = world
        self._signers = signers(world.secrets.get, world.settings.cluster_resource_namespace)

    def observe(self, namespace: str, name: str) -> ObservedRequest | None:
        """Gather the request, its issuer and its Order."""
        stores = self._world.stores
        request = stores.requests.get(namespace, name)
        if request is None:
            return None
        if decision.is_finished(request):
            return ObservedRequest(request)
        auto_approve = self._world.settings.auto_approve
        if is_foreign(request):
            return ObservedRequest(request, auto_approve=auto_approve)
        issuer = stores.issuer(namespace, request.spec.issuer_ref)
        wanted = order_spec(request, issuer, self._replaced(request, issuer))
        order = self._order(request, wanted) if wanted is not None else None
        wanted_name = order_name(name, wanted) if wanted is not None else ""
        wanted_name = order.metadata.name if order is not None else wanted_name
        return ObservedRequest(
            request=request,
            issuer=issuer,
            order=order,
            order_name=wanted_name,
            auto_approve=auto_approve,
            is_told=self._world.told.get(request.metadata.uid) is not None,
            started_over=self._world.started_over.get(request.metadata.uid),
        )

    def _order(self, request: CertificateRequest, wanted: OrderSpec) -> Order | None:
        """Return the Order that the request has, or one that has its name.

        One that replaces another certificate than would be replaced now is still the request's Order: the Secret may
        have changed meanwhile, and a second Order would be one too many.  So is one that is under way as the issuer
        wanted it before; only where it has failed, another profile is another attempt.
        """
        own = tuple(self._world.stores.orders.by_index(OWNER, request.metadata.uid))
        same = (one for one in own if msgspec.structs.replace(one.spec, replaces=wanted.replaces) == wanted)
        going = (one for one in own if not one.status.state.is_failure)
        name = order_name(request.metadata.name, wanted)
        return next(same, None) or next(going, None) or self._world.stores.orders.get(request.metadata.namespace, name)

    def _replaced(self, request: CertificateRequest, issuer: AnyIssuer | None) -> str:
        """Return which certificate of the same issuer this one will replace (RFC 9773 §5); mostly none is known."""
        owner = controller_of(request.metadata)
        if owner is None or owner.kind != Certificate.resource.kind or not heeds_ari(issuer):
            return ""
        certificate = self._world.stores.certificates.get(request.metadata.namespace, owner.name)
        if certificate is None or certificate.metadata.uid != owner.uid:
            return ""
        secret = self._world.secrets.get(request.metadata.namespace, certificate.spec.secret_name)
        leaf = stored_leaf(secret)
        wrote = stored_issuer(secret) if secret is not None else None
        if leaf is None or wrote is None or not same_issuer(wrote, request.spec.issuer_ref):
            return ""
        return certificate_id(leaf) if shares_a_name(request, leaf) else ""

    def decide(self, observed: ObservedRequest, now: datetime) -> Step | Outcome:
        """Return the next step."""
        return decision.decide(observed, now)

    def act(self, observed: ObservedRequest, step: Step, now: datetime) -> None:
        """Take it."""
        request, client = observed.request, self._world.client
        match step:
            case TellWaiting():
                self._world.told.put(request.metadata.uid, note=True)
                self._world.tell(request, (step.tell,), APPROVER)
            case SetRequestStatus():
                self._write(request, step, APPROVER if is_foreign(request) else ACME)
            case Sign():
                self._sign(observed, step, now)
            case CreateOrder():
                self._create_order(observed, step)
            case DeleteOrder():
                self._world.tell(
                    request,
                    (Tell(step.reason, f'Deleting order "{step.name}": {step.why}', "Warning"),),
                    ACME,
                )
                uid = observed.order.metadata.uid if observed.order is not None else ""
                if step.reason == OF_NO_USE:
                    self._world.note_start_over(request.metadata.uid, step.why, now)
                client.delete(Order, request.metadata.namespace, step.name, uid=uid)

    def report(self, observed: ObservedRequest, failure: Failure, retry_at: datetime | None, now: datetime) -> None:
        """Tell in an event; the conditions speak of the issuer, not of our trouble with the API server."""
        component = APPROVER if isinstance(failure, ApprovalRefused) else ACME
        is_of_signer = isinstance(failure, WaitingForUser) and component == ACME
        if is_of_signer and decision.not_yet_signed(observed.request, failure, now) is None:
            return  # what the signer waits for stands in the condition, and was told when it was written
        sentence = with_next_attempt(failure, retry_at)
        self._world.tell(observed.request, (Tell(failure.reason or "Error", sentence, "Warning"),), component)

    def _write(self, request: CertificateRequest, step: SetRequestStatus, component: str) -> None:
        changed = msgspec.structs.replace(request, status=step.status)
        try:
            written = self._world.client.update_status(changed, field_manager=component)
        except Forbidden as error:
            refused = refusal(request, step.status, str(error))
            if refused is None:
                raise
            raise refused from error
        for tell in step.tell:
            self._world.tell(written, (tell,), APPROVER if tell == APPROVED else component)

    def _sign(self, observed: ObservedRequest, step: Sign, now: datetime) -> None:
        """Sign and say so in one write; a second signature after a lost answer replaces nothing that was seen."""
        request, issuer = observed.request, observed.issuer
        assert issuer is not None  # noqa: S101  decided so
        try:
            made = self._signers[step.by].sign(request, issuer, now)
        except WaitingForUser as failure:
            pending = decision.not_yet_signed(request, failure, now)
            if pending is None:
                raise
            result = pending
        except Permanent as failure:
            result = decision.refused(request, Tell(failure.reason, str(failure), "Warning"), now)
        else:
            result = decision.signed(request, made.chain, made.ca, now, made.warnings)
        self._write(request, result, SIGNERS[step.by])

    def _create_order(self, observed: ObservedRequest, step: CreateOrder) -> None:
        request = observed.request
        spec = order_spec(request, observed.issuer, self._replaced(request, observed.issuer))
        place = f"{request.metadata.namespace}/{step.name}"
        assert spec is not None  # noqa: S101  decided so: the order has a name
        order = Order(
            metadata=ObjectMeta(
                name=step.name,
                namespace=request.metadata.namespace,
                labels=request.metadata.labels,
                annotations={**request.metadata.annotations, **_made_by(observed.issuer)},
                owner_references=(owner_reference(request),),
            ),
            spec=spec,
        )
        try:
            self._world.untried.put(place, note=True)
            self._world.client.create(order, field_manager=ACME)
        except AlreadyExists:
            self._world.untried.drop(place)
            self._world.client.get(Order, request.metadata.namespace, step.name)
            return
        except (Forbidden, Invalid) as error:  # a quota, a policy, a role: for somebody to mend, and nothing tells when
            self._world.untried.drop(place)
            raise Unwatched(
                f"Failed to create new order resource {place}: {error}", reason="OrderCreatingError"
            ) from error
        tell = Tell("OrderCreated", f"Created Order resource {place}")
        self._world.tell(request, (tell,), ACME)


def _made_by(issuer: AnyIssuer | None) -> dict[str, str]:
    return {ISSUER_REVISION: issuer_revision(issuer)} if issuer is not None else {}


def shares_a_name(request: CertificateRequest, leaf: Leaf) -> bool:
    """Is any name of the certificate asked for again?  A CA refuses to replace one by another of other names."""
    try:
        asked = read_csr(request.spec.request).names
    except InvalidRequest:
        return False
    return not {*asked.dns_names, *asked.ip_addresses}.isdisjoint((*leaf.dns_names, *leaf.ip_addresses))


def order_spec(request: CertificateRequest, issuer: AnyIssuer | None, replaces: str = "") -> OrderSpec | None:
    """Return what is to be ordered for a request, or None when the request cannot be read or names nothing.

    `replaces` identifies the certificate that it takes the place of.
    """
    try:
        csr = read_csr(request.spec.request)
    except InvalidRequest:
        return None
    if not csr.names.dns_names and not csr.names.ip_addresses and not csr.common_name:
        return None
    acme = issuer.spec.acme if issuer is not None else None
    return OrderSpec(
        request=request.spec.request,
        issuer_ref=request.spec.issuer_ref,
        common_name=csr.common_name,
        dns_names=csr.names.dns_names,
        ip_addresses=csr.names.ip_addresses,
        duration=request.spec.duration if acme is not None and acme.enable_duration_feature else None,
        profile=request.metadata.annotations.get(PROFILE) or (acme.profile if acme is not None else ""),
        replaces=replaces,
    )
