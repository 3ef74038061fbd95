"""What the status of a Challenge says, while it is worked on and at its end, and which events tell of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from certs.api.challenge import Challenge, ChallengeStatus
from certs.api.order import ACMEState
from certs.decide.challengesteps import Progress, SetChallengeStatus, Step
from certs.decide.effects import Tell
from certs.outcomes import Outcome, Wait

# What takes longer than this is worth a status write; a fast CA is done before.
TELL_AFTER: Final = timedelta(seconds=1.5)
PRESENTING: Final = "Presenting the DNS-01 challenge"
AUTHORIZED: Final = "Successfully authorized domain"
REFUSED: Final = "Error accepting authorization"


def awaiting_verdict(kind: str) -> str:
    """Return the reason while the CA is at work."""
    return f"Waiting for the CA to validate the {kind} challenge"


def awaiting_propagation(kind: str) -> str:
    """Return the begin of the reason while the answer cannot be seen yet; what is seen instead comes behind it."""
    return f"Waiting for {kind} challenge propagation"


def blind_wait(kind: str) -> str:
    """Return the end of the reason while a pause stands in for a self check."""
    return f"before accepting {kind} challenge without self-check"


_KINDS: Final = ("HTTP-01", "DNS-01")
_BEGINS: Final = (
    "",
    PRESENTING,
    AUTHORIZED,
    REFUSED,
    *map(awaiting_propagation, _KINDS),
    *map(awaiting_verdict, _KINDS),
)


def stage(reason: str) -> str:
    """Return how far a Challenge is, of a reason only what is one of a few: for a metric, whose labels must be bounded.

    >>> stage("Waiting for HTTP-01 challenge propagation: 10.0.0.7 answers 404")
    'Waiting for HTTP-01 challenge propagation'
    >>> stage("zone example.org not found in this account")
    'other'
    """
    begin = reason.partition(": ")[0]
    if begin in _BEGINS:
        return begin
    return next((f"Waiting {end}" for end in map(blind_wait, _KINDS) if reason.endswith(end)), "other")


def tell_or_wait(
    challenge: Challenge, progress: Progress, reason: str, now: datetime, *, presented: bool = True
) -> Step | Outcome:
    """Wait; but once it has taken a moment, write first what is waited for."""
    status = challenge.status
    stale = status.reason != reason or not status.processing or status.presented != presented
    if now - progress.since >= TELL_AFTER and stale:
        tell = (*started(challenge), *(() if status.presented or not presented else (presented_event(challenge),)))
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
        reason=AUTHORIZED if valid else f"{REFUSED}: {problem}",
    )
    end = (
        Tell("DomainVerified", f'Domain "{challenge.spec.dns_name}" verified with "{challenge.spec.type}" validation')
        if valid
        else Tell("Failed", f"Accepting challenge authorization failed: {problem}", "Warning")
    )
    before = (*started(challenge), *(() if challenge.status.presented else (presented_event(challenge),)))
    return SetChallengeStatus(status, (*before, end))


def has_expired(expires: datetime | None, since: datetime | None, now: datetime) -> bool:
    """Has it expired since it was made?  A moment before that is none: some CAs say year one for "not at all"."""
    return expires is not None and expires <= now and (since is None or expires > since)


def verdict(
    state: ACMEState,
    progress: Progress | None,
    *,
    expires: datetime | None = None,
    since: datetime | None = None,
    now: datetime | None = None,
) -> ACMEState:
    """Return what the CA's word on the authorization means for the Challenge.

    A failure counts only when this very process has told the CA to look.  Otherwise it looked while another process
    of ours was going down, and found nobody who answers: that is our fault and not the name's, so it is `expired`,
    which has the Order start over instead of the Certificate back off for an hour.  Nor is it the name's fault that an
    authorization has expired while the way to it was not there: some CAs call that invalid, too.
    """
    if state.is_failure and now is not None and has_expired(expires, since, now):
        return ACMEState.EXPIRED
    if state.is_failure and (progress is None or not progress.answered):
        return ACMEState.EXPIRED
    return state


def explained(problem: str, progress: Progress | None) -> str:
    """Return the CA's sentence, with what the self check had found when the CA was asked in spite of it."""
    if progress is None or progress.reachable or not (progress.answered and progress.check_problem):
        return problem
    return f"{problem}; the self check could not reach it either: {progress.check_problem}"


def started(challenge: Challenge) -> tuple[Tell, ...]:
    """Return the event that it is worked on, once."""
    return () if challenge.status.processing else (Tell("Started", "Challenge scheduled for processing"),)


def presented_event(challenge: Challenge) -> Tell:
    """Return the event that the CA can find what it looks for."""
    return Tell("Presented", f"Presented challenge using {challenge.spec.type} challenge mechanism")
