"""The next step for a Challenge.

    HTTP-01  (Look) ──> EnsureRoute ─┐
                                     ├─> SelfCheck ──ok──> Answer ──> Look … ──> valid | invalid
    DNS-01   (Look) ──> Present ─────┘      └─ not yet ──> Wait, check again         └─> CleanUp ──> DropFinalizers

HTTP-01 needs nothing presented per challenge: the responder answers for every Challenge in its store, through
a route that stays.  So `presented` is true once the route is there, there is no finalizer, and nothing to
clean up.  What is under way for longer than a moment is written to the status; what is over within it is
written once, as its end.

DNS-01 leaves a record outside of the cluster, so a finalizer is there before the record is, and goes after it.  The
finalizer alone tells that there is something to clean up; the status at the end is written before that, since the Order
need not wait for it.  A deleted Challenge is let go within ten seconds, whatever the DNS does: a record
that stays harms nobody, a namespace that cannot be deleted does.

`Progress` is what this process remembers and need not store: without it the first question to the CA is
how the authorization stands, and all goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from certs.api.challenge import Challenge, ChallengeStatus
from certs.api.issuer import ACMESolver, AnyIssuer
from certs.api.order import ACMEState
from certs.decide.effects import Tell
from certs.decide.solver import is_chosen_from
from certs.durations import parse_duration
from certs.outcomes import DONE, Outcome, Permanent, Wait, WaitingForUser

# What takes longer than this is worth a status write; a fast CA is done before.
TELL_AFTER: Final = timedelta(seconds=1.5)
FIRST_CHECK: Final = timedelta(milliseconds=60)
LONGEST_CHECK: Final = timedelta(seconds=10)
# What the incumbent puts on Challenges, now and before; others' finalizers are others' business.
FINALIZERS: Final = frozenset(("acme.cert-manager.io/finalizer", "finalizer.acme.cert-manager.io"))
FINALIZER: Final = "acme.cert-manager.io/finalizer"
# From the deletion (whose time is in whole seconds) until the record is given up; with what is under way then, it stays
# well below the ten seconds that people bear.
CLEAN_WITHIN: Final = timedelta(seconds=5)
# Whatever the time of the deletion: a process that was not there then tries for so long.
TRIED_FOR: Final = timedelta(seconds=3)
FIRST_DNS_CHECK: Final = timedelta(seconds=1)
LONGEST_DNS_CHECK: Final = timedelta(seconds=30)
LONGEST_CLEAN_PAUSE: Final = timedelta(minutes=5)
# How long the first Challenge of an Order waits for the others, whose values may stand at the same name: they are
# made within some milliseconds each, and one change of the name is cheaper than two.
TOGETHER_WITHIN: Final = timedelta(milliseconds=500)
TOGETHER_LOOK: Final = timedelta(milliseconds=40)
# When to look again at a change or a question that a worker has waited a second for, from the beginning of that second.
UNDERWAY_LOOK: Final = timedelta(milliseconds=1250)
PRESENTING: Final = "Presenting the DNS-01 challenge"
AUTHORIZED: Final = "Successfully authorized domain"


def awaiting_verdict(kind: str) -> str:
    """Return the reason while the CA is at work."""
    return f"Waiting for the CA to validate the {kind} challenge"


@dataclass(frozen=True, slots=True)
class Progress:
    """What this process knows of a Challenge: since when, what was tried, and when it is due again."""

    since: datetime
    due: datetime
    looked: bool = False
    checks: int = 0
    check_problem: str = ""
    unseen_from_here: bool = False
    reachable: bool = False
    answered: bool = False
    polls: int = 0
    cleanups: int = 0
    cleanup_began: datetime | None = None
    cleanup_due: datetime | None = None
    cleanup_problem: str = ""
    cleaned: bool = False


@dataclass(frozen=True, slots=True)
class ObservedChallenge:
    """A Challenge, its issuer, whether the way to it stands, and what this process remembers.

    `complete` tells whether its Order has all its Challenges, `replaceable` whether the Order would make another one.
    `grace` is how long to wait when nobody can be reached from here, though the CA may see it otherwise.
    """

    challenge: Challenge
    issuer: AnyIssuer | None = None
    route_ready: bool = False  # HTTP-01: the route stands; DNS-01: the value has been written
    progress: Progress | None = None
    complete: bool = True
    replaceable: bool = False
    grace: timedelta = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Look:
    """Ask the CA how the authorization stands."""


@dataclass(frozen=True, slots=True)
class EnsureRoute:
    """Make, or mend, what leads requests for this host to the responder."""


@dataclass(frozen=True, slots=True)
class AddFinalizer:
    """Have the Challenge stay until its record is cleaned up; only those that we did not create lack it."""


@dataclass(frozen=True, slots=True)
class Present:
    """Write the value into the DNS, together with those of other Challenges for the same name."""


@dataclass(frozen=True, slots=True)
class CleanUp:
    """Take the value out of the DNS."""


@dataclass(frozen=True, slots=True)
class Discard:
    """Delete it, so that its Order makes one with a solver that the issuer has now."""

    why: str


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """Look as the CA will: fetch the token, or ask for the value."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Tell the CA that it may look."""


