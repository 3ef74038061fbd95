"""The next step for a Challenge.

    (Look) ──> EnsureRoute ──> SelfCheck ──ok──> Answer ──> Look … ──> valid | invalid
                                   └─ not yet ──> Wait, check again

HTTP-01 needs nothing presented per challenge: the responder answers for every Challenge in its store, through
a route that stays.  So `presented` is true once the route is there, there is no finalizer, and nothing to
clean up.  What is under way for longer than a moment is written to the status; what is over within it is
written once, as its end.

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
from certs.durations import parse_duration
from certs.outcomes import DONE, Outcome, Permanent, Wait, WaitingForUser

# What takes longer than this is worth a status write; a fast CA is done before.
TELL_AFTER: Final = timedelta(seconds=1.5)
FIRST_CHECK: Final = timedelta(milliseconds=60)
LONGEST_CHECK: Final = timedelta(seconds=10)
# What the incumbent puts on Challenges, now and before; others' finalizers are others' business.
FINALIZERS: Final = frozenset(("acme.cert-manager.io/finalizer", "finalizer.acme.cert-manager.io"))
AUTHORIZED: Final = "Successfully authorized domain"
AWAITING_VERDICT: Final = "Waiting for the CA to validate the HTTP-01 challenge"


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


@dataclass(frozen=True, slots=True)
class ObservedChallenge:
    """A Challenge, its issuer, whether the way to it stands, and what this process remembers.

    `grace` is how long to wait when nobody can be reached from here, though the CA may see it otherwise.
    """

    challenge: Challenge
    issuer: AnyIssuer | None = None
    route_ready: bool = False
    progress: Progress | None = None
    grace: timedelta = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Look:
    """Ask the CA how the authorization stands."""


@dataclass(frozen=True, slots=True)
class EnsureRoute:
    """Make, or mend, what leads requests for this host to the responder."""


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """Fetch the token as the CA will."""


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
    """Let a deleted Challenge go: there is nothing to clean up.  `kept` are the finalizers of others."""

    kept: tuple[str, ...] = ()


Step = Look | EnsureRoute | SelfCheck | Answer | SetChallengeStatus | DropFinalizers


def decide(observed: ObservedChallenge, now: datetime) -> Step | Outcome:
    """Return the next step.  Raises WaitingForUser or Permanent for what this process cannot do."""
    challenge, progress = observed.challenge, observed.progress
    if challenge.metadata.deletion_timestamp is not None:
        return _let_go(challenge)
    if challenge.status.state.is_final:
        return DONE
    _refuse_unsupported(challenge)
    if observed.issuer is None or observed.issuer.spec.acme is None:
        ref = challenge.spec.issuer_ref
        raise WaitingForUser(
            f'cannot answer for "{challenge.spec.dns_name}": '
            f'{ref.effective_kind} "{ref.name}" does not exist; create it',
            reason="IssuerNotFound",
        )
    if progress is None or not progress.looked:
        return Look()
    if not observed.route_ready:
        return EnsureRoute()
    if progress.answered:
        return _await_verdict(challenge, progress, now)
    return _make_reachable(challenge, progress, observed.grace, now)


def _let_go(challenge: Challenge) -> Step | Outcome:
    finalizers = challenge.metadata.finalizers
    kept = tuple(finalizer for finalizer in finalizers if finalizer not in FINALIZERS)
    return DropFinalizers(kept) if kept != finalizers else DONE


def unsupported(kind: str, name: str, solver: ACMESolver) -> str:
    """Return why this release cannot prove control over a name in that way, and what to write; or nothing.

    Asked before a Challenge is made, since one cannot be changed: the Order waits for the issuer to be mended.
    """
    if kind != "HTTP-01" or solver.http01 is None:
        return f'cannot answer {kind} for "{name}": this release answers HTTP-01 only; give the issuer an http01 solver'
    if solver.http01.ingress is None:
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
    reason = f"Waiting for HTTP-01 challenge propagation: {progress.check_problem}"
    if progress.unseen_from_here:
        progress = replace(progress, due=min(progress.due, given_up_at))
    return _tell_or_wait(challenge, progress, reason, now)


def _wait_fixed(challenge: Challenge, said: str, now: datetime) -> Step | Outcome:
    pause = max(parse_duration(said or "0").timedelta, timedelta())
    presented_at = challenge.status.presented_at
    if pause and presented_at is None:
        reason = f"Waiting {said} before accepting HTTP-01 challenge without self-check"
        return SetChallengeStatus(in_progress(challenge, reason, now), (*_started(challenge), _presented()))
    if pause and presented_at is not None and now < presented_at + pause:
        return Wait(presented_at + pause, f"waiting {said} instead of a self check")
    return Answer()


def _await_verdict(challenge: Challenge, progress: Progress, now: datetime) -> Step | Outcome:
    """The CA has been told: look again when it is time."""
    if now >= progress.due:
        return Look()
    return _tell_or_wait(challenge, progress, AWAITING_VERDICT, now)


def _tell_or_wait(challenge: Challenge, progress: Progress, reason: str, now: datetime) -> Step | Outcome:
    """Wait; but once it has taken a moment, write first what is waited for."""
    if now - progress.since >= TELL_AFTER and (challenge.status.reason != reason or not challenge.status.processing):
        tell = () if challenge.status.processing else (*_started(challenge), _presented())
        return SetChallengeStatus(in_progress(challenge, reason, now), tell)
    due = progress.due if challenge.status.processing else min(progress.due, progress.since + TELL_AFTER)
    return Wait(max(due, now), reason)


def in_progress(challenge: Challenge, reason: str, now: datetime) -> ChallengeStatus:
    """Return the status of a Challenge that is being worked on."""
    return msgspec.structs.replace(
        challenge.status,
        processing=True,
        presented=True,
        presented_at=challenge.status.presented_at or now.replace(microsecond=0),
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
    before = () if challenge.status.processing else (*_started(challenge), _presented())
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


def _presented() -> Tell:
    return Tell("Presented", "Presented challenge using HTTP-01 challenge mechanism")


def check_pause(checks: int) -> timedelta:
    """Return how long to wait before the next self check: 60 ms, doubling to 10 s."""
    return min(FIRST_CHECK * (1 << min(checks, 10)), LONGEST_CHECK)
