"""The next step for a Challenge.

    HTTP-01  (Look) ──> EnsureRoute ─┐                                               ┌─> TakeAway
                                     ├─> SelfCheck ──ok──> Answer ──> Look … ──> valid | invalid
    DNS-01   (Look) ──> Present ─────┘      └─ not yet ──> Wait, check again         └─> CleanUp ──> DropFinalizers

HTTP-01 usually needs nothing presented per challenge: the responder answers for every Challenge in its store, through
a route that stays.  So `presented` is true once the route is there, and there is no finalizer.  Where a way leaves
something that must not stay, it is taken away at the end (`clear`), and is harmless when nobody did.  What is under way
for longer than a moment is written to the status; what is over within it is written once, as its end.

A Challenge over HTTP that has a finalizer was presented by the incumbent, by a pod and a route of the one token, which
goes before ours.  As long as the pod answers, so be it; when it does not, the Challenge is deleted, and pod and route
go with it.  Its Order makes it anew, for the same authorization.

DNS-01 leaves a record outside of the cluster, which has to go at the end (`certs.decide.challengeend`).

`Progress` is what this process remembers and need not store: without it the first question to the CA is
how the authorization stands, and all goes on from there.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from certs.api.challenge import Challenge
from certs.api.issuer import ACMEIssuer, ACMESolver, AnyIssuer
from certs.api.order import Order
from certs.decide.challengeend import end
from certs.decide.challengestatus import (
    PRESENTING,
    awaiting_propagation,
    awaiting_verdict,
    blind_wait,
    in_progress,
    presented_event,
    started,
    tell_or_wait,
)
from certs.decide.challengesteps import (
    FINALIZER,
    FINALIZERS,
    AddFinalizer,
    Answer,
    Discard,
    EnsureRoute,
    Look,
    ObservedChallenge,
    Present,
    Progress,
    SelfCheck,
    SetChallengeStatus,
    Step,
    is_dns,
)
from certs.decide.direction import overridden
from certs.decide.pauses import doubled
from certs.decide.solver import HTTP_01, choose, is_chosen_from, offered_for
from certs.decide.solverpod import Obstacle
from certs.durations import parse_duration
from certs.outcomes import Outcome, Permanent, Wait, WaitingForUser

FIRST_CHECK: Final = timedelta(milliseconds=60)
LONGEST_CHECK: Final = timedelta(seconds=10)
FIRST_DNS_CHECK: Final = timedelta(seconds=1)
LONGEST_DNS_CHECK: Final = timedelta(seconds=30)
# Self checks until what the incumbent presented is taken for dead: about two seconds, and a proxy has long been told.
CHECKS_OF_ANOTHERS: Final = 5
# How long the first Challenge of an Order waits for the others, whose values may stand at the same name: they are
# made within some milliseconds each, and one change of the name is cheaper than two.
TOGETHER_WITHIN: Final = timedelta(milliseconds=500)
TOGETHER_LOOK: Final = timedelta(milliseconds=40)
# A route that somebody undoes: mended at once so often, then after ten seconds, doubling.
ROUTES_AT_ONCE: Final = 3
FIRST_FIGHT: Final = timedelta(seconds=10)
LONGEST_FIGHT: Final = timedelta(minutes=5)
# A CA that has heard us is done by then, or says `Retry-After`.  One that has not (it was restarted, or another part of
# it did not know the challenge yet) would wait as long as we do; whoever needs longer is told ever more rarely.
FIRST_REPEAT: Final = timedelta(minutes=2)
# One that has looked in vain, and leaves it at that, looks when it is told again, and only then (step-ca).
FIRST_REPEAT_IN_VAIN: Final = timedelta(seconds=10)
LONGEST_REPEAT: Final = timedelta(hours=1)
UNDONE: Final = (
    "Waiting for HTTP-01 challenge propagation: somebody undoes the route again and again; "
    "find out who (kubectl get --show-managed-fields), and have it leave the path of the challenge alone"
)
ASKED: Final = "no answer yet"


def decide(observed: ObservedChallenge, now: datetime) -> Step | Outcome:
    """Return the next step.  Raises WaitingForUser or Permanent for what this process cannot do."""
    challenge, progress = observed.challenge, observed.progress
    if challenge.metadata.deletion_timestamp is not None or challenge.status.state.is_final:
        return end(observed, now)
    _refuse_unsupported(challenge)
    ref = challenge.spec.issuer_ref
    if observed.issuer is None or observed.issuer.spec.acme is None:
        raise WaitingForUser(
            f'cannot answer for "{challenge.spec.dns_name}": '
            f'{ref.effective_kind} "{ref.name}" does not exist; create it',
            reason="IssuerNotFound",
        )
    first = _before_anything(observed, now)
    if first is not None:
        return first
    if progress is None or not progress.looked:
        return Look()
    return _go_on(observed, progress, now)


def _go_on(observed: ObservedChallenge, progress: Progress, now: datetime) -> Step | Outcome:
    """Make the way, see that it works, and wait for the CA's word."""
    challenge = observed.challenge
    if _is_to_go_elsewhere(observed, progress):
        ref = challenge.spec.issuer_ref
        return Discard(
            f'{ref.effective_kind} "{ref.name}" has another solver for "{challenge.spec.dns_name}" by now; '
            "its Order makes another Challenge"
        )
    if not observed.route_ready:
        return _present(observed, progress, now) if is_dns(challenge) else _ensure_route(challenge, progress, now)
    if progress.answered:
        return _await_verdict(challenge, progress, now)
    return _make_reachable(observed, progress, now)