@dataclass(frozen=True, slots=True)
class SetChallengeStatus:
    """Write the status and tell."""

    status: ChallengeStatus
    tell: tuple[Tell, ...] = ()


@dataclass(frozen=True, slots=True)
class DropFinalizers:
    """Let a Challenge go: there is nothing to clean up any more.  `kept` are the finalizers of others."""

    kept: tuple[str, ...] = ()
    tell: tuple[Tell, ...] = ()


Step = (
    Look
    | EnsureRoute
    | AddFinalizer
    | Present
    | SelfCheck
    | Answer
    | SetChallengeStatus
    | CleanUp
    | Discard
    | DropFinalizers
)


def decide(observed: ObservedChallenge, now: datetime) -> Step | Outcome:
    """Return the next step.  Raises WaitingForUser or Permanent for what this process cannot do."""
    challenge, progress = observed.challenge, observed.progress
    if challenge.metadata.deletion_timestamp is not None or challenge.status.state.is_final:
        return _end(observed, now)
    _refuse_unsupported(challenge)
    ref = challenge.spec.issuer_ref
    if observed.issuer is None or observed.issuer.spec.acme is None:
        raise WaitingForUser(
            f'cannot answer for "{challenge.spec.dns_name}": '
            f'{ref.effective_kind} "{ref.name}" does not exist; create it',
            reason="IssuerNotFound",
        )
    if is_dns(challenge) and (first := _before_dns(observed)) is not None:
        return first
    if progress is None or not progress.looked:
        return Look()
    if not observed.route_ready:
        return _present(observed, progress, now) if is_dns(challenge) else EnsureRoute()
    if progress.answered:
        return _await_verdict(challenge, progress, now)
    return _make_reachable(challenge, progress, observed.grace, now)


def _before_dns(observed: ObservedChallenge) -> Step | None:
    """Return what must be done before any credentials are used; raises WaitingForUser where none may be."""
    why = foreign_solver(observed.challenge, observed.issuer)
    if why and observed.replaceable:
        return Discard(why)
    if why:
        raise WaitingForUser(why, reason="PresentError")
    return AddFinalizer() if FINALIZER not in observed.challenge.metadata.finalizers else None


def is_dns(challenge: Challenge) -> bool:
    """Is it proven over DNS?"""
    return challenge.spec.type == "DNS-01"


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


def _present(observed: ObservedChallenge, progress: Progress, now: datetime) -> Step | Outcome:
    """Write the value, once the Order's other values are known that may stand at the same name."""
    if not observed.complete and now < progress.since + TOGETHER_WITHIN:
        return Wait(now + TOGETHER_LOOK, "the Order makes its other Challenges")
    if now < progress.due:
        return _tell_or_wait(observed.challenge, progress, PRESENTING, now, presented=False)
    return Present()


