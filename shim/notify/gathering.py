"""What is wrong in the cluster, from the stores: whom to tell of it, and the words of `certshim explain` for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from certs.api.certificate import Certificate
from certs.api.certificaterequest import CertificateRequest
from certs.api.meta import find_condition
from certs.api.order import Order
from certs.decide.effects import one_line
from certs.decide.incidents import Event, Incident, Memory, Report, by_member, cause_of, is_member
from certs.decide.limits import is_limited
from certs.decide.trouble import Kind, Patience, Trouble, trouble
from shim.chain.explaining import explain, moment
from shim.chain.links import Chain, newest
from shim.notify.config import Notifications
from shim.notify.message import LONGEST, MOST_SHOWN, Line
from shim.stores import OWNER, Stores

Troubled = tuple[Certificate, Trouble]
# Until when a limit of the CA held up an Order or a Challenge, by its uid; None when none is known to have.
LimitedUntil = Callable[[str], datetime | None]


def troubled(stores: Stores, now: datetime, patience: Patience, limits: LimitedUntil) -> tuple[Troubled, ...]:
    """Return the Certificates in trouble, by namespace and name."""
    found = [
        (one, wrong)
        for one in stores.certificates.values()
        if (wrong := trouble(one, now, patience, is_limited=_is_limited(stores, one, limits, now))) is not None
    ]
    return tuple(sorted(found, key=lambda one: (one[0].metadata.namespace, one[0].metadata.name)))


def _is_limited(stores: Stores, certificate: Certificate, limits: LimitedUntil, now: datetime) -> bool:
    if find_condition(certificate.status.conditions, "Issuing") is None:
        return False  # most: nothing is looked up for them
    order = _order_of(stores, newest(stores.requests.by_index(OWNER, certificate.metadata.uid)))
    if order is None:
        return False
    challenges = stores.challenges.by_index(OWNER, order.metadata.uid)
    uids = (order.metadata.uid, *(one.metadata.uid for one in challenges))
    named = [until for uid in uids if (until := limits(uid)) is not None]
    return is_limited(order, max(named, default=None), now)


def _order_of(stores: Stores, request: CertificateRequest | None) -> Order | None:
    return newest(stores.orders.by_index(OWNER, request.metadata.uid)) if request is not None else None


def reports(
    stores: Stores, found: tuple[Troubled, ...], config: Notifications, memory: Memory, now: datetime
) -> Iterator[Report]:
    """Yield what each receiver is to know; the cause, which takes time to find, only where it matters."""
    known = by_member(memory)
    for certificate, wrong in found:
        metadata, issuer, cause = certificate.metadata, issuer_of(certificate), ""
        for receiver in config.receivers_of(metadata.namespace, metadata.labels, wrong):
            incident = known.get((receiver, wrong.kind, metadata.uid))
            if incident is None or not is_member(incident, issuer):
                cause = cause or _cause(stores, certificate, wrong, now)
            yield Report(receiver, metadata.uid, wrong.kind, wrong.severity, issuer, cause, wrong.since)


def issuer_of(certificate: Certificate) -> str:
    """Return who is to sign, as people say it."""
    ref, namespace = certificate.spec.issuer_ref, certificate.metadata.namespace
    where = "" if ref.effective_kind == "ClusterIssuer" else f"{namespace}/"
    return f"{ref.effective_kind} {where}{ref.name}"


def lines(stores: Stores, found: tuple[Troubled, ...], incident: Incident, now: datetime) -> tuple[Line, ...]:
    """Return the first of the Certificates that are in an incident."""
    members = frozenset(incident.members)
    shown = [one for one in found if one[0].metadata.uid in members and one[1].kind is incident.kind]
    return tuple(_line(stores, certificate, wrong, now) for certificate, wrong in shown[:MOST_SHOWN])


def ended(stores: Stores, incident: Incident) -> tuple[str, ...]:
    """Return the Certificates that an incident which is over was about, as far as they are there still."""
    if incident.due is not Event.CLOSED:
        return ()
    members = frozenset(incident.members)
    found = (one.metadata for one in stores.certificates.values() if one.metadata.uid in members)
    return tuple(sorted(f"{one.namespace}/{one.name}" for one in found))


def chain(stores: Stores, certificate: Certificate) -> Chain:
    """Return what belongs to a Certificate, as far as it is known here."""
    namespace = certificate.metadata.namespace
    request = newest(stores.requests.by_index(OWNER, certificate.metadata.uid))
    order = _order_of(stores, request)
    is_foreign = certificate.spec.issuer_ref.effective_group != certificate.resource.group
    secret = stores.secrets.get(namespace, certificate.spec.secret_name)
    return Chain(
        certificate=certificate,
        ingress=stores.ingress_of(certificate),
        issuer=None if is_foreign else stores.issuer(namespace, certificate.spec.issuer_ref),
        secret=secret,
        request=request,
        order=order,
        challenges=stores.challenges.by_index(OWNER, order.metadata.uid) if order is not None else (),
        unread={} if secret is not None else {"Secret": "it is not followed, or not there"},
    )


def _cause(stores: Stores, certificate: Certificate, wrong: Trouble, now: datetime) -> str:
    if wrong.kind is not Kind.FAILING:
        return ""  # one limit, one date: what differs is each one's own
    linked = chain(stores, certificate)
    told = explain(linked, now)
    objects = (certificate, linked.request, linked.order, linked.ingress, *linked.challenges)
    own = (
        *(one.metadata.name for one in objects if one is not None),
        *certificate.spec.dns_names,
        certificate.spec.common_name,
        certificate.spec.secret_name,
        certificate.metadata.namespace,
    )
    return cause_of(told.text.partition(" Meanwhile ")[0].partition("(next attempt")[0], own)


def _line(stores: Stores, certificate: Certificate, wrong: Trouble, now: datetime) -> Line:
    told = explain(chain(stores, certificate), now)
    text = told.text
    renewal = certificate.status.renewal_time
    if wrong.kind is Kind.EXPIRING:
        due = f"its renewal was due at {moment(renewal, now)}" if renewal is not None else "it is not renewed by itself"
        text = f"{text} Nothing has replaced it: {due}."
    advice = told.advice or _advice(certificate, wrong)
    metadata = certificate.metadata
    return Line(metadata.namespace, metadata.name, one_line(text, LONGEST), one_line(advice, LONGEST), wrong.expires_at)


def _advice(certificate: Certificate, wrong: Trouble) -> str:
    metadata = certificate.metadata
    if wrong.kind is Kind.EXPIRING:
        return f"Have it issued anew: certshim renew {metadata.name} -n {metadata.namespace}"
    return ""
