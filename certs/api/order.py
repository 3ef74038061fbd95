"""Order: one ACME order (RFC 8555 §7.1.3) for the names of one CertificateRequest."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final, Literal

from certs.api.meta import APIStruct, GoDuration, IssuerReference, ObjectMeta, Resource


class ACMEState(StrEnum):
    """State of an order, authorization or challenge; `expired` and `errored` are additions to RFC 8555 §7.1.6."""

    UNKNOWN = ""
    VALID = "valid"
    READY = "ready"
    PENDING = "pending"
    PROCESSING = "processing"
    INVALID = "invalid"
    EXPIRED = "expired"
    ERRORED = "errored"

    @property
    def is_failure(self) -> bool:
        """Can it never become valid any more?"""
        return self in FAILURES

    @property
    def is_final(self) -> bool:
        """Will it never change any more?"""
        return self is ACMEState.VALID or self in FAILURES


FAILURES: Final = frozenset((ACMEState.INVALID, ACMEState.EXPIRED, ACMEState.ERRORED))


class ACMEChallenge(APIStruct, frozen=True):
    """A challenge as the CA offers it."""

    url: str
    """URL of the challenge at the CA."""
    token: str
    """Token."""
    type: str
    """For example http-01, dns-01, tls-alpn-01."""


class ACMEAuthorization(APIStruct, frozen=True):
    """What the CA wants to see proven for one name."""

    url: str
    """URL of the authorization at the CA."""
    identifier: str = ""
    """DNS name without the star of a wildcard, or IP address."""
    wildcard: bool | None = None
    """Whether it is for a wildcard name."""
    initial_state: ACMEState = ACMEState.UNKNOWN
    """State when first seen; a valid one needs no challenge."""
    challenges: tuple[ACMEChallenge, ...] = ()
    """What the CA offers."""


class OrderSpec(APIStruct, frozen=True):
    """What shall be ordered."""

    request: bytes
    """The PEM encoded certificate signing request; immutable."""
    issuer_ref: IssuerReference
    """Which ACME issuer; its account is used."""
    common_name: str = ""
    """Common name of the request, if any; one of the names."""
    dns_names: tuple[str, ...] = ()
    """DNS names to order."""
    ip_addresses: tuple[str, ...] = ()
    """IP addresses to order."""
    duration: GoDuration | None = None
    """Lifetime to ask for."""
    profile: str = ""
    """Certificate profile to ask for."""
    replaces: str = ""
    """ARI identifier of the certificate that this one replaces, RFC 9773 §5."""


class OrderStatus(APIStruct, frozen=True):
    """How far it is."""

    url: str = ""
    """URL of the order at the CA; set once."""
    finalize_url: str = ""
    """URL for finalizing; set once."""
    authorizations: tuple[ACMEAuthorization, ...] = ()
    """What the CA wants to see proven."""
    certificate: bytes = b""
    """The issued chain in PEM, leaf first; set once."""
    state: ACMEState = ACMEState.UNKNOWN
    """State."""
    reason: str = ""
    """Why it is in that state."""
    failure_time: datetime | None = None
    """When it failed."""


class Order(APIStruct, frozen=True):
    """One order at an ACME CA."""

    resource: ClassVar[Resource] = Resource("acme.cert-manager.io", "v1", "Order", "orders")

    metadata: ObjectMeta
    spec: OrderSpec
    """What shall be ordered."""
    status: OrderStatus = OrderStatus()
    """How far it is."""


ChallengeType = Literal["HTTP-01", "DNS-01"]
