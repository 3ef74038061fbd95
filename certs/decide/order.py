"""The next step for an Order.

    no URL ──NewOrder──> pending ──Authorize each──> Challenges ──all valid──> Finalize ──> processing ──> valid
                            │                            └─ one failed ──> invalid | expired | errored
                            └─ the CA forgot it ──> StartOver: deleted, and its request makes a new one

What is stored: the URL at once after newOrder (it is the one thing that cannot be found again), the final
certificate, a failure, and authorizations that were valid from the start.  A pending authorization needs
no line in the status while its Challenge exists: the Challenge *is* its record, and the final write
copies it in.  That saves a write per Order and keeps the two from disagreeing.

`Seen` is what this process learned from the CA and need not store: forgetting it costs one more question.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from certs.acmetypes import type_in
from certs.annotations import PROFILE
from certs.api.challenge import Challenge
from certs.api.issuer import ACMEIssuer, AnyIssuer
from certs.api.meta import find_condition, is_true
from certs.api.order import ACMEAuthorization, ACMEChallenge, ACMEState, Order, OrderStatus
from certs.decide.backoff import Setback
from certs.decide.challengestatus import PRESENTING, awaiting_verdict
from certs.decide.challengesteps import FINALIZER, is_dns
from certs.decide.effects import Tell, one_line
from certs.decide.issuer import host_of
from certs.decide.issuerrevision import is_outdated
from certs.decide.pauses import doubled
from certs.decide.preflight import AskNames, Hold, Look, TellFindings, again, before_order, remark, untold
from certs.decide.sharing import sentence
from certs.durations import parse_duration
from certs.outcomes import DONE, Outcome, Permanent, Wait, WaitingForUser

# The first answers come within milliseconds at a fast CA and within seconds at a public one;
# a server that wants more time says so by Retry-After.
FIRST_POLL: Final = timedelta(milliseconds=40)
LONGEST_POLL: Final = timedelta(seconds=10)
# How the reason of an Order begins that failed by a name; that of one that was refused names the request to the CA.
FAILED_PROOF: Final = "Failed to prove control of"
# An order that the CA works on for longer than this is told as `processing`, for people to see.
TELL_PROCESSING_AFTER: Final = timedelta(seconds=3)
# What the CA wants to be asked again after a longer time than this is told with the moment.
TELL_MOMENT_FROM: Final = timedelta(minutes=1)
# Types of problems that stay, whenever the CA finds them.
REFUSALS: Final = frozenset(("caa", "rejectedIdentifier"))
LONGEST_REASON: Final = 1024
# When to look again whether another Order for the same names has ended, should no change of it have told.
TURN_LOOK: Final = timedelta(seconds=10)
SHORT_LIVED: Final = "shortlived"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the CA last said, from memory; `next_poll` is when it may be asked again."""

    state: ACMEState
    next_poll: datetime
    polls: int = 0
    certificate_url: str = ""


@dataclass(frozen=True, slots=True)
class ObservedOrder:
    """An Order, its issuer, its Challenges, and what the CA last said."""

    order: Order
    issuer: AnyIssuer | None = None
    challenges: tuple[Challenge, ...] = ()
    seen: Seen | None = None
    look: Look | None = None  # what was found out about its names beforehand
    held_until: datetime | None = None  # the CA has said so
    first: Order | None = None  # another for the same names, after which it is this one's turn


@dataclass(frozen=True, slots=True)
class NewOrder:
    """Ask the CA for an order and store its URL at once."""


@dataclass(frozen=True, slots=True)
class Authorize:
    """Fetch that authorization: create its Challenge, or store that it is valid already."""

    url: str


@dataclass(frozen=True, slots=True)
class Finalize:
    """Send the CSR."""


@dataclass(frozen=True, slots=True)
class Poll:
    """Ask how the order stands."""


@dataclass(frozen=True, slots=True)
class Download:
    """Fetch the certificate and store it, with the state valid."""

    url: str


@dataclass(frozen=True, slots=True)
class SetOrderStatus:
    """Write the status and tell."""

    status: OrderStatus
    tell: Tell | None = None


@dataclass(frozen=True, slots=True)
class StartOver:
    """Delete this Order: the CA has forgotten it, or what belongs to it; its request makes a new one."""

    why: str


@dataclass(frozen=True, slots=True)
class DeleteChallenge:
    """Delete a Challenge that has served its purpose."""

    name: str


ACMEStep = NewOrder | Authorize | Finalize | Poll | Download | SetOrderStatus | StartOver | DeleteChallenge
Step = AskNames | TellFindings | ACMEStep


