"""What a controller is to the engine: observe, decide, act, and a place to tell failures.

    while step := decide(observe(key), now):  act(step)

`decide` is pure and lives in `certs.decide`; a controller ties it to the stores (observe)
and to the outside (act).
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import NamedTuple, Protocol, TypeVar

from certs.outcomes import Failure, Outcome

ObservedT = TypeVar("ObservedT")
StepT = TypeVar("StepT")


class Key(NamedTuple):
    """One unit of work: an object of one controller.  The namespace is empty for cluster-scoped kinds."""

    controller: str
    namespace: str
    name: str


class Lane(IntEnum):
    """What a key waits behind: lower goes first."""

    UNDERWAY = 0  # what was begun and can go on: finishing it is worth more than beginning the next
    FRESH = 1  # new and changed objects: somebody is looking
    POLL = 2  # waiting for somebody else's answer for longer, retries
    ROUTINE = 3  # renewals and re-syncs: nobody is in a hurry


class Reconciler(Protocol[ObservedT, StepT]):
    """One controller.  `name` is also the `controller` of its keys."""

    name: str

    def observe(self, namespace: str, name: str) -> ObservedT | None:
        """Gather everything about the key from the stores into one frozen value; None: nothing to do."""

    def decide(self, observed: ObservedT, now: datetime) -> StepT | Outcome:
        """Return one step to take, or how the turn ends."""

    def act(self, observed: ObservedT, step: StepT, now: datetime) -> None:
        """Take that step: one external thing.  Raises `Failure` or a KubeError."""

    def report(self, observed: ObservedT, failure: Failure, retry_at: datetime | None, now: datetime) -> None:
        """Tell people about a failure (condition, event); `retry_at` None: not before something changes."""