def _before_anything(observed: ObservedChallenge, now: datetime) -> Step | Outcome | None:
    if observed.held_until is not None and now < observed.held_until:
        return Wait(observed.held_until, "the CA has said when")
    return _before_dns(observed) if is_dns(observed.challenge) else None


def _before_dns(observed: ObservedChallenge) -> Step | None:
    """Return what must be done before any credentials are used; raises WaitingForUser where none may be."""
    why = foreign_solver(observed.challenge, observed.issuer)
    if why and observed.replaceable:
        return Discard(why)
    if why:
        raise WaitingForUser(why, reason="PresentError")
    return AddFinalizer() if FINALIZER not in observed.challenge.metadata.finalizers else None


def foreign_solver(challenge: Challenge, issuer: AnyIssuer | None) -> str:
    """Return why a Challenge must not get credentials of an issuer, or nothing.

    Its solver must be one of the issuer's, or whoever may create Challenges could have credentials sent anywhere.
    HTTP-01 has none, and an Order's annotations change its solver.
    """
    if not is_dns(challenge):
        return ""
    spec, ref = challenge.spec, challenge.spec.issuer_ref
    name = f"*.{spec.dns_name}" if spec.wildcard else spec.dns_name
    acme = issuer.spec.acme if issuer is not None else None
    if acme is not None and is_chosen_from(acme.solvers, spec.solver, name, challenge.metadata.labels):
        return ""
    which = f'{ref.effective_kind} "{ref.name}"'
    has = f"{which} does not have the solver of this Challenge" if acme is not None else f"{which} is not there"
    return f'cannot use DNS credentials for "{name}": {has}, and only the issuer says where they go'


def is_respecified(challenge: Challenge, order: Order, acme: ACMEIssuer) -> bool:
    """Would the Order choose another solver for this Challenge over HTTP, if it made it now?

    What the CA offers for the name is not known here, so a solver is the same that is chosen by either guess.
    """
    spec, annotations = challenge.spec, order.metadata.annotations
    offered = offered_for(spec.dns_name)
    for guess in (offered, tuple(one for one in offered if one.type == HTTP_01)):
        chosen = choose(acme.solvers, spec.dns_name, order.metadata.labels, guess)
        try:
            if chosen is not None and overridden(chosen.solver, annotations) == spec.solver:
                return False
        except WaitingForUser:
            return False  # no other could be made
    return True


