"""After a failed proof: is what was wrong mended, so that the pause of the ladder (`backoff`) need not be sat out?

    failed ──LookAgain──> was anything seen wrong from here, in one of the first three looks?
                 │no: the CA saw something that we cannot see; the pause stands
                 └yes: looked at again after 1 s, doubling to 30 s ──> all of it right ──> the next attempt at once

One look may miss it: not all that was asked is answered in time, or it is mended before anybody looked.  So what was
still wrong when an attempt before its time was made counts as seen wrong when that one has failed, too.

Only what was seen wrong and is now seen right ends a pause: a name that looks well from here and fails at the CA
would only fail again.  That nobody answers (`Layer.SILENCE`) may be so from here alone, so it does not keep what was
mended in the DNS from being tried.

The CA's limit of five failed validations per name, account and hour is not reached (letsencrypt.org/docs/rate-limits):

| failed attempts since the last success | earliest attempt after a repair |
|----------------------------------------|---------------------------------|
| 1, 2, 3                                | two seconds after the failure   |
| 4 and more                             | an hour after the failure       |

so within any hour there are four at most, ladder included, whose fourth pause is a day.  And no more than `A_DAY`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from certs.api.certificate import CertificateStatus
from certs.decide.backoff import DAILY, Setback
from certs.decide.findings import Fault, Layer, Outlook
from certs.decide.preflight import WITHIN, pause
from certs.outcomes import Wait

# Failures are stamped with whole seconds: an attempt within the same could be taken for the one that failed.
APART: Final = timedelta(seconds=2)
FREE: Final = 3
FIRST_LOOKS: Final = 3
LATER: Final = timedelta(hours=1)
A_DAY: Final = 6
# What was seen longer ago is looked at once more before it costs an attempt.
FRESH: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Watch:
    """What this process has seen since a failure (`failed_at`); without it nobody has looked.

    `wrong` is what was seen wrong, by the first look that saw something wrong (empty: all was right so far; None:
    nothing was seen, neither wrong nor right), `still` what the last look saw wrong, and `right` what it saw to be
    right; `early` are the failures whose pauses were ended by a repair.
    """

    failed_at: datetime | None = None
    asked_at: datetime | None = None
    looks: int = 0
    answered: bool = False
    wrong: frozenset[Fault] | None = None
    still: frozenset[Fault] = frozenset()
    right: frozenset[Fault] = frozenset()
    early: tuple[datetime, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Have the names of the failed attempt looked at, in the background."""


def next_look(
    watch: Watch | None, status: CertificateStatus, setback: Setback | None, now: datetime
) -> LookAgain | Wait | None:
    """Return when to look again at what a Certificate has failed by, or None where that is of no use."""
    if watch is None or setback is None or status.last_failure_time is None:
        return None
    if watch.failed_at != status.last_failure_time or watch.asked_at is None:
        return LookAgain()
    if not watch.answered:
        # Its answer wakes the Certificate; should it be lost, it is asked for again.
        due = watch.asked_at + max(pause(watch.looks), 2 * WITHIN)
    elif watch.wrong == frozenset() and watch.looks >= FIRST_LOOKS:
        return None
    else:
        due = max(watch.asked_at + pause(watch.looks), _allowed_at(watch, status))
    return LookAgain() if now >= due else Wait(due, "what was wrong is looked at")


def is_repaired(watch: Watch | None, status: CertificateStatus, now: datetime) -> bool:
    """Is what was wrong seen right, and may it be tried before the pause is over?"""
    return (
        watch is not None
        and status.last_failure_time is not None
        and watch.failed_at == status.last_failure_time
        and watch.asked_at is not None
        and now - watch.asked_at < FRESH
        and _is_mended(watch)
        and now >= _allowed_at(watch, status)
    )


def looking(watch: Watch | None, failed_at: datetime, now: datetime) -> Watch:
    """Return what to remember when a look begins."""
    if watch is None or watch.failed_at != failed_at:
        early = watch.early if watch is not None else ()
        if watch is not None and watch.failed_at is not None and _is_mended(watch):
            early = (*early, watch.failed_at)
        before = watch.still if watch is not None else frozenset()
        return Watch(failed_at, now, looks=1, wrong=before or None, early=early[-A_DAY:])
    return replace(watch, asked_at=now, looks=watch.looks + 1, answered=False)


def looked(watch: Watch, seen: Outlook, setback: Setback) -> Watch:
    """Return what to remember of the answers.  Of what a CA refuses to order, CAA alone is to be seen from here."""
    counts = frozenset(Layer) if setback is Setback.PROOF else frozenset((Layer.CAA,))
    faults = frozenset((one.name, one.layer) for one in seen.wrong if one.layer in counts)
    wrong = watch.wrong or (faults if seen.wrong or seen.right else watch.wrong)
    return replace(watch, answered=True, wrong=wrong, still=faults, right=seen.right)


def _is_mended(watch: Watch) -> bool:
    """Is all that was wrong seen to be right, and nothing else wrong that can be seen from here for sure?"""
    is_right = watch.answered and watch.wrong and watch.wrong <= watch.right
    return bool(is_right) and all(layer is Layer.SILENCE for _, layer in watch.still)


def _allowed_at(watch: Watch, status: CertificateStatus) -> datetime:
    """Return the earliest moment of an attempt after a repair: the table above."""
    failed_at = status.last_failure_time
    assert failed_at is not None  # noqa: S101  asked after a failure only
    first = failed_at + (APART if (status.failed_issuance_attempts or 1) <= FREE else LATER)
    return max(first, watch.early[-A_DAY] + DAILY) if len(watch.early) >= A_DAY else first


def mended(watch: Watch | None) -> str:
    """Return how to say that a repair has brought the attempt; nothing when there was none."""
    if watch is None or not watch.wrong:
        return ""
    names = sorted({name for name, _ in watch.wrong})
    return f'what was wrong with "{names[0]}"{" and others" if names[1:] else ""} is seen to be mended'