def _end(observed: ObservedChallenge, now: datetime) -> Step | Outcome:
    """Clean up what is outside of the cluster, then let it go; whatever has to be cleaned has our finalizer."""
    challenge, progress = observed.challenge, observed.progress
    deleted_at = challenge.metadata.deletion_timestamp
    finalizers = challenge.metadata.finalizers
    kept = tuple(finalizer for finalizer in finalizers if finalizer not in FINALIZERS)
    if kept == finalizers or (deleted_at is None and not is_dns(challenge)):
        return DONE
    if not is_dns(challenge) or (progress is not None and progress.cleaned):
        return DropFinalizers(kept)
    if progress is None or progress.cleanup_began is None or progress.cleanup_due is None:
        return CleanUp()
    given_up_at = max(deleted_at + CLEAN_WITHIN, progress.cleanup_began + TRIED_FOR) if deleted_at is not None else None
    if given_up_at is not None and now >= given_up_at:
        return DropFinalizers(kept, (_left_behind(challenge, progress),))
    if now >= progress.cleanup_due:
        return CleanUp()
    last = progress.cleanup_due if given_up_at is None else min(progress.cleanup_due, given_up_at)
    return Wait(last, "cleaning up the DNS record again")


def _left_behind(challenge: Challenge, progress: Progress) -> Tell:
    return Tell(
        "CleanUpError",
        f"Error cleaning up challenge: the TXT record {record_name(challenge)} with the value {challenge.spec.key} "
        f"stays in the DNS; remove it by hand. {progress.cleanup_problem or 'The DNS API did not answer in time'}",
        "Warning",
    )


def record_name(challenge: Challenge) -> str:
    """Return the name at which the CA asks for the value, RFC 8555 §8.4, without a final dot."""
    return f"_acme-challenge.{challenge.spec.dns_name.lower().rstrip('.')}"


def cleanup_goes_on(progress: Progress | None, now: datetime) -> Progress:
    """Return what to remember of an attempt at cleaning up that is not over yet: when to ask again."""
    before = progress or Progress(since=now, due=now)
    return replace(before, cleanup_began=before.cleanup_began or now, cleanup_due=now + UNDERWAY_LOOK)


def cleanup_failed(progress: Progress | None, problem: str, now: datetime, until: datetime | None = None) -> Progress:
    """Return what to remember of an attempt at cleaning up that failed: when the next is due."""
    before = progress or Progress(since=now, due=now)
    pause = min(FIRST_DNS_CHECK * (1 << min(before.cleanups, 10)), LONGEST_CLEAN_PAUSE)
    return replace(
        before,
        cleanups=before.cleanups + 1,
        cleanup_began=before.cleanup_began or now,
        cleanup_due=max(until or now, now + pause),
        cleanup_problem=problem,
    )