def _is_to_go_elsewhere(observed: ObservedChallenge, progress: Progress) -> bool:
    """Does it get nowhere by a solver that somebody has corrected in the issuer?  One that works goes on."""
    if not (observed.respecified and observed.replaceable) or progress.answered or progress.reachable:
        return False
    return not observed.route_ready or progress.checks > 0 or observed.obstacle is not None


def _present(observed: ObservedChallenge, progress: Progress, now: datetime) -> Step | Outcome:
    """Write the value, once the Order's other values are known that may stand at the same name."""
    if not observed.complete and now < progress.since + TOGETHER_WITHIN:
        return Wait(now + TOGETHER_LOOK, "the Order makes its other Challenges")
    if now < progress.due and "present" not in observed.over:
        return tell_or_wait(observed.challenge, progress, PRESENTING, now, presented=False)
    return Present()


def _ensure_route(challenge: Challenge, progress: Progress, now: datetime) -> Step | Outcome:
    """Make the route; one that is undone each time is made ever more rarely, so that nobody is fought with."""
    due = _route_due(progress)
    if due is None or now >= due:
        return EnsureRoute()
    return tell_or_wait(challenge, replace(progress, due=due), UNDONE, now, presented=False)


def _route_due(progress: Progress) -> datetime | None:
    """Return when the route may be made again, or None for at once."""
    if progress.routes < ROUTES_AT_ONCE or progress.routed_at is None:
        return None
    return progress.routed_at + doubled(FIRST_FIGHT, progress.routes - ROUTES_AT_ONCE, LONGEST_FIGHT)


def routed(progress: Progress | None, now: datetime) -> Progress:
    """Return what to remember once the route has been made."""
    before = progress or Progress(since=now, due=now)
    return replace(before, routes=before.routes + 1, routed_at=now)


def unsupported(kind: str, name: str, solver: ACMESolver) -> str:
    """Return why this release cannot prove control over a name in that way, and what to write; or nothing.

    Asked before a Challenge is made, since one cannot be changed: the Order waits for the issuer to be mended.
    """
    if (solver.http01 if kind == "HTTP-01" else solver.dns01) is None:
        field = kind.lower().replace("-", "")
        return f'cannot answer {kind} for "{name}": its solver has no {field}; give the issuer a solver with one'
    if solver.http01 is not None and solver.http01.ingress is None and solver.http01.gateway_http_route is None:
        return (
            f'cannot present HTTP-01 for "{name}": its solver says neither ingress nor gatewayHTTPRoute; '
            "write http01.ingress there, with an ingressClassName"
        )
    try:
        parse_duration(solver.wait_instead_of_self_check or "0")
    except ValueError as error:
        return f'cannot answer for "{name}": waitInsteadOfSelfCheck of the solver: {error}; write for example 30s there'
    return ""


def _refuse_unsupported(challenge: Challenge) -> None:
    why = unsupported(challenge.spec.type, challenge.spec.dns_name, challenge.spec.solver)
    if why:
        raise Permanent(why, reason="PresentError")


def _await_answerer(challenge: Challenge, progress: Progress, obstacle: Obstacle, now: datetime) -> Step | Outcome:
    """Wait for what a watch tells; no self check meanwhile, since it would find nobody."""
    over_at = obstacle.over_at
    if over_at is not None:
        over_at = max(over_at, _route_due(progress) or over_at)  # a pod that ends each time is made ever more rarely
    if over_at is not None and now >= over_at:
        return EnsureRoute()
    look = now + LONGEST_CHECK
    waiting = replace(progress, due=look if over_at is None else min(look, over_at))
    return tell_or_wait(challenge, waiting, f"Waiting for an answer to HTTP-01: {obstacle.why}", now, presented=False)


