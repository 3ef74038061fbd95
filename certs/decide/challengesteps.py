"""What is looked at of a Challenge, and what may be done about it: the values between observe, decide and act."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from certs.api.challenge import Challenge, ChallengeStatus
from certs.api.issuer import AnyIssuer
from certs.decide.effects import Tell
from certs.decide.solverpod import Obstacle

# What the incumbent puts on Challenges, now and before; others' finalizers are others' business.
FINALIZERS: Final = frozenset(("acme.cert-manager.io/finalizer", "finalizer.acme.cert-manager.io"))
FINALIZER: Final = "acme.cert-manager.io/finalizer"
# When to look again, should nobody have told, at a change or a question that a worker did not wait for.
UNDERWAY_LOOK: Final = timedelta(milliseconds=1250)
Underway = Literal["present", "check", "clean-up"]
UNDERWAY: Final[tuple[Underway, ...]] = ("present", "check", "clean-up")


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
    answers: int = 0
    answered_at: datetime | None = None
    ca_problem: str = ""  # what the CA has found, and does not hold for final
    routes: int = 0
    routed_at: datetime | None = None
    polls: int = 0
    cleanups: int = 0
    cleanup_began: datetime | None = None
    cleanup_due: datetime | None = None
    cleanup_problem: str = ""
    cleaned: bool = False


@dataclass(frozen=True, slots=True)
class ObservedChallenge:
    """A Challenge, its issuer, whether the way to it stands, and what this process remembers.

    `complete` tells whether its Order has all its Challenges, `replaceable` whether the Order would make another one,
    `respecified` whether that would be by another solver: over HTTP, where a Challenge goes by its copy.
    `clear` tells whether nothing of HTTP-01 is left that must not outlive it, `obstacle` why nobody can answer yet
    though the way stands; the end of it wakes the Challenge.
    `grace` is how long to wait when nobody can be reached from here, though the CA may see it otherwise; `over` is what
    no worker waited for, and has ended since.
    """

    challenge: Challenge
    issuer: AnyIssuer | None = None
    route_ready: bool = False  # HTTP-01: the route stands; DNS-01: the value has been written
    progress: Progress | None = None
    complete: bool = True
    replaceable: bool = False
    respecified: bool = False
    clear: bool = True
    obstacle: Obstacle | None = None
    answerable_since: datetime | None = None  # where that is later than the beginning
    grace: timedelta = timedelta(seconds=3)
    over: frozenset[Underway] = frozenset()
    held_until: datetime | None = None  # the CA has said so


@dataclass(frozen=True, slots=True)
class Look:
    """Ask the CA how the authorization stands."""


@dataclass(frozen=True, slots=True)
class EnsureRoute:
    """Make, or mend, what leads requests for this host to the responder."""


@dataclass(frozen=True, slots=True)
class TakeAway:
    """Take away what HTTP-01 needed for this Challenge alone."""


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
    | TakeAway
    | AddFinalizer
    | Present
    | SelfCheck
    | Answer
    | SetChallengeStatus
    | CleanUp
    | Discard
    | DropFinalizers
)


def is_dns(challenge: Challenge) -> bool:
    """Is it proven over DNS?"""
    return challenge.spec.type == "DNS-01"


def record_name(challenge: Challenge) -> str:
    """Return the name at which the CA asks for the value, RFC 8555 §8.4, without a final dot."""
    return f"_acme-challenge.{challenge.spec.dns_name.lower().rstrip('.')}"
