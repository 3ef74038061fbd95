"""What shim and webhook told people in a run: the statuses and Events that they wrote, from the audit log.

Held against the rows by which `certshim explain` advises (`shim.chain.symptoms`).  A status is put into a chain of
its own and read by `explain`, so that a sentence counts as a failure here exactly where it does there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, NamedTuple

import msgspec

from certs.api.certificate import Certificate, CertificateSpec
from certs.api.certificaterequest import CertificateRequest
from certs.api.challenge import Challenge
from certs.api.core import Event
from certs.api.issuer import ClusterIssuer, Issuer, IssuerSpec, IssuerStatus
from certs.api.meta import Condition, ConditionStatus, IssuerReference, KubeObject, ObjectMeta
from certs.api.order import Order
from shim.chain.advice import symptom_of
from shim.chain.explaining import explain
from shim.chain.links import Chain
from tests.cluster.audit import AuditEvent

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)  # for distances to the next attempt, which nobody looks at here
_KINDS: Final[Mapping[str, type[KubeObject]]] = {
    kind.resource.plural: kind for kind in (Certificate, CertificateRequest, Challenge, ClusterIssuer, Issuer, Order)
}
# What differs from run to run: tokens of the CA, names of tests with their digests, addresses, ports and moments.
RANDOM: Final = re.compile(r"(?<![\w-])[\w-]{43}(?![\w-])|\b[a-z]*-?[0-9a-f]{7,}\b|\d+")
# Namespaces of tests of the API alone: what a shim says of their senseless objects is chance.
OF_THE_API: Final = ("crds-", "rules-")


class Told(NamedTuple):
    """One sentence about a failure: `about` is the kind of the object, with `Event` before it if it is one."""

    about: str
    sentence: str
    solver: str = ""

    def __str__(self) -> str:
        """Return it without what differs from run to run."""
        return f"{self.about}: {RANDOM.sub('#', self.sentence)}"

    @property
    def row(self) -> str:
        """Return the id of the row that fits; empty when there is none."""
        found = symptom_of(self.sentence, self.solver)
        return found.id if found is not None else ""


def told(events: Iterable[AuditEvent], *, chance: bool = True) -> dict[str, Told]:
    """Return each failure that was written once, by its line without what differs from run to run.

    Without `chance` only what was written while its namespace was in use: a shim that is started later finds what tests
    without one have left, for as long as that takes to go.
    """
    found: dict[str, Told] = {}
    left: set[str] = set()
    for event in events:
        of = event.object_ref
        if event.verb == "delete" and of.resource == "namespaces":
            left.add(of.name)
        if not chance and (of.namespace in left or of.namespace.startswith(OF_THE_API)):
            continue
        if event.request_object and event.response_status.code < HTTPStatus.MULTIPLE_CHOICES:
            for one in _in(event):
                found.setdefault(str(one), one)
    return found


def answered(events: Iterable[AuditEvent]) -> Iterator[Told]:
    """Yield what the API server answered when it refused: admission's words, and its own."""
    for event in events:
        if event.response_status.message:
            yield Told("answer", event.response_status.message)


def unadvised(said: Iterable[Told], needless: Mapping[str, str]) -> list[str]:
    """Return the lines of failures without a row; `needless` are patterns of those that need none, and why."""
    return sorted(str(one) for one in said if not one.row and not any(_meets(one, pattern) for pattern in needless))


def unmet(said: Iterable[Told], needless: Mapping[str, str]) -> list[str]:
    """Return the patterns that no failure meets, with a row or without."""
    told = tuple(said)
    return [pattern for pattern in needless if not any(_meets(one, pattern) for one in told)]


def _meets(one: Told, pattern: str) -> bool:
    return re.search(pattern, f"{one.about}: {one.sentence}") is not None


def _in(event: AuditEvent) -> Iterator[Told]:
    kind = _KINDS.get(event.object_ref.resource)
    if event.object_ref.resource == "events":
        about = msgspec.json.decode(event.request_object, type=Event)
        if about.type == "Warning":
            yield Told(f"Event {about.involved_object.kind} {about.reason}", about.message)
    elif kind is not None:
        obj = msgspec.json.decode(event.request_object, type=kind)
        explanation = explain(_chain(obj), NOW)
        if explanation.state == "failing":
            yield Told(kind.resource.kind, explanation.text, obj.spec.type if isinstance(obj, Challenge) else "")


def _chain(obj: KubeObject) -> Chain:
    """Return a chain in which nothing but this object can complain."""
    ready = Condition("Ready", ConditionStatus.TRUE)
    issuer = Issuer(ObjectMeta(name="issuer"), IssuerSpec(), IssuerStatus(conditions=(ready,)))
    spec = CertificateSpec(issuer_ref=IssuerReference("issuer"), secret_name="tls")
    certificate = Certificate(metadata=ObjectMeta(name="web", namespace=obj.metadata.namespace), spec=spec)
    chain = Chain(certificate, issuer=issuer, unread={"Secret": "it is not in the audit log"})
    match obj:
        case Challenge():
            return replace(chain, challenges=(obj,))
        case Order():
            return replace(chain, order=obj)
        case CertificateRequest():
            return replace(chain, request=obj)
        case Certificate():
            ref = IssuerReference("issuer", "Issuer", obj.spec.issuer_ref.effective_group)
            spec = msgspec.structs.replace(obj.spec, issuer_ref=ref)
            return replace(chain, certificate=msgspec.structs.replace(obj, spec=spec))
        case Issuer() | ClusterIssuer():
            ref = IssuerReference(obj.metadata.name, obj.resource.kind)
            spec = msgspec.structs.replace(spec, issuer_ref=ref)
            return Chain(msgspec.structs.replace(certificate, spec=spec), issuer=obj)
    raise AssertionError(f"no chain begins or ends at a {type(obj).__name__}")
