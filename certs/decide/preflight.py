"""Before the first order for a name: shall it be ordered, when what stands in its way can be seen beforehand?

    AskNames ─┬─ warn      the order is made meanwhile; findings are told, once, and stand beside what holds it up
              └─ enforce   the answers are waited for, three seconds at most
                    ├─ nothing sure ──> the order is made
                    └─ sure ──> Hold: nothing is ordered; asked again after 1 s, doubling to 30 s, until it is mended

Names that were proven before are not asked about: what a renewal needs is there, and if it is not the CA says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from certs.decide.effects import Tell, one_line
from certs.decide.findings import Finding, Layer, Outlook
from certs.decide.pauses import doubled
from certs.outcomes import Wait

# What is not known by then is no finding.
WITHIN: Final = timedelta(seconds=3)
FIRST_PAUSE: Final = timedelta(seconds=1)
LONGEST_PAUSE: Final = timedelta(seconds=30)
HELD: Final = "Nothing is ordered yet, since the CA would refuse it"
LONGEST_EVENT: Final = 1000  # characters; the API server takes 1024
SHOWN: Final = 3  # findings in a sentence; an order may have a hundred names


class Mode(StrEnum):
    """What findings lead to."""

    WARN = "warn"
    ENFORCE = "enforce"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Look:
    """What this process has found out about the names of an Order; without `asked_at` nobody has been asked."""

    mode: Mode
    asked_at: datetime | None = None
    answered: bool = False
    findings: tuple[Finding, ...] = ()
    looks: int = 0
    told: tuple[Finding, ...] = ()

    @property
    def sure(self) -> tuple[Finding, ...]:
        """Those for which the CA will refuse."""
        return tuple(one for one in self.findings if one.sure)

    @property
    def again_at(self) -> datetime | None:
        """When to ask again, as long as something is wrong; who has not answered yet gets more time."""
        if self.asked_at is None:
            return None
        return self.asked_at + (pause(self.looks) if self.answered else max(pause(self.looks), 2 * WITHIN))


@dataclass(frozen=True, slots=True)
class AskNames:
    """Have the names asked about, in the background."""


@dataclass(frozen=True, slots=True)
class TellFindings:
    """Tell what is wrong; the order goes on."""

    findings: tuple[Finding, ...]

    @property
    def tells(self) -> tuple[Tell, ...]:
        """The one event."""
        return (
            Tell("Preflight", one_line(f"The CA may refuse it: {listed(self.findings)}", LONGEST_EVENT), "Warning"),
        )


@dataclass(frozen=True, slots=True)
class Hold:
    """Say that nothing is ordered, and why."""

    sentence: str


def pause(looks: int) -> timedelta:
    """Return how long after the n-th look (n ≥ 1) the next comes: 1 s, doubling to 30 s."""
    return doubled(FIRST_PAUSE, looks - 1, LONGEST_PAUSE)


def before_order(look: Look | None, said: str, now: datetime) -> AskNames | Hold | Wait | None:
    """Return what comes before newOrder, or None when nothing is in its way; `said` is the Order's reason so far."""
    if look is not None and look.asked_at is None:
        return AskNames()
    if look is None or look.asked_at is None or look.mode is not Mode.ENFORCE:
        return None
    if not look.answered and now < look.asked_at + WITHIN:
        return Wait(look.asked_at + WITHIN, "its names are asked about")
    if not look.sure:
        return None
    sentence = one_line(f"{HELD}: {listed(look.sure)}", LONGEST_EVENT)
    if said != sentence:
        return Hold(sentence)
    return again(look, now)


def asked(look: Look, names: frozenset[str], now: datetime) -> Look:
    """Return what is known when these names are asked about; of others (proven meanwhile) nothing is wrong any more."""
    still = tuple(one for one in look.findings if one.name in names)
    return replace(look, asked_at=now, answered=False, looks=look.looks + 1, findings=still)


def answered(look: Look, seen: Outlook) -> Look:
    """Return what is known with the answers; what was wrong stays so until it is seen to be right.

    That nobody answers is no news: many a cluster cannot reach its own load balancer.
    """
    known = seen.right | {(one.name, one.layer) for one in seen.wrong}
    before = tuple(one for one in look.findings if (one.name, one.layer) not in known)
    wrong = tuple(one for one in seen.wrong if one.layer is not Layer.SILENCE)
    return replace(look, answered=True, findings=(*wrong, *before))


def untold(look: Look | None, *, held: bool) -> TellFindings | None:
    """Return that something is to be told; `held`: nothing is ordered yet, and what keeps it from that tells itself."""
    if look is None or not look.answered or look.told == look.findings:
        return None
    is_said = held and look.mode is Mode.ENFORCE
    new = tuple(one for one in look.findings if one not in look.told and not (is_said and one.sure))
    return TellFindings(new) if new else None


def again(look: Look | None, now: datetime) -> AskNames | Wait | None:
    """Return when to ask again what was found wrong, so that nobody reads of what is mended; None: it was not."""
    if look is None or look.again_at is None or not look.findings:
        return None
    return AskNames() if now >= look.again_at else Wait(look.again_at, "what was wrong with its names is looked at")


def remark(look: Look | None, name: str) -> str:
    """Return what to add to the reason why a name cannot be proven yet: what was found, or nothing."""
    found = [one for one in look.findings if one.name.removeprefix("*.") == name] if look is not None else []
    return f" ({listed(found)})" if found else ""


def listed(found: Iterable[Finding]) -> str:
    """Return the sentences as one."""
    sentences = [one.sentence for one in found]
    more = f"; and {len(sentences) - SHOWN} more" if len(sentences) > SHOWN else ""
    return "; ".join(sentences[:SHOWN]) + more
