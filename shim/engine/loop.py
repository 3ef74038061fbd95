"""One turn of one key: observe, decide, act, again and again, until the decision is to stop or something fails.

    observe ──None──> gone                 (nothing to do; forget its failures)
       │
    decide ──Done───> done                 (until something changes)
       │  └──Wait───> wait                 (a delayed turn; `schedule.later`)
       v
      act ──────────> observe …            at most MOST_STEPS times
       └──failure───> a turn by its class  (the table in `schedule`), then `report`

The turn schedules first and reports second: a report that fails costs a log line, never the next
attempt.  Two guards stop a decision and an act that do not agree: the same step decided twice on an
equal observation backs off as a failure would, and a turn that uses up its steps makes room for others.

It knows nothing about the kinds it moves, never sleeps, and keeps nothing between two turns.  Steps
and observations may hold keys and tokens, so only the name of a step's class is ever logged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Generic

import structlog

from certs.outcomes import Done, Failure, Permanent, RateLimited, Transient, Unwatched, Wait, WaitingForUser
from shim.engine.figures import Ending
from shim.engine.queue import WorkQueue
from shim.engine.reconciler import Key, Lane, ObservedT, Reconciler, StepT
from shim.engine.schedule import OUTRUN, TRANSIENT, UNFINISHED, WAITING_FOR_USER, Backoff, later
from shim.kube.errors import AlreadyExists, Conflict, KubeError, NotFound, as_failure

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# The longest way of one object without a wait is under twenty steps; an Ingress takes one for each of its hosts.
MOST_STEPS: Final = 64

# Losing a race is nobody's concern and not told; what looks like one so often in a row is something else
# (a kind that is not installed, a name that a foreign object has) and must not stay silent.
NO_RACE: Final = 5


class Stage(StrEnum):
    """Where a hook is called."""

    BEFORE = "before"
    AFTER = "after"


Hook = Callable[[Stage, Key, object], None]


def no_hook(_stage: Stage, _key: Key, _step: object) -> None:
    """Do nothing: the hook of a process that is not under test."""


def always() -> bool:
    """Return True: the permission of a process that has no rival."""
    return True


def utc_now() -> datetime:
    """Return the wall clock, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a turn ended, how many acts succeeded in it, and the reason of its failure if it failed."""

    ending: Ending
    steps: int
    reason: str = ""


class _Overtaken(Exception):
    """Somebody else may be at work by now."""


@dataclass(slots=True)
class _Turn(Generic[ObservedT, StepT]):
    """What a turn has seen so far."""

    key: Key
    observed: ObservedT | None = None
    step: StepT | None = None  # the last that was taken
    steps: int = 0
    reason: str = ""  # of its failure


class Loop(Generic[ObservedT, StepT]):
    """The loop of one controller.

    `hook` is called before and after each act with the step: tests end the process there.
    `may_act` is asked right before each act and each report: a leader that was frozen and has been followed by another
    wakes up in the middle of a turn, and must do no more.
    """

    def __init__(
        self,
        reconciler: Reconciler[ObservedT, StepT],
        queue: WorkQueue,
        *,
        now: Callable[[], datetime] = utc_now,
        hook: Hook = no_hook,
        may_act: Callable[[], bool] = always,
    ) -> None:
        self.name = reconciler.name
        self._reconciler = reconciler
        self._queue = queue
        self._now = now
        self._hook = hook
        self._may_act = may_act

    def turn(self, key: Key) -> Ended:
        """Move a key as far as it goes, and schedule its next turn; raises nothing."""
        turn = _Turn[ObservedT, StepT](key)
        try:
            ending = self._run(turn)
        except _Overtaken:
            ending = Ending.STOPPED
        except Failure as failure:
            ending = self._fail(turn, failure)
        except KubeError as error:
            ending = self._refused(turn, error)
        except Exception as error:  # noqa: BLE001 -- the one place: a mistake in one controller must not stop the others
            ending = self._crashed(turn, error)
        return Ended(ending, turn.steps, turn.reason)

    def _run(self, turn: _Turn[ObservedT, StepT]) -> Ending:
        for _ in range(MOST_STEPS):
            if self._queue.stopped:
                return Ending.STOPPED
            now = self._now()
            observed = self._reconciler.observe(turn.key.namespace, turn.key.name)
            before, turn.observed = turn.observed, observed
            if observed is None:
                self._queue.forget(turn.key)
                return Ending.GONE
            decided = self._reconciler.decide(observed, now)
            if isinstance(decided, Done):
                self._queue.forget(turn.key)
                return Ending.DONE
            if isinstance(decided, Wait):
                return self._wait(turn, decided, now)
            if turn.steps and decided == turn.step and observed == before:
                return self._put_off(turn, Ending.CIRCLING, TRANSIENT)
            self._act(turn, observed, decided, now)
        return self._put_off(turn, Ending.UNFINISHED, UNFINISHED)

    def _act(self, turn: _Turn[ObservedT, StepT], observed: ObservedT, step: StepT, now: datetime) -> None:
        turn.step = step
        self._hook(Stage.BEFORE, turn.key, step)
        if not self._may_act():
            raise _Overtaken
        self._reconciler.act(observed, step, now)
        self._hook(Stage.AFTER, turn.key, step)
        turn.steps += 1
        log.debug("step taken", **_fields(turn))

    def _wait(self, turn: _Turn[ObservedT, StepT], wait: Wait, now: datetime) -> Ending:
        # A wait after an act shows that it worked.  A wait alone shows nothing: it may be the
        # pause after the very failure that is being counted.
        if turn.steps:
            self._queue.forget(turn.key)
        lane, after = later(wait, now)
        self._queue.add(turn.key, lane, after=after)
        log.debug("waiting", until=wait.until.isoformat(), why=wait.why, **_fields(turn))
        return Ending.WAIT

    def _put_off(self, turn: _Turn[ObservedT, StepT], ending: Ending, backoff: Backoff) -> Ending:
        after = self._queue.retry(turn.key, backoff)
        log.warning("turn does not end", ending=ending.value, retry_after=round(after, 3), **_fields(turn))
        return ending

    def _refused(self, turn: _Turn[ObservedT, StepT], error: KubeError) -> Ending:
        raced = isinstance(error, Conflict | NotFound | AlreadyExists)
        if raced and self._queue.failures(turn.key) < NO_RACE:
            after = self._queue.retry(turn.key, OUTRUN)
            log.debug("outrun", retry_after=round(after, 3), error=str(error), **_fields(turn))
            return Ending.OUTRUN
        return self._fail(turn, as_failure(error), at_least=error.retry_after or 0.0)

    def _crashed(self, turn: _Turn[ObservedT, StepT], error: Exception) -> Ending:
        log.error("turn crashed", exc_info=error, **_fields(turn))
        # The text of the exception stays in the log: nobody chose it for the eyes of the object's readers.
        sentence = f"certshim made a mistake here ({type(error).__name__}); its log has the details. It will try again"
        self._fail(turn, Transient(sentence, reason="InternalError"))
        return Ending.CRASHED

    def _fail(self, turn: _Turn[ObservedT, StepT], failure: Failure, *, at_least: float = 0.0) -> Ending:
        now, turn.reason = self._now(), failure.reason
        ending, retry_at = self._schedule(turn.key, failure, now, at_least)
        log.warning(
            "turn failed",
            ending=ending.value,
            reason=failure.reason,
            error=str(failure),
            retry_at=retry_at and retry_at.isoformat(),
            **_fields(turn),
        )
        if turn.observed is not None and self._may_act():
            self._report(turn.key, turn.observed, failure, retry_at, now)
        return ending

    def _schedule(self, key: Key, failure: Failure, now: datetime, at_least: float) -> tuple[Ending, datetime | None]:
        match failure:
            case RateLimited(until=until) if until > now:
                self._queue.failed(key)
                self._queue.add(key, Lane.POLL, after=(until - now).total_seconds())
                return Ending.RATE_LIMITED, until
            case Unwatched():
                after = self._queue.retry(key, TRANSIENT, at_least=at_least)
                return Ending.WAITING_FOR_USER, now + timedelta(seconds=after)
            case WaitingForUser():
                self._queue.failed(key)
                self._queue.add(key, Lane.ROUTINE, after=WAITING_FOR_USER)
                return Ending.WAITING_FOR_USER, None
            case Permanent():
                self._queue.failed(key)
                return Ending.PERMANENT, None
            case _:  # Transient, and a rate limit that has passed already
                after = self._queue.retry(key, TRANSIENT, at_least=at_least)
                return Ending.TRANSIENT, now + timedelta(seconds=after)

    def _report(
        self, key: Key, observed: ObservedT, failure: Failure, retry_at: datetime | None, now: datetime
    ) -> None:
        try:
            self._reconciler.report(observed, failure, retry_at, now)
        except (KubeError, Failure) as error:
            log.warning("report failed", error=str(error), **key._asdict())
        except Exception:  # as above: the next attempt is scheduled, and the worker goes on
            log.exception("report crashed", **key._asdict())


def _fields(turn: _Turn[ObservedT, StepT]) -> dict[str, str | int]:
    step = "" if turn.step is None else type(turn.step).__name__
    return {**turn.key._asdict(), "step": step, "steps": turn.steps}
