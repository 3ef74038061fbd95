"""The objects of one certificate, as they were when they were read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeVar

from certs.api.certificate import Certificate
from certs.api.certificaterequest import CertificateRequest
from certs.api.challenge import Challenge
from certs.api.core import Event, Secret
from certs.api.ingress import Ingress
from certs.api.issuer import AnyIssuer
from certs.api.meta import KubeObject
from certs.api.order import Order

ObjectT = TypeVar("ObjectT", bound=KubeObject)
LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


def newest(objects: Iterable[ObjectT]) -> ObjectT | None:
    """Return the latest.  Of two of one second the later revision has the longer, then the greater name."""
    return max(
        objects,
        key=lambda one: (one.metadata.creation_timestamp or LONG_AGO, len(one.metadata.name), one.metadata.name),
        default=None,
    )


def when(event: Event) -> datetime:
    """Return when it happened last."""
    return event.last_timestamp or event.first_timestamp or event.metadata.creation_timestamp or LONG_AGO


def in_time(event: Event) -> tuple[datetime, int]:
    """Return what events are sorted by: when, and within the second, which is all that they tell, as they were written.

    Versions of one resource are numbers that grow (Kubernetes 1.35, KEP-5504).
    """
    version = event.metadata.resource_version
    return when(event), int(version) if version.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class Chain:
    """A Certificate and what belongs to it.

    `request` and `order` are the latest; `secret` is None when it is not there or must not be read (`unread` says which
    objects must not, by kind, and why).  `events` are those of each object, by its uid, oldest first.
    """

    certificate: Certificate
    ingress: Ingress | None = None
    issuer: AnyIssuer | None = None
    secret: Secret | None = None
    request: CertificateRequest | None = None
    order: Order | None = None
    challenges: tuple[Challenge, ...] = ()
    events: Mapping[str, tuple[Event, ...]] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)

    def events_of(self, obj: KubeObject | None) -> tuple[Event, ...]:
        """Return the events of an object, oldest first."""
        return self.events.get(obj.metadata.uid, ()) if obj is not None else ()