def decide(observed: ObservedOrder, now: datetime) -> Step | Outcome:
    """Return the next step.  Raises WaitingForUser while the issuer cannot be used."""
    order = observed.order
    if order.metadata.deletion_timestamp is not None or order.status.state.is_failure:
        return DONE
    if order.status.state is ACMEState.VALID and order.status.certificate:
        # What is still to be cleaned up in the DNS stays until it is, however long that takes: nobody waits for it.
        served = (one for one in observed.challenges if not (is_dns(one) and FINALIZER in one.metadata.finalizers))
        first = next(served, None)
        return DeleteChallenge(first.metadata.name) if first is not None else DONE
    ready_issuer(observed.issuer, order)
    if observed.held_until is not None and now < observed.held_until:
        return Wait(observed.held_until, "the CA has said when")
    if tell := untold(observed.look, held=not order.status.url):
        return tell
    return _proceed(observed, now) if order.status.url else _begin(observed, now)


def _begin(observed: ObservedOrder, now: datetime) -> Step | Outcome:
    """Order, unless what is in the way of it is seen already."""
    status = observed.order.status
    if observed.first is not None:
        return _let_go_first(observed.order, observed.first, now)
    first = before_order(observed.look, status.reason, now)
    if isinstance(first, Hold):
        tell = Tell("Preflight", first.sentence, "Warning")
        return SetOrderStatus(msgspec.structs.replace(status, reason=first.sentence), tell)
    return first or NewOrder()


def _let_go_first(order: Order, first: Order, now: datetime) -> Step | Outcome:
    why = sentence(order, first)
    if not order.status.reason.startswith(why):  # behind it, from a failure, when the next attempt is
        return SetOrderStatus(msgspec.structs.replace(order.status, reason=why))
    return Wait(now + TURN_LOOK, why)


def _proceed(observed: ObservedOrder, now: datetime) -> Step | Outcome:
    """Go on with an order that the CA has."""
    order = observed.order
    if _is_elsewhere(order, observed.issuer):
        return StartOver(f"its issuer has been set to another server since it was made at {order.status.url}")
    failed = next((challenge for challenge in observed.challenges if challenge.status.state.is_failure), None)
    if failed is not None and failed.status.state is ACMEState.EXPIRED:
        return StartOver(_challenge_sentence(failed))
    if failed is not None:
        return SetOrderStatus(_failed_by(observed, failed, now), _told_failure(failed))
    unknown = without_challenge(order, observed.challenges)
    if unknown:
        return Authorize(unknown[0])
    if any(challenge.status.state is not ACMEState.VALID for challenge in observed.challenges):
        return _say_what_holds_up(observed, now)
    return _conclude(observed, now)


def _is_elsewhere(order: Order, issuer: AnyIssuer | None) -> bool:
    """Has another CA the order than the one that its issuer has now?  What that one says of our account is not so."""
    acme = issuer.spec.acme if issuer is not None else None
    return acme is not None and host_of(order.status.url) != host_of(acme.server) and is_outdated(order, issuer)


def _say_what_holds_up(observed: ObservedOrder, now: datetime) -> Step | Outcome:
    """Bring over why a name cannot be proven yet; from here it goes up to the Certificate, where people look.

    Each change of a Challenge wakes its Order, so there is nothing to wait for here, but what was found wrong
    beforehand, which stands beside it.  That the CA is at work is no news; and a reason that has passed is overwritten
    by the next, or by the end.
    """
    order = observed.order
    held_up = next(
        (
            one
            for one in observed.challenges
            if one.status.processing and one.status.reason not in {awaiting_verdict(one.spec.type), PRESENTING}
        ),
        None,
    )
    if held_up is None:
        return DONE
    reason = f'"{held_up.spec.dns_name}" cannot be proven yet: {held_up.status.reason}'
    reason = one_line(reason + remark(observed.look, held_up.spec.dns_name), LONGEST_REASON)
    if reason == order.status.reason:
        return again(observed.look, now) or DONE
    return SetOrderStatus(msgspec.structs.replace(order.status, reason=reason))


