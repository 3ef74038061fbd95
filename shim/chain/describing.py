"""`status certificate`: everything about one certificate, object by object, as lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from certs.api.core import Event
from certs.api.meta import Condition
from certs.pki.x509 import Leaf
from shim.chain.explaining import distance, moment, stored
from shim.chain.links import Chain


def describe(chain: Chain, now: datetime) -> Iterator[str]:
    """Give the lines, from the Certificate to its Challenges."""
    certificate = chain.certificate
    metadata, status = certificate.metadata, certificate.status
    yield f"Name: {metadata.name}"
    yield f"Namespace: {metadata.namespace}"
    yield f"Created at: {_moment(metadata.creation_timestamp, now)}"
    yield "Conditions:"
    yield from _conditions(status.conditions)
    yield "DNS Names:"
    yield from _list(certificate.spec.dns_names)
    if certificate.spec.ip_addresses:
        yield "IP Addresses:"
        yield from _list(certificate.spec.ip_addresses)
    yield from _events(chain.events_of(certificate), now)
    yield from _issuer(chain, now)
    yield from _secret(chain, now)
    yield f"Not Before: {_moment(status.not_before, now)}"
    yield f"Not After: {_moment(status.not_after, now)}"
    yield f"Renewal Time: {_moment(status.renewal_time, now)}"
    yield from _request(chain, now)
    yield from _order(chain, now)
    yield from _challenges(chain, now)


def _issuer(chain: Chain, now: datetime) -> Iterator[str]:
    ref, issuer = chain.certificate.spec.issuer_ref, chain.issuer
    yield "Issuer:"
    yield f"  Name: {ref.name}"
    yield f"  Kind: {ref.effective_kind}"
    if ref.effective_group != chain.certificate.resource.group:
        yield f"  Group: {ref.effective_group}"
        return
    if issuer is None:
        yield f"  {_absent(chain, ref.effective_kind)}"
        return
    yield "  Conditions:"
    yield from _conditions(issuer.status.conditions, "    ")
    yield from _events(chain.events_of(issuer), now, "  ")


def _secret(chain: Chain, now: datetime) -> Iterator[str]:
    yield "Secret:"
    yield f"  Name: {chain.certificate.spec.secret_name}"
    leaf = stored(chain)
    if chain.secret is None:
        yield f"  {_absent(chain, 'Secret')}"
    elif leaf is None:
        yield "  It has no certificate that can be read under tls.crt"
    else:
        yield from _leaf(leaf, now)
    yield from _events(chain.events_of(chain.secret), now, "  ")


def _leaf(leaf: Leaf, now: datetime) -> Iterator[str]:
    names = (*leaf.dns_names, *leaf.ip_addresses, *leaf.uris, *leaf.emails)
    yield f"  Issued for: {', '.join(names) or leaf.common_name}"
    yield f"  Issued by: {leaf.issuer_common_name or '(a CA without a common name)'}"
    yield f"  Valid: {_moment(leaf.not_before, now)} until {_moment(leaf.not_after, now)}"
    yield f"  Usages: {', '.join(leaf.usages)}"
    yield f"  Serial Number: {leaf.serial:x}"
    yield f"  Is a CA certificate: {'yes' if leaf.is_ca else 'no'}"


def _request(chain: Chain, now: datetime) -> Iterator[str]:
    request = chain.request
    if request is None:
        yield f"CertificateRequest: {_absent(chain, 'CertificateRequest')}"
        return
    yield "CertificateRequest:"
    yield f"  Name: {request.metadata.name}"
    yield "  Conditions:"
    yield from _conditions(request.status.conditions, "    ")
    yield from _events(chain.events_of(request), now, "  ")


def _order(chain: Chain, now: datetime) -> Iterator[str]:
    order = chain.order
    if order is None:
        return
    yield "Order:"
    yield f"  Name: {order.metadata.name}"
    yield f"  State: {order.status.state or 'nothing has been ordered yet'}{_because(order.status.reason)}"
    yield "  Authorizations:"
    for one in order.status.authorizations:
        initial = f", initially {one.initial_state}" if one.initial_state else ""
        yield f"    {one.identifier or '(pending)'}{' (wildcard)' if one.wildcard else ''}: {one.url}{initial}"
    yield from _events(chain.events_of(order), now, "  ")


def _challenges(chain: Chain, now: datetime) -> Iterator[str]:
    if not chain.challenges:
        return
    yield "Challenges:"
    for one in chain.challenges:
        status = one.status
        yield f"- Name: {one.metadata.name}"
        yield f"  Type: {one.spec.type}, for {one.spec.dns_name}{' (wildcard)' if one.spec.wildcard else ''}"
        yield f"  State: {status.state or 'pending'}{_because(status.reason)}"
        yield f"  Processing: {_word(status.processing)}, Presented: {_word(status.presented)}"
        yield from _events(chain.events_of(one), now, "  ")


def _conditions(conditions: Iterable[Condition], indent: str = "  ") -> Iterator[str]:
    lines = [f"{indent}{one.type}: {one.status}, Reason: {one.reason}, Message: {one.message}" for one in conditions]
    yield from lines or [f"{indent}No Conditions set"]


def _events(events: Iterable[Event], now: datetime, indent: str = "") -> Iterator[str]:
    lines = [_event(event, now, f"{indent}  ") for event in events]
    yield from [f"{indent}Events:", *lines] if lines else [f"{indent}Events: none"]


def _event(event: Event, now: datetime, indent: str) -> str:
    at = event.last_timestamp or event.first_timestamp or event.metadata.creation_timestamp
    when = distance(at - now) if at is not None else ""
    times = f" (x{event.count})" if event.count > 1 else ""
    return f"{indent}{event.type}  {event.reason}  {when}{times}  {event.message}"


def _moment(at: datetime | None, now: datetime) -> str:
    return moment(at, now) if at is not None else "<none>"


def _because(reason: str) -> str:
    return f", Reason: {reason}" if reason else ""


def _list(items: Iterable[str]) -> Iterator[str]:
    yield from [f"- {item}" for item in items] or ["- <none>"]


def _word(yes: bool) -> str:  # noqa: FBT001
    return "true" if yes else "false"


def _absent(chain: Chain, kind: str) -> str:
    """Return why an object of the chain is not shown."""
    return chain.unread.get(kind) or f"No {kind} found"
