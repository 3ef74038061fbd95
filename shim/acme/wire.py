"""The JSON of ACME, decoded into our values.

`acme.messages` refuses a state, an identifier type or a challenge it does not know; RFC 8555 §7.1 lets
servers send them, and some do.  Here everything unknown is ignored, null is absent, and what must be
there is there or the answer is `Unreadable`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec

from certs.api.order import ACMEChallenge, ACMEState
from certs.decoders import decode
from shim.acme.resources import Account, AuthorizationResource, Directory, OrderResource, ProblemDocument, RenewalInfo
from shim.acme.retry_after import retry_after
from shim.acme.transport import Answer

_URN: Final = "urn:ietf:params:acme:error:"
_LONGEST_DETAIL: Final = 1000  # goes into conditions and events
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e\xa0-\U0010ffff]+")


class Unreadable(ValueError):
    """The answer is not the JSON that it should be."""


class _Wire(msgspec.Struct, frozen=True, rename="camel"):
    """Base: unknown fields are ignored."""


class _Meta(_Wire, frozen=True):
    terms_of_service: str | None = None
    caa_identities: tuple[str, ...] | None = None
    external_account_required: bool | None = None
    profiles: dict[str, str] | None = None


class _Directory(_Wire, frozen=True):
    new_nonce: str
    new_account: str
    new_order: str
    key_change: str | None = None
    renewal_info: str | None = None
    meta: _Meta | None = None


class Identifier(_Wire, frozen=True):
    """A name to be certified, RFC 8555 §9.7.7."""

    type: str
    value: str


class _Problem(_Wire, frozen=True):
    type: str = "about:blank"
    detail: str | None = None
    title: str | None = None
    identifier: Identifier | None = None
    subproblems: tuple[_Problem, ...] | None = None


class _Account(_Wire, frozen=True):
    status: str = ""
    contact: tuple[str, ...] | None = None
    orders: str | None = None


class _OrderList(_Wire, frozen=True):
    orders: tuple[str, ...]


class _Order(_Wire, frozen=True):
    status: str
    finalize: str
    identifiers: tuple[Identifier, ...]
    authorizations: tuple[str, ...] | None = None
    certificate: str | None = None
    expires: datetime | None = None
    error: _Problem | None = None


class _Challenge(_Wire, frozen=True):
    type: str
    url: str | None = None
    token: str | None = None
    error: _Problem | None = None


class _Authorization(_Wire, frozen=True):
    status: str
    identifier: Identifier
    challenges: tuple[_Challenge, ...] | None = None
    wildcard: bool | None = None
    expires: datetime | None = None


class _Window(_Wire, frozen=True):
    start: datetime
    end: datetime


class _RenewalInfo(msgspec.Struct, frozen=True, rename={"window": "suggestedWindow", "explanation": "explanationURL"}):
    window: _Window
    explanation: str | None = None


class Endpoints(msgspec.Struct, frozen=True):
    """A directory with the URLs that only the gateway needs."""

    directory: Directory
    new_nonce: str
    new_account: str
    key_change: str = ""


_WireT = TypeVar("_WireT", bound=msgspec.Struct)

# States of RFC 8555 §7.1.6 that ours does not have, by what they mean for an issuance.
_STATES: Final = {state.value: state for state in ACMEState} | {
    "deactivated": ACMEState.INVALID,
    "revoked": ACMEState.INVALID,
}


def read_directory(answer: Answer) -> Endpoints:
    """Return the directory and its endpoints."""
    wire = _decode(answer, _Directory)
    meta = wire.meta or _Meta()
    directory = Directory(
        url=answer.url,
        new_order=wire.new_order,
        renewal_info=wire.renewal_info or "",
        profiles=meta.profiles or {},
        external_account_required=bool(meta.external_account_required),
        terms_of_service=meta.terms_of_service or "",
        caa_identities=meta.caa_identities or (),
    )
    return Endpoints(
        directory, new_nonce=wire.new_nonce, new_account=wire.new_account, key_change=wire.key_change or ""
    )


def read_account(answer: Answer, uri: str) -> Account:
    """Return the account; some servers send no body for one that exists."""
    wire = _decode(answer, _Account) if answer.body.strip() else _Account()
    return Account(uri=uri, status=wire.status or "valid", contact=wire.contact or (), orders=wire.orders or "")


def read_order_list(answer: Answer) -> tuple[str, ...]:
    """Return the URLs of one page of an account's orders."""
    return _decode(answer, _OrderList).orders


def read_order(answer: Answer, url: str) -> OrderResource:
    """Return the order; the answer to finalize need not repeat its URL, so that comes in."""
    wire = _decode(answer, _Order)
    return OrderResource(
        url=url,
        status=_STATES.get(wire.status, ACMEState.UNKNOWN),
        finalize=wire.finalize,
        authorizations=wire.authorizations or (),
        identifiers=tuple(identifier.value for identifier in wire.identifiers),
        certificate=wire.certificate or "",
        error=_problem(wire.error) if wire.error else None,
        expires=_aware(wire.expires),
        retry_after=retry_after(answer.headers, answer.received_at),
    )


def read_authorization(answer: Answer) -> AuthorizationResource:
    """Return the authorization with the challenges that have a URL and a token; others we could not answer anyway."""
    wire = _decode(answer, _Authorization)
    challenges = wire.challenges or ()
    return AuthorizationResource(
        url=answer.url,
        identifier=wire.identifier.value,
        status=_STATES.get(wire.status, ACMEState.UNKNOWN),
        wildcard=bool(wire.wildcard),
        challenges=tuple(
            ACMEChallenge(url=challenge.url, token=challenge.token, type=challenge.type)
            for challenge in challenges
            if challenge.url and challenge.token
        ),
        error=next((_problem(challenge.error) for challenge in challenges if challenge.error), None),
        expires=_aware(wire.expires),
        retry_after=retry_after(answer.headers, answer.received_at),
    )


def read_renewal_info(answer: Answer) -> RenewalInfo:
    """Return the suggested window; one that ends before it begins is unreadable (RFC 9773 §4.2)."""
    wire = _decode(answer, _RenewalInfo)
    start, end = _aware(wire.window.start), _aware(wire.window.end)
    if start is None or end is None or end <= start:
        raise Unreadable("the suggested window ends before it begins, against RFC 9773 §4.2")
    return RenewalInfo(start, end, _shown(wire.explanation or ""), retry_after(answer.headers, answer.received_at))


def read_problem(answer: Answer) -> ProblemDocument | None:
    """Return the problem document, None when the answer is none.

    It is one when it says so (RFC 7807 §3) or when its type is ACME's; any other JSON with a `detail` is not.
    """
    try:
        wire = decode(answer.body, _Problem)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    says_so = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/problem+json"
    return _problem(wire, answer.status) if says_so or wire.type.startswith(_URN) else None


def _problem(wire: _Problem, status: int = 0) -> ProblemDocument:
    return ProblemDocument(
        type=_shown(wire.type.removeprefix(_URN)),
        detail=_shown(wire.detail or wire.title or ""),
        status=status,
        subproblems=tuple(_problem(problem) for problem in (wire.subproblems or ())[:100]),
        identifier=_shown(wire.identifier.value) if wire.identifier else "",
    )


def _shown(text: str) -> str:
    return _UNPRINTABLE.sub(" ", text)[:_LONGEST_DETAIL]


def _decode(answer: Answer, kind: type[_WireT]) -> _WireT:
    try:
        return decode(answer.body, kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # The error names a path and a type, never a value.
        raise Unreadable(f"the answer is not what RFC 8555 says: {error}") from error


def _aware(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
