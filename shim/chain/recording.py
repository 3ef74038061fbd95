"""Make the records of `shim.chain.records` from objects as they were read.  Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from certs.api.certificaterequest import CertificateRequest
from certs.api.challenge import Challenge
from certs.api.core import Event
from certs.api.meta import Condition, is_true
from certs.api.order import Order
from certs.pki.x509 import Leaf
from shim.chain.explaining import Explanation, stored
from shim.chain.links import Chain, in_time, when
from shim.chain.records import (
    AuthorizationRecord,
    ChallengeRecord,
    ConditionRecord,
    EventRecord,
    ExplainedRecord,
    IssuerRecord,
    LeafRecord,
    OrderRecord,
    RequestRecord,
    SecretRecord,
    SightRecord,
    StatusRecord,
)


def status_record(chain: Chain) -> StatusRecord:
    """Return what is told of a certificate."""
    certificate, leaf = chain.certificate, stored(chain)
    metadata, spec, status = certificate.metadata, certificate.spec, certificate.status
    return StatusRecord(
        namespace=metadata.namespace,
        name=metadata.name,
        created_at=metadata.creation_timestamp,
        ready=is_true(status.conditions, "Ready"),
        conditions=_conditions(status.conditions),
        dns_names=spec.dns_names,
        ip_addresses=spec.ip_addresses,
        not_before=status.not_before,
        not_after=status.not_after,
        renewal_at=status.renewal_time,
        revision=status.revision,
        ingress=chain.ingress.metadata.name if chain.ingress is not None else "",
        issuer=_issuer(chain),
        secret=SecretRecord(name=spec.secret_name, certificate=_leaf(leaf) if leaf is not None else None),
        request=_request(chain.request) if chain.request is not None else None,
        order=_order(chain.order) if chain.order is not None else None,
        challenges=tuple(map(_challenge, chain.challenges)),
        events=tuple(map(event_record, events_of(chain))),
        unread=dict(chain.unread),
    )


def explained_record(chain: Chain, told: Explanation, seen: Iterable[Any] = ()) -> ExplainedRecord:
    """Return what is told of a certificate that was explained; `seen` are `shim.chain.live.Sight`."""
    metadata = chain.certificate.metadata
    return ExplainedRecord(
        namespace=metadata.namespace,
        name=metadata.name,
        state=told.state,
        explanation=told.text,
        advice=told.advice,
        seen=tuple(SightRecord(what=one.what, well=one.well, sentence=one.sentence) for one in seen),
    )


def event_record(event: Event) -> EventRecord:
    """Return what is told of an event."""
    about = event.involved_object
    return EventRecord(
        at=when(event),
        type=event.type,
        namespace=about.namespace,
        kind=about.kind,
        name=about.name,
        reason=event.reason,
        message=event.message,
        count=max(event.count, 1),
    )


def events_of(chain: Chain) -> list[Event]:
    """Return the events of all objects of a chain but the Ingress, oldest first."""
    objects = (chain.certificate, chain.issuer, chain.secret, chain.request, chain.order, *chain.challenges)
    by_uid = {event.metadata.uid: event for obj in objects for event in chain.events_of(obj)}
    return sorted(by_uid.values(), key=in_time)


def _issuer(chain: Chain) -> IssuerRecord:
    ref, issuer = chain.certificate.spec.issuer_ref, chain.issuer
    return IssuerRecord(
        group=ref.effective_group,
        kind=ref.effective_kind,
        name=ref.name,
        conditions=_conditions(issuer.status.conditions) if issuer is not None else (),
    )


def _request(request: CertificateRequest) -> RequestRecord:
    return RequestRecord(name=request.metadata.name, conditions=_conditions(request.status.conditions))


def _order(order: Order) -> OrderRecord:
    return OrderRecord(
        name=order.metadata.name,
        state=order.status.state,
        reason=order.status.reason,
        authorizations=tuple(
            AuthorizationRecord(
                identifier=one.identifier,
                wildcard=bool(one.wildcard),
                initial_state=one.initial_state,
                url=one.url,
            )
            for one in order.status.authorizations
        ),
    )


def _challenge(challenge: Challenge) -> ChallengeRecord:
    spec, status = challenge.spec, challenge.status
    return ChallengeRecord(
        name=challenge.metadata.name,
        type=spec.type,
        dns_name=spec.dns_name,
        wildcard=spec.wildcard,
        state=status.state,
        reason=status.reason,
        processing=status.processing,
        presented=status.presented,
    )


def _conditions(conditions: Iterable[Condition]) -> tuple[ConditionRecord, ...]:
    return tuple(
        ConditionRecord(
            type=one.type,
            status=one.status,
            reason=one.reason,
            message=one.message,
            last_transition_at=one.last_transition_time,
        )
        for one in conditions
    )


def _leaf(leaf: Leaf) -> LeafRecord:
    return LeafRecord(
        names=(*leaf.dns_names, *leaf.ip_addresses, *leaf.uris, *leaf.emails) or (leaf.common_name,),
        issuer=leaf.issuer_common_name,
        serial=f"{leaf.serial:x}",
        not_before=leaf.not_before,
        not_after=leaf.not_after,
        usages=tuple(leaf.usages),
        is_ca=leaf.is_ca,
    )
