"""What commands say of a certificate to programs (`-o json`, `-o yaml`): structs whose members are an interface.

In camelCase, as Kubernetes' own; moments are UTC; what is not there is null, or an empty list or text.  Members are
added, never renamed or taken away.  No key material, and of a Secret only what its certificate says to everybody.
`shim.chain.recording` makes them.
"""

from __future__ import annotations

from datetime import datetime

import msgspec


class Record(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What all of them have in common: how they are written."""


class ConditionRecord(Record, frozen=True):
    """One condition of an object."""

    type: str
    status: str
    reason: str
    message: str
    last_transition_at: datetime | None


class EventRecord(Record, frozen=True):
    """One event; `count` is how often, `at` when it happened last."""

    at: datetime
    type: str
    namespace: str
    kind: str
    name: str
    reason: str
    message: str
    count: int


class LeafRecord(Record, frozen=True):
    """A certificate itself; `serial` in hexadecimal digits."""

    names: tuple[str, ...]
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime
    usages: tuple[str, ...]
    is_ca: bool = msgspec.field(name="isCA")


class IssuerRecord(Record, frozen=True):
    """Who is asked; without conditions where it is not there, is another group's, or must not be read."""

    group: str
    kind: str
    name: str
    conditions: tuple[ConditionRecord, ...]


class SecretRecord(Record, frozen=True):
    """Where it is stored; `certificate` is null where there is none that can be read."""

    name: str
    certificate: LeafRecord | None


class RequestRecord(Record, frozen=True):
    """The latest CertificateRequest."""

    name: str
    conditions: tuple[ConditionRecord, ...]


class AuthorizationRecord(Record, frozen=True):
    """One name that the CA wants to see proven."""

    identifier: str
    wildcard: bool
    initial_state: str
    url: str


class OrderRecord(Record, frozen=True):
    """The latest Order; an empty state: not asked yet."""

    name: str
    state: str
    reason: str
    authorizations: tuple[AuthorizationRecord, ...]


class ChallengeRecord(Record, frozen=True):
    """One proof."""

    name: str
    type: str
    dns_name: str
    wildcard: bool
    state: str
    reason: str
    processing: bool
    presented: bool


class StatusRecord(Record, frozen=True):
    """What `status certificate` tells: the Certificate and what belongs to it, with the events of all, oldest first.

    `unread` says what must not be read, by kind, and why.
    """

    namespace: str
    name: str
    created_at: datetime | None
    ready: bool
    conditions: tuple[ConditionRecord, ...]
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    not_before: datetime | None
    not_after: datetime | None
    renewal_at: datetime | None
    revision: int | None
    ingress: str
    issuer: IssuerRecord
    secret: SecretRecord
    request: RequestRecord | None
    order: OrderRecord | None
    challenges: tuple[ChallengeRecord, ...]
    events: tuple[EventRecord, ...]
    unread: dict[str, str]


class SightRecord(Record, frozen=True):
    """What was tried from here."""

    what: str
    well: bool
    sentence: str


class ExplainedRecord(Record, frozen=True):
    """What `explain certificate` tells; `state` is good, waiting or failing."""

    namespace: str
    name: str
    state: str
    explanation: str
    advice: str
    seen: tuple[SightRecord, ...]


class IngressRecord(Record, frozen=True):
    """What `explain ingress` tells; `state` is that of its worst certificate, or `none`: then the explanation says why.

    `explanation` is empty where certificates speak for themselves.
    """

    namespace: str
    name: str
    state: str
    explanation: str
    certificates: tuple[ExplainedRecord, ...]