def ready_issuer(issuer: AnyIssuer | None, order: Order) -> ACMEIssuer:
    """Return the ACME part of an issuer that can be used; raises WaitingForUser otherwise."""
    ref = order.spec.issuer_ref
    if issuer is None:
        raise WaitingForUser(
            f'cannot order for {order.metadata.name}: {ref.effective_kind} "{ref.name}" does not exist; create it',
            reason="IssuerNotFound",
        )
    if issuer.spec.acme is None:
        raise WaitingForUser(
            f'cannot order for {order.metadata.name}: {ref.effective_kind} "{ref.name}" is not an ACME issuer',
            reason="IssuerTypeMissing",
        )
    if not is_true(issuer.status.conditions, "Ready"):
        ready = find_condition(issuer.status.conditions, "Ready")
        because = ready.message if ready is not None else "it has not been set up yet"
        raise WaitingForUser(
            f'cannot order for {order.metadata.name}: {ref.effective_kind} "{ref.name}" is not ready: {because}',
            reason="IssuerNotReady",
        )
    if _is_to_be_registered(issuer, issuer.spec.acme):
        raise WaitingForUser(
            f'cannot order for {order.metadata.name}: {ref.effective_kind} "{ref.name}" is not ready: it is to be '
            f"registered at {issuer.spec.acme.server} first",
            reason="IssuerNotReady",
        )
    return issuer.spec.acme


def _is_to_be_registered(issuer: AnyIssuer, acme: ACMEIssuer) -> bool:
    """Is its account that of the server before?  Then nobody has looked at the spec yet, though it says it is ready."""
    account, ready = issuer.status.acme, find_condition(issuer.status.conditions, "Ready")
    is_seen = ready is not None and ready.observed_generation == issuer.metadata.generation
    return not is_seen and account is not None and host_of(account.uri) not in {"", host_of(acme.server)}


def not_after(order: Order, now: datetime) -> datetime | None:
    """Return until when the certificate is asked to be valid, or None to leave that to the CA; raises Permanent."""
    said = order.spec.duration
    if not said:
        return None
    try:
        return now + parse_duration(said).timedelta
    except (ValueError, OverflowError) as error:
        raise Permanent(
            f'cannot order a certificate of duration "{said}": {error}; write for example 2160h into spec.duration of '
            "the Certificate",
            reason="InvalidOrder",
        ) from error


def wanted_profile(order: Order, offered: Collection[str]) -> str:
    """Return the profile to order with, empty to leave it to the CA; raises `Permanent` for one that is not offered.

    Names that are IP addresses get Let's Encrypt's `shortlived` where nothing else was asked for: its other profiles
    refuse them (https://letsencrypt.org/docs/profiles/).
    """
    profile = order.spec.profile
    if not profile:
        return SHORT_LIVED if order.spec.ip_addresses and SHORT_LIVED in offered else ""
    if profile in offered:
        return profile
    known = f"it offers {', '.join(sorted(offered))}" if offered else "it offers none"
    ref = order.spec.issuer_ref
    said = f'spec.acme.profile of {ref.effective_kind} "{ref.name}"'
    if order.metadata.annotations.get(PROFILE) == profile:
        said = f"the annotation {PROFILE} of the Certificate, or of the Ingress that it is made from"
    raise Permanent(
        f'cannot order with the profile "{profile}": the CA does not offer it ({known}); change {said}',
        reason="InvalidProfile",
    )


def without_challenge(order: Order, challenges: Sequence[Challenge]) -> tuple[str, ...]:
    """Return the authorizations that are not known to be valid and have no Challenge.

    Ours have no identifier yet; those of an Order of the incumbent's may have one.
    """
    with_challenge = {challenge.spec.authorization_url for challenge in challenges}
    return tuple(
        authorization.url
        for authorization in order.status.authorizations
        if authorization.initial_state is not ACMEState.VALID and authorization.url not in with_challenge
    )


def _conclude(observed: ObservedOrder, now: datetime) -> Step | Outcome:
    """Everything is proven: finalize, wait for the CA, download."""
    seen = observed.seen
    if seen is None:
        return Poll()  # after a restart: it may have been finalized already
    if seen.certificate_url:
        return Download(seen.certificate_url)
    if now >= seen.next_poll:
        return Finalize() if seen.state in {ACMEState.PENDING, ACMEState.READY} else Poll()
    if seen.next_poll - now >= TELL_MOMENT_FROM:
        status = msgspec.structs.replace(observed.order.status, reason=works_until(seen.next_poll))
        if seen.state is ACMEState.PROCESSING:
            status = msgspec.structs.replace(status, state=ACMEState.PROCESSING)
        if status != observed.order.status:
            return SetOrderStatus(status)
    elif seen.polls > 1 and observed.order.status.state is not ACMEState.PROCESSING and _is_slow(seen):
        # What failed on the way here has passed.
        return SetOrderStatus(msgspec.structs.replace(observed.order.status, state=ACMEState.PROCESSING, reason=""))
    return Wait(seen.next_poll, f"the CA works on the order ({seen.state})")


