"""The end of a Challenge: what it has left outside of the cluster is taken out, and it is let go.

DNS-01 leaves a record, so a finalizer is there before the record is, and goes after it.  The finalizer alone tells that
there is something to clean up; the status at the end is written before that, since the Order need not wait for it.
A deleted Challenge is let go within ten seconds, whatever the DNS does: a record that stays harms nobody, a namespace
that cannot be deleted does.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from certs.api.challenge import Challenge
from certs.decide.challengesteps import (
    FINALIZERS,
    UNDERWAY_LOOK,
    CleanUp,
    DropFinalizers,
    ObservedChallenge,
    Progress,
    Step,
    TakeAway,
    Underway,
    is_dns,
    record_name,
)
from certs.decide.effects import Tell
from certs.decide.pauses import doubled
from certs.outcomes import DONE, Outcome, Wait

# From the deletion (whose time is in whole seconds) until the record is given up; with what is under way then, it stays
# well below the ten seconds that people bear.
CLEAN_WITHIN: Final = timedelta(seconds=5)
# Whatever the time of the deletion: a process that was not there then tries for so long.
TRIED_FOR: Final = timedelta(seconds=3)
FIRST_CLEAN_PAUSE: Final = timedelta(seconds=1)
# A self check that was under way at the end: nobody asks about it any more.
CHECKED: Final[frozenset[Underway]] = frozenset(("check",))
LONGEST_CLEAN_PAUSE: Final = timedelta(minutes=5)


def end(observed: ObservedChallenge, now: datetime) -> Step | Outcome:
    """Clean up what is outside of the cluster, then let it go; whatever has to be cleaned has our finalizer."""
    challenge, progress = observed.challenge, observed.progress
    deleted_at = challenge.metadata.deletion_timestamp
    finalizers = challenge.metadata.finalizers
    kept = tuple(finalizer for finalizer in finalizers if finalizer not in FINALIZERS)
    if not observed.clear:
        return TakeAway()
    if kept == finalizers or (deleted_at is None and not is_dns(challenge)):
        return DONE
    if not is_dns(challenge) or (progress is not None and progress.cleaned):
        return DropFinalizers(kept)
    return _clean_up(observed, progress, kept, now)


def _clean_up(
    observed: ObservedChallenge, progress: Progress | None, kept: tuple[str, ...], now: datetime
) -> Step | Outcome:
    """Take the record out; after a deletion not for ever."""
    challenge = observed.challenge
    deleted_at = challenge.metadata.deletion_timestamp
    if progress is None or progress.cleanup_began is None or progress.cleanup_due is None:
        return CleanUp()
    given_up_at = max(deleted_at + CLEAN_WITHIN, progress.cleanup_began + TRIED_FOR) if deleted_at is not None else None
    if given_up_at is not None and now >= given_up_at:
        return DropFinalizers(kept, (_left_behind(challenge, progress),))
    if now >= progress.cleanup_due or observed.over - CHECKED:
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


def cleanup_goes_on(progress: Progress | None, now: datetime) -> Progress:
    """Return what to remember of an attempt at cleaning up that is not over yet: when to ask again."""
    before = progress or Progress(since=now, due=now)
    return replace(before, cleanup_began=before.cleanup_began or now, cleanup_due=now + UNDERWAY_LOOK)


def cleanup_failed(progress: Progress | None, problem: str, now: datetime, until: datetime | None = None) -> Progress:
    """Return what to remember of an attempt at cleaning up that failed: when the next is due."""
    before = progress or Progress(since=now, due=now)
    pause = doubled(FIRST_CLEAN_PAUSE, before.cleanups, LONGEST_CLEAN_PAUSE)
    return replace(
        before,
        cleanups=before.cleanups + 1,
        cleanup_began=before.cleanup_began or now,
        cleanup_due=max(until or now, now + pause),
        cleanup_problem=problem,
    )
