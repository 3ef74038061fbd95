"""What the page shows of the objects: pure, from what is known and the time.

    failing   the last attempt failed, or something holds it up, or what is served has expired
    expiring  it should have been renewed long ago, or nobody renews it (`certs.decide.trouble`)
    waiting   it is being issued, or nobody has looked at it yet
    ready     nothing is to be done

The list is by urgency: that order, then who expires first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum
from typing import Any, Final

import msgspec

from certs.api.certificate import Certificate
from certs.api.issuer import AnyIssuer
from certs.api.meta import Condition, controller_of, find_condition
from certs.decide.trouble import expiring_since
from shim.chain.explaining import explain, held_up_by
from shim.chain.links import Chain

MOST_NAMES: Final = 5
LONGEST: Final = 400  # characters of a sentence in the list; the chain has it whole


class State(IntEnum):
    """How a Certificate stands, the most urgent first."""

    FAILING = 0
    EXPIRING = 1
    WAITING = 2
    READY = 3


class Row(msgspec.Struct, frozen=True, array_like=True):
    """One line; sent as a list, since there may be ten thousand.  Moments are seconds since 1970, 0 for none."""

    namespace: str
    name: str
    state: State
    names: tuple[str, ...]
    more: int  # names beside those
    issuer: str
    secret: str
    owner: str  # the Ingress that it was made for
    not_after: int
    renewal: int
    sentence: str


class IssuerRow(msgspec.Struct, frozen=True):
    """One issuer and what its controller says of it."""

    kind: str
    namespace: str
    name: str
    type: str
    ready: bool
    sentence: str


def rows(chains: Iterable[Chain], now: datetime) -> list[Row]:
    """Return the certificates of all of them, by urgency."""
    found = [row(one, now) for one in chains]
    return sorted(found, key=lambda one: (one.state, one.not_after or 0, one.namespace, one.name))


def row(chain: Chain, now: datetime) -> Row:
    """Return the line of one."""
    certificate = chain.certificate
    spec, status, meta = certificate.spec, certificate.status, certificate.metadata
    names = (*spec.dns_names, *spec.ip_addresses, *spec.uris, *spec.email_addresses)
    names = names or ((spec.common_name,) if spec.common_name else ())
    state, why = standing(chain, now)
    owner, ref = controller_of(meta), spec.issuer_ref
    return Row(
        meta.namespace,
        meta.name,
        state,
        names[:MOST_NAMES],
        len(names[MOST_NAMES:]),
        f"{ref.effective_kind}/{ref.name}",
        spec.secret_name,
        owner.name if owner is not None and owner.kind == "Ingress" else "",
        _seconds(status.not_after),
        _seconds(status.renewal_time),
        why[:LONGEST],
    )


def standing(chain: Chain, now: datetime) -> tuple[State, str]:
    """Return how a certificate stands and why, in the words of whatever of its chain knows."""
    why = held_up_by(chain, now)
    if why:
        return State.FAILING, why
    state = state_of(chain.certificate, now)
    return state, sentence(chain.certificate, state)


def state_of(certificate: Certificate, now: datetime) -> State:
    """Return how it stands by itself, whatever its requests and orders say."""
    status = certificate.status
    ready, issuing = find_condition(status.conditions, "Ready"), find_condition(status.conditions, "Issuing")
    has_expired = status.not_after is not None and status.not_after <= now
    if has_expired or _has_failed(certificate, issuing):
        return State.FAILING
    if expiring_since(status, now) is not None:
        return State.EXPIRING
    if ready is None or ready.status != "True":
        return State.WAITING
    return State.READY


def issuer_row(issuer: AnyIssuer) -> IssuerRow:
    """Return the line of an issuer."""
    ready = find_condition(issuer.status.conditions, "Ready")
    kinds = ("acme", "ca", "vault", "venafi", "self_signed")
    kind = next((one for one in kinds if getattr(issuer.spec, one, None) is not None), "")
    return IssuerRow(
        issuer.resource.kind,
        issuer.metadata.namespace,
        issuer.metadata.name,
        kind.replace("self_signed", "selfSigned"),
        ready is not None and ready.status == "True",
        ready.message if ready is not None else "no controller has looked at it yet",
    )


def _has_failed(certificate: Certificate, issuing: Condition | None) -> bool:
    if certificate.status.last_failure_time is not None:
        return True
    return issuing is not None and issuing.status == "False"


def sentence(certificate: Certificate, state: State) -> str:
    """Return why it is in that state, in the words of its controllers; empty where nothing is to be done."""
    conditions = certificate.status.conditions
    issuing, ready = find_condition(conditions, "Issuing"), find_condition(conditions, "Ready")
    if state is State.READY:
        return ""
    if state is State.EXPIRING and issuing is None:
        due = certificate.status.renewal_time
        said = f"its renewal was due at {due:%Y-%m-%d %H:%M} UTC, and has not begun" if due is not None else ""
        return said or "it is not renewed by itself"
    expiry = certificate.status.not_after
    is_called_ready = ready is not None and ready.status == "True"
    if state is State.FAILING and is_called_ready and expiry is not None and not _has_failed(certificate, issuing):
        # What is said of it is of the last time that somebody looked.
        return f"it expired at {expiry:%Y-%m-%d %H:%M} UTC, and nothing has replaced it"
    for one in (issuing, ready):
        if one is not None and one.message:
            return one.message
    return "no controller has looked at it yet"


def _seconds(moment: datetime | None) -> int:
    return int(moment.timestamp()) if moment is not None else 0


def summary(lines: Iterable[Row]) -> dict[str, int]:
    """Return how many there are in each state."""
    counts = {state.name.lower(): 0 for state in State}
    for line in lines:
        counts[State(line.state).name.lower()] += 1
    return counts


def chain_of(chain: Chain, now: datetime) -> dict[str, Any]:
    """Return what is told of one certificate: a paragraph, its objects in order, and their events."""
    told = explain(chain, now)
    objects = [
        _link(chain, chain.ingress, ""),
        _link(chain, chain.certificate, _condition(chain.certificate)),
        _link(chain, chain.issuer, _condition(chain.issuer)),
        _link(chain, chain.request, _condition(chain.request)),
        _link(chain, chain.order, _state(chain.order)),
        *(_link(chain, one, _state(one), f"{one.spec.type} for {one.spec.dns_name}") for one in chain.challenges),
    ]
    return {
        "state": told.state,
        "text": told.text,
        "advice": told.advice,
        "objects": [one for one in objects if one is not None],
        "unread": dict(chain.unread),
    }


def _link(chain: Chain, obj: Any, says: str, what: str = "") -> dict[str, Any] | None:
    if obj is None:
        return None
    events = [
        {
            "at": _seconds(one.last_timestamp or one.first_timestamp or one.metadata.creation_timestamp),
            "type": one.type,
            "reason": one.reason,
            "message": one.message,
            "count": one.count,
        }
        for one in chain.events_of(obj)
    ]
    return {"kind": obj.resource.kind, "name": obj.metadata.name, "what": what, "says": says, "events": events}


def _condition(obj: Any) -> str:
    ready = find_condition(obj.status.conditions, "Ready") if obj is not None else None
    return f"Ready={ready.status} ({ready.reason}): {ready.message}" if ready is not None else "no word yet"


def _state(obj: Any) -> str:
    if obj is None:
        return ""
    reason = f": {obj.status.reason}" if obj.status.reason else ""
    return f"{obj.status.state or 'pending'}{reason}"