def _make_reachable(observed: ObservedChallenge, progress: Progress, now: datetime) -> Step | Outcome:
    """Check until the token can be fetched, or wait a fixed time where the issuer says so.

    A cluster may be unable to reach its own load balancer.  So when nobody speaks at the address, the CA is asked after
    the grace all the same.  A wrong answer, or a name that does not resolve, is what the CA would find too: it
    counts failures (and bars the name for an hour after a few), so that is waited for.
    """
    challenge = observed.challenge
    if observed.obstacle is not None:
        return _await_answerer(challenge, progress, observed.obstacle, now)
    fixed = challenge.spec.solver.wait_instead_of_self_check
    given_up_at = max(progress.since, observed.answerable_since or progress.since) + observed.grace
    is_given_up = progress.unseen_from_here and now >= given_up_at
    if _is_anothers(observed) and _is_dead(progress, unchecked=fixed is not None, given_up=is_given_up):
        return Discard(
            f'what cert-manager presented for "{challenge.spec.dns_name}" does not answer '
            f"({progress.check_problem or 'it is not checked'}); its Order makes another Challenge"
        )
    if fixed is not None:
        return _wait_fixed(challenge, fixed, now)
    if progress.reachable or is_given_up:
        return Answer()
    if now >= progress.due or "check" in observed.over:
        return SelfCheck()
    reason = f"{awaiting_propagation(challenge.spec.type)}: {progress.check_problem or ASKED}"
    if progress.unseen_from_here:
        progress = replace(progress, due=min(progress.due, given_up_at))
    return tell_or_wait(challenge, progress, reason, now)


def _is_anothers(observed: ObservedChallenge) -> bool:
    """Has the incumbent presented it over HTTP, where we have no finalizer, and would its Order make another?"""
    challenge = observed.challenge
    return observed.replaceable and not is_dns(challenge) and not FINALIZERS.isdisjoint(challenge.metadata.finalizers)


def _is_dead(progress: Progress, *, unchecked: bool, given_up: bool) -> bool:
    """Is nobody there, or nobody to be relied on: the CA counts failures."""
    return not progress.reachable and (unchecked or given_up or progress.checks >= CHECKS_OF_ANOTHERS)


def _wait_fixed(challenge: Challenge, said: str, now: datetime) -> Step | Outcome:
    pause = max(parse_duration(said or "0").timedelta, timedelta())
    presented_at = challenge.status.presented_at
    if pause and presented_at is None:
        reason = f"Waiting {said} {blind_wait(challenge.spec.type)}"
        return SetChallengeStatus(
            in_progress(challenge, reason, now), (*started(challenge), presented_event(challenge))
        )
    if pause and presented_at is not None and now < presented_at + pause:
        return Wait(presented_at + pause, f"waiting {said} instead of a self check")
    return Answer()


def _await_verdict(challenge: Challenge, progress: Progress, now: datetime) -> Step | Outcome:
    """The CA has been told: look again when it is time; as long as nothing comes of it, tell it once more."""
    if now >= progress.due:
        return Answer() if _is_unheard(progress, now) else Look()
    reason = awaiting_verdict(challenge.spec.type)
    return tell_or_wait(challenge, progress, f"{reason}: {progress.ca_problem}" if progress.ca_problem else reason, now)


def _is_unheard(progress: Progress, now: datetime) -> bool:
    """Has the CA said nothing for so long that it may never have been told?  RFC 8555 §8.2 lets us tell it again."""
    if progress.answered_at is None:
        return False
    first = FIRST_REPEAT_IN_VAIN if progress.ca_problem else FIRST_REPEAT
    repeat = doubled(first, progress.answers - 1, LONGEST_REPEAT)
    return now >= progress.answered_at + repeat


def answered(progress: Progress, now: datetime, *, look_at: datetime) -> Progress:
    """Return what to remember once the CA has been told; told again, it is looked at as seldom as before."""
    polls = progress.polls if progress.answers else 0
    return replace(progress, answered=True, answers=progress.answers + 1, answered_at=now, polls=polls, due=look_at)


def check_pause(checks: int, kind: str = "HTTP-01") -> timedelta:
    """Return how long to wait before the next self check: 60 ms, doubling to 10 s; over DNS 1 s, doubling to 30 s."""
    if kind == "DNS-01":
        return doubled(FIRST_DNS_CHECK, checks, LONGEST_DNS_CHECK)
    return doubled(FIRST_CHECK, checks, LONGEST_CHECK)