def works_until(moment: datetime) -> str:
    """Return why an order does not get on that the CA wants to be asked after much later."""
    return f"the CA works on the order, and says to ask again at {moment:%Y-%m-%d %H:%M:%S} UTC"


def _is_slow(seen: Seen) -> bool:
    waited = sum((poll_pause(count) for count in range(seen.polls)), timedelta())
    return waited >= TELL_PROCESSING_AFTER


def poll_pause(polls: int) -> timedelta:
    """Return how long to wait before the next question when the server named no time: 40 ms, doubling to 10 s."""
    return doubled(FIRST_POLL, polls, LONGEST_POLL)


def seen_from(
    state: ACMEState, *, now: datetime, retry_after: datetime | None, certificate_url: str = "", polls: int = 0
) -> Seen:
    """Return what to remember of an answer; the server's Retry-After wins over our own pace."""
    pause = retry_after if retry_after is not None and retry_after > now else now + poll_pause(polls)
    return Seen(state=state, next_poll=pause, polls=polls, certificate_url=certificate_url)


def ordered(
    order: Order, *, url: str, finalize_url: str, authorizations: tuple[str, ...], state: ACMEState
) -> OrderStatus:
    """Return the status right after newOrder."""
    return msgspec.structs.replace(
        order.status,
        url=url,
        finalize_url=finalize_url,
        state=state,
        reason="",
        authorizations=tuple(ACMEAuthorization(url=authorization) for authorization in authorizations),
    )


def authorized(order: Order, known: ACMEAuthorization) -> OrderStatus:
    """Return the status with one authorization described."""
    authorizations = tuple(known if known.url == old.url else old for old in order.status.authorizations)
    return msgspec.structs.replace(order.status, authorizations=authorizations)


def completed(observed: ObservedOrder, certificate: bytes) -> OrderStatus:
    """Return the final status, with the authorizations described from their Challenges."""
    return msgspec.structs.replace(
        observed.order.status,
        state=ACMEState.VALID,
        reason="",
        certificate=certificate,
        authorizations=_described(observed),
    )


def setback(order: Order) -> Setback | None:
    """Return what an Order has failed by; None when it has not.

    `errored` is what the CA has answered a request of ours with, unless the reason says that a name was at fault.  CAA
    is looked at with the proof by some CAs and with the order by others: what forbids it has to be changed either way.
    """
    state, reason = order.status.state, order.status.reason
    if not state.is_failure:
        return None
    is_refused = state is ACMEState.ERRORED and not reason.startswith(FAILED_PROOF)
    return Setback.REFUSAL if is_refused or type_in(reason) in REFUSALS else Setback.PROOF


def failed_status(observed: ObservedOrder, state: ACMEState, reason: str, now: datetime) -> OrderStatus:
    """Return the status of an Order that cannot succeed any more."""
    return msgspec.structs.replace(
        observed.order.status,
        state=state,
        reason=reason,
        failure_time=now.replace(microsecond=0),
        authorizations=_described(observed),
    )


def _described(observed: ObservedOrder) -> tuple[ACMEAuthorization, ...]:
    by_url = {challenge.spec.authorization_url: challenge for challenge in observed.challenges}
    return tuple(
        _from_challenge(by_url[authorization.url])
        if not authorization.identifier and authorization.url in by_url
        else authorization
        for authorization in observed.order.status.authorizations
    )


def _from_challenge(challenge: Challenge) -> ACMEAuthorization:
    spec = challenge.spec
    return ACMEAuthorization(
        url=spec.authorization_url,
        identifier=spec.dns_name,
        wildcard=spec.wildcard,
        initial_state=ACMEState.PENDING,
        challenges=(ACMEChallenge(url=spec.url, token=spec.token, type=spec.type.lower()),),
    )


def _failed_by(observed: ObservedOrder, challenge: Challenge, now: datetime) -> OrderStatus:
    return failed_status(observed, challenge.status.state, _challenge_sentence(challenge), now)


def _told_failure(challenge: Challenge) -> Tell:
    return Tell("Failed", _challenge_sentence(challenge), "Warning")


def _challenge_sentence(challenge: Challenge) -> str:
    reason = challenge.status.reason or f"the challenge is {challenge.status.state}"
    return f'{FAILED_PROOF} "{challenge.spec.dns_name}": {reason}'
