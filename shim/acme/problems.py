"""Errors of an ACME server as failures with a class, a sentence and a next attempt.

One table: the problem's type decides (RFC 8555 §6.7; registry "ACME Error Types"), the HTTP status only
where there is none.  Public CAs answer many things with the same status, so the type is what means something.

A text of the server is shown only when it is a problem document: whoever may create an Issuer chooses
the server, and must not be able to read other things of the cluster's network in a condition.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from certs.decide.limits import LIMITED, pace_of_account
from certs.outcomes import Failure, Permanent, RateLimited, Transient, Unwatched, WaitingForUser
from shim.acme.resources import ProblemDocument

# When a server limits us and names no moment: long enough not to hammer, short enough for a person to wait.
UNNAMED_LIMIT: Final = timedelta(minutes=10)

# A server of ACME says of what it does not know that it is malformed.  Without a problem it is somebody in front of it:
# a proxy whose server is just being put there.
NOT_THERE: Final = frozenset((404, 405, 410))

# How far apart orders come after an overload of the server: not all at the same moment again.
AFTER_OVERLOAD: Final = timedelta(milliseconds=100)


class AccountGone(Transient):
    """The server does not know the account (any more): register again."""


class OrderGone(Permanent):
    """The server does not know the order or authorization (any more): start a new order."""


class AccountLimited(RateLimited):
    """What is limited is the account, or everybody at this server: other new orders would be refused, too.

    `pace`: how far apart they may come afterwards.  `only_new`: not those that replace a certificate
    (RFC 9773 §5; Let's Encrypt exempts them).
    """

    def __init__(self, message: str, *, until: datetime, reason: str, pace: timedelta, only_new: bool) -> None:
        super().__init__(message, until=until, reason=reason)
        self.pace = pace
        self.only_new = only_new


class OrderNotReady(Transient):
    """The order is not in the state that finalizing needs: read it again."""


class AlreadyReplaced(Permanent):
    """The server takes no `replaces` with that certificate (RFC 9773 §5): order again without it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the server answered instead of what was wanted."""

    status: int
    problem: ProblemDocument | None
    retry_at: datetime | None
    received_at: datetime


_Kind = type[Transient] | type[WaitingForUser] | type[Permanent]

# The type, its failure class, and what to do about it.
BY_TYPE: Final[dict[str, tuple[_Kind, str]]] = {
    "accountDoesNotExist": (AccountGone, "the account will be registered again"),
    "alreadyReplaced": (AlreadyReplaced, "order without replaces"),
    "badCSR": (Permanent, "change spec.privateKey or the names of the Certificate"),
    "badNonce": (Transient, "nothing to do"),
    "badPublicKey": (WaitingForUser, "delete the account key Secret to have a new key made"),
    "badSignatureAlgorithm": (WaitingForUser, "use an account key of another algorithm"),
    "caa": (Permanent, "let the CAA records of the name allow this CA"),
    "compound": (Permanent, "mend what is told for each name"),
    "connection": (Permanent, "make the name reachable for the CA"),
    "dns": (Permanent, "mend the DNS of the name"),
    "dnssec": (Permanent, "mend the DNSSEC of the name"),
    "externalAccountRequired": (WaitingForUser, "set spec.acme.externalAccountBinding with values of the CA"),
    "incorrectResponse": (Permanent, "see that the challenge is answered by this cluster"),
    "invalidContact": (WaitingForUser, "correct spec.acme.email"),
    "invalidProfile": (Permanent, "choose a profile that the CA offers"),
    "malformed": (Permanent, "change the names or the options of the Certificate"),
    "orderNotReady": (OrderNotReady, "the order will be read again"),
    "rateLimited": (Transient, "nothing to do but wait"),
    "rejectedIdentifier": (Permanent, "remove the name, or use a CA that issues for it"),
    "serverInternal": (Transient, "nothing to do unless it lasts"),
    "tls": (Permanent, "mend TLS at the name"),
    "unauthorized": (Permanent, "see that the account may do this and the challenge is answered by this cluster"),
    "unsupportedContact": (WaitingForUser, "correct spec.acme.email"),
    "unsupportedIdentifier": (Permanent, "remove the name, or use a CA that issues for its kind"),
    "userActionRequired": (WaitingForUser, "visit the URL that the CA names"),
}


def failure(attempt: str, refusal: Refusal) -> Failure:
    """Return the failure for an answer that is not a success; `attempt` says what was tried on what and where.

    429 and `rateLimited` always come with a moment; 503 does when the server named one.
    """
    problem = refusal.problem
    told = str(problem) if problem else f"the server answered {refusal.status} without an ACME problem"
    kind, remedy = _classify(refusal)
    sentence = f"{attempt}: {told}: {remedy}"
    is_limit = refusal.status == 429 or (problem is not None and problem.type == "rateLimited")
    if is_limit or (refusal.status == 503 and refusal.retry_at is not None):
        until = refusal.retry_at or refusal.received_at + UNNAMED_LIMIT
        reason = LIMITED if is_limit else _reason(problem)
        return _limited(f"{sentence} until {until:%Y-%m-%d %H:%M:%S} UTC", refusal, until, reason)
    return kind(sentence, reason=_reason(problem))


def forgotten(attempt: str, refusal: Refusal) -> Failure:
    """Return the failure for reading an order or authorization: one that the server forgot is `OrderGone`.

    RFC 8555 has no type for it; servers answer 404 or 410, or `malformed`, which a plain read cannot be.
    """
    problem = refusal.problem
    if refusal.status in {404, 410} or (problem is not None and problem.type == "malformed"):
        told = problem or f"the server answered {refusal.status}"
        return OrderGone(f"{attempt}: {told}: a new order will be started", reason="OrderGone")
    return failure(attempt, refusal)


def _limited(sentence: str, refusal: Refusal, until: datetime, reason: str) -> RateLimited:
    """Return the limit for whom it concerns: a server that is overloaded has none in mind."""
    pace = pace_of_account(refusal.problem.detail) if refusal.problem is not None else None
    if pace is not None:
        return AccountLimited(sentence, until=until, reason=reason, pace=pace, only_new=True)
    if refusal.status == 503:
        return AccountLimited(sentence, until=until, reason=reason, pace=AFTER_OVERLOAD, only_new=False)
    return RateLimited(sentence, until=until, reason=reason)


def _classify(refusal: Refusal) -> tuple[_Kind, str]:
    if refusal.problem is not None and refusal.problem.type in BY_TYPE:
        return BY_TYPE[refusal.problem.type]
    match refusal.status:
        case 429:
            return Transient, "nothing to do but wait"
        case status if status == 408 or status >= 500:
            return Transient, "nothing to do unless it lasts"
        case status if status in NOT_THERE and refusal.problem is None:
            return Unwatched, "nothing to do unless it lasts"
        case status if status >= 400:
            return Permanent, "see the documentation of the CA"
        case _:
            return Unwatched, "check that spec.acme.server is the URL of an ACME directory"


def _reason(problem: ProblemDocument | None) -> str:
    return problem.type[0].upper() + problem.type[1:] if problem and problem.type.isalnum() else "ACME"