def unsupported(kind: str, name: str, solver: ACMESolver) -> str:
    """Return why this release cannot prove control over a name in that way, and what to write; or nothing.

    Asked before a Challenge is made, since one cannot be changed: the Order waits for the issuer to be mended.
    """
    if (solver.http01 if kind == "HTTP-01" else solver.dns01) is None:
        field = kind.lower().replace("-", "")
        return f'cannot answer {kind} for "{name}": its solver has no {field}; give the issuer a solver with one'
    if solver.http01 is not None and solver.http01.ingress is None:
        return (
            f'cannot present HTTP-01 for "{name}": this release routes through Ingresses only; '
            "use http01.ingress in the solver"
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


def _make_reachable(challenge: Challenge, progress: Progress, grace: timedelta, now: datetime) -> Step | Outcome:
    """Check until the token can be fetched, or wait a fixed time where the issuer says so.

    A cluster may be unable to reach its own load balancer.  So when nobody speaks at the address, the CA is asked after
    the grace all the same.  A wrong answer, or a name that does not resolve, is what the CA would find too: it
    counts failures (and bars the name for an hour after a few), so that is waited for.
    """
    fixed = challenge.spec.solver.wait_instead_of_self_check
    if fixed is not None:
        return _wait_fixed(challenge, fixed, now)
    given_up_at = progress.since + grace
    if progress.reachable or (progress.unseen_from_here and now >= given_up_at):
        return Answer()
    if now >= progress.due:
        return SelfCheck()
    reason = f"Waiting for {challenge.spec.type} challenge propagation: {progress.check_problem}"
    if progress.unseen_from_here:
        progress = replace(progress, due=min(progress.due, given_up_at))
    return _tell_or_wait(challenge, progress, reason, now)


def _wait_fixed(challenge: Challenge, said: str, now: datetime) -> Step | Outcome:
    pause = max(parse_duration(said or "0").timedelta, timedelta())
    presented_at = challenge.status.presented_at
    if pause and presented_at is None:
        reason = f"Waiting {said} before accepting {challenge.spec.type} challenge without self-check"
        return SetChallengeStatus(in_progress(challenge, reason, now), (*_started(challenge), _presented(challenge)))
    if pause and presented_at is not None and now < presented_at + pause:
        return Wait(presented_at + pause, f"waiting {said} instead of a self check")
    return Answer()


def _await_verdict(challenge: Challenge, progress: Progress, now: datetime) -> Step | Outcome:
    """The CA has been told: look again when it is time."""
    if now >= progress.due:
        return Look()
    return _tell_or_wait(challenge, progress, awaiting_verdict(challenge.spec.type), now)


def _tell_or_wait(
    challenge: Challenge, progress: Progress, reason: str, now: datetime, *, presented: bool = True
) -> Step | Outcome:
    """Wait; but once it has taken a moment, write first what is waited for."""
    status = challenge.status
    stale = status.reason != reason or not status.processing or status.presented != presented
    if now - progress.since >= TELL_AFTER and stale:
        tell = (*_started(challenge), *(() if status.presented or not presented else (_presented(challenge),)))
        return SetChallengeStatus(in_progress(challenge, reason, now, presented=presented), tell)
    due = progress.due if status.processing else min(progress.due, progress.since + TELL_AFTER)
    return Wait(max(due, now), reason)


def in_progress(challenge: Challenge, reason: str, now: datetime, *, presented: bool = True) -> ChallengeStatus:
    """Return the status of a Challenge that is being worked on."""
    since = (challenge.status.presented_at or now.replace(microsecond=0)) if presented else None
    return msgspec.structs.replace(
        challenge.status,
        processing=True,
        presented=presented,
        presented_at=since,
        state=ACMEState.PENDING,
        reason=reason,
    )


def concluded(challenge: Challenge, state: ACMEState, problem: str, now: datetime) -> SetChallengeStatus:
    """Return the last write: valid, or failed with the CA's sentence."""
    valid = state is ACMEState.VALID
    status = msgspec.structs.replace(
        challenge.status,
        processing=False,
        presented=False,
        presented_at=challenge.status.presented_at or now.replace(microsecond=0),
        state=state,
        reason=AUTHORIZED if valid else f"Error accepting authorization: {problem}",
    )
    end = (
        Tell("DomainVerified", f'Domain "{challenge.spec.dns_name}" verified with "{challenge.spec.type}" validation')
        if valid
        else Tell("Failed", f"Accepting challenge authorization failed: {problem}", "Warning")
    )
    before = (*_started(challenge), *(() if challenge.status.presented else (_presented(challenge),)))
    return SetChallengeStatus(status, (*before, end))


def verdict(state: ACMEState, progress: Progress | None) -> ACMEState:
    """Return what the CA's word on the authorization means for the Challenge.

    A failure counts only when this very process has told the CA to look.  Otherwise it looked while another process
    of ours was going down, and found nobody who answers: that is our fault and not the name's, so it is `expired`,
    which has the Order start over instead of the Certificate back off for an hour.
    """
    if state.is_failure and (progress is None or not progress.answered):
        return ACMEState.EXPIRED
    return state


def explained(problem: str, progress: Progress | None) -> str:
    """Return the CA's sentence, with what the self check had found when the CA was asked in spite of it."""
    if progress is None or progress.reachable or not (progress.answered and progress.check_problem):
        return problem
    return f"{problem}; the self check could not reach it either: {progress.check_problem}"


def _started(challenge: Challenge) -> tuple[Tell, ...]:
    return () if challenge.status.processing else (Tell("Started", "Challenge scheduled for processing"),)


def _presented(challenge: Challenge) -> Tell:
    return Tell("Presented", f"Presented challenge using {challenge.spec.type} challenge mechanism")


def check_pause(checks: int, kind: str = "HTTP-01") -> timedelta:
    """Return how long to wait before the next self check: 60 ms, doubling to 10 s; over DNS 1 s, doubling to 30 s."""
    if kind == "DNS-01":
        return min(FIRST_DNS_CHECK * (1 << min(checks, 10)), LONGEST_DNS_CHECK)
    return min(FIRST_CHECK * (1 << min(checks, 10)), LONGEST_CHECK)
