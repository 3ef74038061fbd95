"""The next step for a CertificateRequest.

    new ── approve (auto-approver) ──> Approved ── hand to the issuer ──> Pending ──> Issued | Failed
     └─ Denied ──> Ready=False Denied

A request to an issuer of another group is approved, and the rest is its controller's.

Approval and the first Pending go in one status write: nobody can tell them apart, and the API server is
spared one.  For an ACME issuer the hand-over is the creation of an Order, whose name is deterministic, so
the Pending message can name it before it exists and a repeated create finds what it made.  Where the signature
is made in this process (CA, self-signed), approval and answer are one write.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from certs.api.certificaterequest import CertificateRequest, CertificateRequestStatus
from certs.api.issuer import AnyIssuer, IssuerType, issuer_types
from certs.api.meta import ConditionStatus, controller_of, find_condition, is_true, with_condition
from certs.api.order import ACMEState, Order
from certs.decide import approval
from certs.decide.effects import Tell
from certs.decide.issuer import unusable_type
from certs.decide.pauses import doubled
from certs.outcomes import DONE, Failure, Outcome, Wait, WaitingForUser
from certs.pki.csr import InvalidRequest, read_csr
from certs.pki.x509 import InvalidCertificate, read_chain

FETCHED: Final = "Certificate fetched from issuer successfully"
DENIED: Final = "The CertificateRequest was denied by an approval controller"

OF_NO_USE: Final = "OrderBadCertificate"

# Who signs within one act.
IN_PROCESS: Final = frozenset((IssuerType.CA, IssuerType.SELF_SIGNED))

# A CA that has restarted, and a proof that another process has begun: so often an order is made anew at once.  What
# makes it of no use more often than that does so each time, and each costs an order, or a certificate.
AT_ONCE: Final = 2
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class StartedOver:
    """That the Order of a request was of no use: how often, when the last time, and why."""

    times: int
    at: datetime
    why: str

    @property
    def again_at(self) -> datetime:
        """Return when another may be made."""
        if self.times <= AT_ONCE:
            return self.at
        return self.at + doubled(FIRST_PAUSE, self.times - AT_ONCE - 1, LONGEST_PAUSE)


def started_over(before: StartedOver | None, why: str, now: datetime) -> StartedOver:
    """Return what to remember of an Order that is deleted to be made anew."""
    return StartedOver(before.times + 1 if before is not None else 1, now, why)


@dataclass(frozen=True, slots=True)
class ObservedRequest:
    """A request, its issuer if there is one, and the Order made for it; of a foreign issuer only the request.

    `order_name` is the name that the Order has or will have; empty when the request cannot be read.
    `is_told`: it has been said that the request waits for somebody to approve it.  `started_over` is what this process
    remembers of Orders that were of no use.
    """

    request: CertificateRequest
    issuer: AnyIssuer | None = None
    order: Order | None = None
    order_name: str = ""
    auto_approve: bool = True
    is_told: bool = False
    started_over: StartedOver | None = None


@dataclass(frozen=True, slots=True)
class TellWaiting:
    """Tell, and write nothing: nothing has happened yet."""

    tell: Tell


@dataclass(frozen=True, slots=True)
class SetRequestStatus:
    """Write the status and tell."""

    status: CertificateRequestStatus
    tell: tuple[Tell, ...] = ()


@dataclass(frozen=True, slots=True)
class CreateOrder:
    """Create the Order of that name for this request."""

    name: str


@dataclass(frozen=True, slots=True)
class DeleteOrder:
    """Delete an Order whose certificate is of no use, so that a new one is made."""

    name: str
    why: str
    reason: str = OF_NO_USE


@dataclass(frozen=True, slots=True)
class Sign:
    """Have the issuer sign, and write what it says: `signed`, `not_yet_signed` or `refused`."""

    by: IssuerType


Step = TellWaiting | SetRequestStatus | CreateOrder | DeleteOrder | Sign


def decide(observed: ObservedRequest, now: datetime) -> Step | Outcome:
    """Return the next step."""
    request = observed.request
    if request.metadata.deletion_timestamp is not None or is_finished(request):
        return DONE
    if approval.is_foreign(request):
        return _only_approve(observed, now)
    if is_true(request.status.conditions, "Denied"):
        return _denied(request, now)
    if is_true(request.status.conditions, "InvalidRequest"):
        return DONE
    approved = approval.is_approved(request)
    if not approved and not observed.auto_approve:
        return DONE if observed.is_told else TellWaiting(approval.NOT_YET_APPROVED)
    return _hand_over(observed, approved=approved, now=now)


def is_finished(request: CertificateRequest) -> bool:
    """Has it been signed, or failed for good?"""
    ready = find_condition(request.status.conditions, "Ready")
    return bool(request.status.certificate) or (ready is not None and ready.reason in {"Issued", "Failed", "Denied"})


def _only_approve(observed: ObservedRequest, now: datetime) -> Step | Outcome:
    """Let the issuer's own controller sign; what it says of the request is nobody else's to write."""
    request = observed.request
    if approval.is_judged(request) or not observed.auto_approve:
        return DONE
    return _with_approval(request, SetRequestStatus(request.status), now)


def _hand_over(observed: ObservedRequest, *, approved: bool, now: datetime) -> Step | Outcome:
    """Approve if need be, then go on with the issuer."""
    request, issuer = observed.request, observed.issuer
    pending = _obstacle(request, issuer)
    if pending is not None:
        return _pending(request, pending, approved=approved, now=now)
    types = issuer_types(issuer.spec) if issuer is not None else ()
    if types[0] in IN_PROCESS:
        return Sign(types[0])
    unusable = _unusable(observed)
    if unusable is not None:
        return _failed(request, unusable, now)
    if observed.order is None:
        return _order(observed, approved=approved, now=now)
    if not _is_for(observed.order, request):
        return _make_room(observed.order, request)
    return _follow(request, observed.order, approved=approved, now=now)


def _order(observed: ObservedRequest, *, approved: bool, now: datetime) -> Step | Outcome:
    """Say that an Order is waited for, and make it; one that is of no use each time ever more rarely."""
    request, before = observed.request, observed.started_over
    put_off = before if before is not None and now < before.again_at else None
    why = f"{put_off.why} (next attempt at {put_off.again_at:%H:%M:%S} UTC)" if put_off is not None else ""
    waiting = Tell("OrderPending", _waiting_for(request, observed.order_name, ACMEState.PENDING, why))
    step = _pending(request, waiting, approved=approved, now=now, quiet=True)
    if isinstance(step, SetRequestStatus):
        return step
    return Wait(put_off.again_at, put_off.why) if put_off is not None else CreateOrder(observed.order_name)


def _obstacle(request: CertificateRequest, issuer: AnyIssuer | None) -> Tell | None:
    """Return why the issuer cannot be asked yet."""
    ref = request.spec.issuer_ref
    if issuer is None:
        place = "" if ref.effective_kind == "ClusterIssuer" else f' in namespace "{request.metadata.namespace}"'
        return Tell(
            "IssuerNotFound", f'Referenced "{ref.effective_kind}" not found: "{ref.name}" does not exist{place}'
        )
    types = issuer_types(issuer.spec)
    if not types or (types[0] is not IssuerType.ACME and types[0] not in IN_PROCESS):
        return unusable_type(issuer)
    if not is_true(issuer.status.conditions, "Ready"):
        ready = find_condition(issuer.status.conditions, "Ready")
        because = f": {ready.message}" if ready is not None and ready.message else ""
        return Tell("IssuerNotReady", f"Referenced issuer does not have a Ready status condition{because}")
    return None


def signed(
    request: CertificateRequest, chain: bytes, ca: bytes, now: datetime, warnings: tuple[Tell, ...] = ()
) -> SetRequestStatus:
    """Return the status with what the issuer signed, and the approval if it is not there yet.

    That it was approved goes without an event: the certificate says it.
    """
    try:
        read_chain(chain)
    except InvalidCertificate as error:
        return refused(request, Tell("DecodeError", f"Failed to decode returned certificate: {error}", "Warning"), now)
    status = _with_ready(request, ConditionStatus.TRUE, reason="Issued", message=FETCHED, now=now)
    status = msgspec.structs.replace(status, certificate=chain, ca=ca)
    approved = _with_approval(request, SetRequestStatus(status), now)
    return SetRequestStatus(approved.status, (*warnings, Tell("CertificateIssued", FETCHED)))


def not_yet_signed(request: CertificateRequest, why: Failure, now: datetime) -> SetRequestStatus | None:
    """Return the status with what the issuer waits for; None when that stands there already."""
    step = _pending(request, Tell(why.reason, str(why)), approved=approval.is_approved(request), now=now)
    return step if isinstance(step, SetRequestStatus) else None


def refused(request: CertificateRequest, why: Tell, now: datetime) -> SetRequestStatus:
    """Return the status of a request that its issuer will never sign."""
    return _with_approval(request, _failed(request, why, now), now)


def _follow(request: CertificateRequest, order: Order, *, approved: bool, now: datetime) -> Step | Outcome:
    """Bring over what has become of the Order."""
    state = order.status.state
    if state.is_failure:
        reason = f": {order.status.reason}" if order.status.reason else ""
        message = (
            f'Failed to wait for order resource "{order.metadata.name}" to become ready: '
            f'order is in "{state}" state{reason}'
        )
        return _failed(request, Tell("OrderFailed", message, "Warning"), now)
    if state is ACMEState.VALID and order.status.certificate:
        return _issued(request, order, now)
    if state is ACMEState.VALID:
        place = f"{request.metadata.namespace}/{order.metadata.name}"
        message = f"Waiting for order-controller to add certificate data to Order {place}"
    else:
        message = _waiting_for(request, order.metadata.name, ACMEState.PENDING, order.status.reason)
    return _pending(request, Tell("OrderPending", message), approved=approved, now=now, quiet=True)


def _is_for(order: Order, request: CertificateRequest) -> bool:
    owner = controller_of(order.metadata)
    return owner is not None and owner.uid == request.metadata.uid


def _make_room(order: Order, request: CertificateRequest) -> Step:
    """Have the Order of a deleted request of the same name gone: what became of it is not what becomes of this one.

    The garbage collector would delete it too, only later than we look.
    """
    owner, name = controller_of(order.metadata), order.metadata.name
    if owner is None or (owner.kind, owner.name) != (type(request).resource.kind, request.metadata.name):
        raise WaitingForUser(
            f'cannot create Order "{name}": one of that name exists and does not belong to this request; delete it',
            reason="OrderExists",
        )
    return DeleteOrder(name, "it was made for an earlier request of this name", "OrderOutdated")


def _waiting_for(request: CertificateRequest, order: str, state: ACMEState, reason: str = "") -> str:
    text = f'Waiting on certificate issuance from order {request.metadata.namespace}/{order}: "{state}"'
    return f"{text}: {reason}" if reason else text


def _issued(request: CertificateRequest, order: Order, now: datetime) -> Step:
    """Take the certificate if it is one, and for the key that was asked for."""
    try:
        leaf = read_chain(order.status.certificate)[0]
        fits = leaf.public_key == read_csr(request.spec.request).public_key
    except (InvalidCertificate, InvalidRequest) as error:
        return DeleteOrder(order.metadata.name, f"its certificate cannot be used: {error}")
    if not fits:
        return DeleteOrder(order.metadata.name, "its certificate is for another key than the request's")
    status = _with_ready(request, ConditionStatus.TRUE, reason="Issued", message=FETCHED, now=now)
    status = msgspec.structs.replace(status, certificate=order.status.certificate)
    return SetRequestStatus(status, (Tell("CertificateIssued", FETCHED),))


def _denied(request: CertificateRequest, now: datetime) -> Step:
    status = _with_ready(request, ConditionStatus.FALSE, reason="Denied", message=DENIED, now=now)
    return SetRequestStatus(msgspec.structs.replace(status, failure_time=request.status.failure_time or _second(now)))


def _failed(request: CertificateRequest, why: Tell, now: datetime) -> SetRequestStatus:
    status = _with_ready(request, ConditionStatus.FALSE, reason="Failed", message=why.message, now=now)
    failed = msgspec.structs.replace(status, failure_time=request.status.failure_time or _second(now))
    return SetRequestStatus(failed, (why,))


def _pending(
    request: CertificateRequest, why: Tell, *, approved: bool, now: datetime, quiet: bool = False
) -> Step | Outcome:
    """Write Pending with its message, and Approved with it, unless both stand there already."""
    ready = find_condition(request.status.conditions, "Ready")
    said = ready is not None and (ready.reason, ready.message) == ("Pending", why.message)
    if approved and said:
        return DONE
    status = _with_ready(request, ConditionStatus.FALSE, reason="Pending", message=why.message, now=now)
    tell: tuple[Tell, ...] = () if quiet or (ready is not None and ready.reason == "Pending") else (why,)
    return _with_approval(request, SetRequestStatus(status, tell), now)


def _with_approval(request: CertificateRequest, step: SetRequestStatus, now: datetime) -> SetRequestStatus:
    """Have the same write approve the request, unless it is approved."""
    if approval.is_approved(request):
        return step
    return SetRequestStatus(approval.approved(step.status, now), (approval.APPROVED, *step.tell))


def _with_ready(
    request: CertificateRequest, status: ConditionStatus, *, reason: str, message: str, now: datetime
) -> CertificateRequestStatus:
    conditions = with_condition(request.status.conditions, "Ready", status, reason=reason, message=message, now=now)
    return msgspec.structs.replace(request.status, conditions=conditions)


def _unusable(observed: ObservedRequest) -> Tell | None:
    """Return why nothing can be ordered for the request, whatever the CA."""
    try:
        csr = read_csr(observed.request.spec.request)
    except InvalidRequest as error:
        return Tell("RequestParsingError", f"Failed to decode CSR in spec.request: {error}", "Warning")
    if not observed.order_name:
        return Tell("InvalidOrder", "The CSR names neither a DNS name nor an IP address, which ACME needs", "Warning")
    ordered = {*csr.names.dns_names, *csr.names.ip_addresses}
    if ordered and csr.common_name and csr.common_name.lower() not in ordered:
        message = (
            f'The CSR has the common name "{csr.common_name}", which for ACME must be one of its DNS names or '
            "IP addresses too; add it to spec.dnsNames or spec.ipAddresses of the Certificate, or remove it"
        )
        return Tell("InvalidOrder", message, "Warning")
    return None


def _second(now: datetime) -> datetime:
    return now.replace(microsecond=0)
