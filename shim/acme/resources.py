"""ACME resources as values: what a server said, with nothing of the library that fetched it.

Unknown fields and challenge types are ignored (RFC 8555 §7.1 lets servers add them).
States are `certs.api.order.ACMEState`; times aware UTC; `retry_after` the aware UTC moment
before which the server does not want to be asked again, None when it named none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from certs.api.order import ACMEChallenge, ACMEState


@dataclass(frozen=True, slots=True)
class ProblemDocument:
    """An error of the server, RFC 8555 §6.7 and RFC 7807; `type` without its urn prefix."""

    type: str
    detail: str = ""
    status: int = 0
    subproblems: tuple[ProblemDocument, ...] = ()
    identifier: str = ""

    def __str__(self) -> str:
        """One sentence, subproblems with the names they are about."""
        text = f"{self.type}: {self.detail}" if self.detail else self.type
        parts = [
            f"{problem.identifier}: {problem}" if problem.identifier else str(problem) for problem in self.subproblems
        ]
        return f"{text} ({'; '.join(parts)})" if parts else text


@dataclass(frozen=True, slots=True)
class Directory:
    """What the server offers, RFC 8555 §7.1.1."""

    url: str
    new_order: str
    renewal_info: str = ""
    profiles: Mapping[str, str] = field(default_factory=dict)
    external_account_required: bool = False
    terms_of_service: str = ""
    caa_identities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """Our account, RFC 8555 §7.1.2."""

    uri: str
    status: str
    contact: tuple[str, ...] = ()
    orders: str = ""


@dataclass(frozen=True, slots=True)
class OrderPage:
    """One page of the URLs of an account's orders, RFC 8555 §7.1.2.1; `next_url` is empty on the last."""

    urls: tuple[str, ...]
    next_url: str = ""


@dataclass(frozen=True, slots=True)
class OrderResource:
    """An order, RFC 8555 §7.1.3."""

    url: str
    status: ACMEState
    finalize: str
    authorizations: tuple[str, ...]
    identifiers: tuple[str, ...]
    certificate: str = ""
    error: ProblemDocument | None = None
    expires: datetime | None = None
    retry_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuthorizationResource:
    """An authorization, RFC 8555 §7.1.4; states `deactivated` and `revoked` are told as invalid."""

    url: str
    identifier: str
    status: ACMEState
    wildcard: bool = False
    challenges: tuple[ACMEChallenge, ...] = ()
    error: ProblemDocument | None = None
    expires: datetime | None = None
    retry_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class IssuedChain:
    """An issued certificate with its chain, leaf first (RFC 8555 §7.4.2), and where other chains for it are."""

    pem: bytes
    alternates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RenewalInfo:
    """When the CA suggests to renew a certificate, RFC 9773 §4.2; `end` is after `start`."""

    start: datetime
    end: datetime
    explanation_url: str = ""
    retry_after: datetime | None = None
