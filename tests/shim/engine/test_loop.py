from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import structlog

from certs.outcomes import DONE, Failure, Outcome, Permanent, RateLimited, Transient, Unwatched, Wait, WaitingForUser
from shim.engine.figures import Ending
from shim.engine.loop import MOST_STEPS, NO_RACE, Loop, Stage
from shim.engine.queue import WorkQueue
from shim.engine.reconciler import Key
from shim.kube.errors import AlreadyExists, Conflict, Forbidden, Invalid, KubeError, NotFound, Unavailable
from tests.shim.engine.clock import NOON, Clock
from tests.shim.engine.counter import Count, Counted, Counter

KEY = Key("counter", "shop", "a")


class Bench:
    """A loop over one object, a queue and a clock; `turn` is what a worker does."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.queue = WorkQueue(clock=self.clock.monotonic, draw=lambda: 0.0)
        self.counter = Counter({"a": 0})
        self.loop = Loop(self.counter, self.queue, now=self.clock.now)
        self.queue.add(KEY)

    def turn(self) -> Ending:
        picked = self.queue.take()
        assert picked is not None
        ended = self.loop.turn(picked.key)
        self.queue.done(picked.key)
        return ended.ending

    def fails_with(self, error: Exception) -> None:
        def act(objects: dict[str, int], name: str, step: Count) -> None:
            raise error

        self.counter.acts = act

    def next_turn_after(self) -> float | None:
        """Move on to the key's next turn and return how far that was; None: nothing asks for one."""
        wake = self.queue._delayed.get(KEY)
        if wake is None:
            return None
        after = wake.at - self.clock.seconds
        self.clock.advance(after)
        return after


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_turn_takes_every_step_there_is(bench: Bench) -> None:
    """One turn leads from the first observation to the end."""
    assert bench.turn() is Ending.DONE
    assert bench.counter.objects == {"a": 3}
    assert bench.next_turn_after() is None


def test_an_object_that_is_gone_needs_nothing(bench: Bench) -> None:
    """Nothing is decided, done or told about what cannot be observed, and its failures are forgotten."""
    bench.queue.failed(KEY)
    bench.counter.objects.clear()

    assert bench.turn() is Ending.GONE
    assert bench.queue.failures(KEY) == 0
    assert bench.counter.told == []


def test_done_forgets_failures(bench: Bench) -> None:
    """A key that arrived starts its next back-off from the beginning."""
    bench.queue.failed(KEY)
    bench.turn()

    assert bench.queue.failures(KEY) == 0


def test_a_wait_is_kept_by_the_queue(bench: Bench) -> None:
    """The worker is free at once and the key comes back at the moment it named."""
    bench.counter.ends = lambda now: Wait(now + timedelta(seconds=7), "the CA is thinking")

    assert bench.turn() is Ending.WAIT
    assert bench.next_turn_after() == 7


def test_a_wall_clock_set_forwards_is_noticed_within_the_hour(bench: Bench) -> None:
    """A wait of days is looked at again after an hour, when the clock may show that it is over."""
    renew_at = NOON + timedelta(days=60)
    bench.counter.ends = lambda now: Wait(renew_at, "not due") if now < renew_at else Wait(now, "due")
    bench.turn()
    bench.clock.wall_jump = timedelta(days=90)

    assert bench.next_turn_after() == 3600


@pytest.mark.parametrize(("done_already", "failures"), [(3, 1), (0, 0)], ids=["nothing-shown", "act-worked"])
def test_only_a_wait_after_an_act_forgets_failures(bench: Bench, done_already: int, failures: int) -> None:
    """A wait alone may be the pause after the failure that is being counted."""
    bench.queue.failed(KEY)
    bench.counter.objects["a"] = done_already
    bench.counter.ends = lambda now: Wait(now + timedelta(seconds=7), "because")
    bench.turn()

    assert bench.queue.failures(KEY) == failures


IN_A_MINUTE = NOON + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("failure", "ending", "retry_at", "next_turn_after"),
    [
        pytest.param(
            Transient("no route"), Ending.TRANSIENT, NOON + timedelta(seconds=0.75), 0.75, id="transient-backs-off"
        ),
        pytest.param(
            RateLimited("busy", until=IN_A_MINUTE), Ending.RATE_LIMITED, IN_A_MINUTE, 60.0, id="rate-limit-to-the-point"
        ),
        pytest.param(
            RateLimited("busy", until=NOON + timedelta(hours=5)),
            Ending.RATE_LIMITED,
            NOON + timedelta(hours=5),
            18000.0,
            id="long-rate-limit-is-not-cut",
        ),
        pytest.param(
            RateLimited("busy", until=NOON),
            Ending.TRANSIENT,
            NOON + timedelta(seconds=0.75),
            0.75,
            id="past-rate-limit-backs-off",
        ),
        pytest.param(
            WaitingForUser("no such Secret"), Ending.WAITING_FOR_USER, None, 600.0, id="waiting-for-user-slow-look"
        ),
        pytest.param(
            Unwatched("not allowed"),
            Ending.WAITING_FOR_USER,
            NOON + timedelta(seconds=0.75),
            0.75,
            id="what-no-watch-tells-backs-off",
        ),
        pytest.param(Permanent("rejected"), Ending.PERMANENT, None, None, id="permanent-waits-for-a-change"),
    ],
)
def test_the_class_of_a_failure_decides_the_schedule(
    bench: Bench, failure: Failure, ending: Ending, retry_at: datetime | None, next_turn_after: float | None
) -> None:
    """Each class has its next attempt, and people are told the same moment."""
    bench.fails_with(failure)

    assert bench.turn() is ending
    assert [(told.failure, told.retry_at) for told in bench.counter.told] == [(failure, retry_at)]
    assert bench.queue.failures(KEY) == 1
    assert bench.next_turn_after() == next_turn_after


@pytest.mark.parametrize(
    "error", [Conflict("x"), NotFound("x"), AlreadyExists("x")], ids=["conflict", "not-found", "already-exists"]
)
def test_a_lost_race_is_tried_again_soon_and_not_told(bench: Bench, error: KubeError) -> None:
    """Somebody else was faster: observe again, without a word in the status."""
    bench.fails_with(error)

    assert bench.turn() is Ending.OUTRUN
    assert bench.counter.told == []
    assert bench.next_turn_after() == pytest.approx(0.075)


def test_what_looks_like_a_race_for_long_is_told(bench: Bench) -> None:
    """A name that a foreign object has, or a kind that is not installed, does not stay silent."""
    bench.fails_with(AlreadyExists("cannot create Secret shop/a: exists"))
    endings = []
    for _ in range(NO_RACE + 1):
        endings.append(bench.turn())
        bench.next_turn_after()

    assert endings == [Ending.OUTRUN] * NO_RACE + [Ending.TRANSIENT]
    assert str(bench.counter.told[0].failure) == "cannot create Secret shop/a: exists"


@pytest.mark.parametrize(
    ("error", "ending", "next_turn_after"),
    [
        pytest.param(Unavailable("x"), Ending.TRANSIENT, 0.75, id="unavailable"),
        pytest.param(Unavailable("x", retry_after=20), Ending.TRANSIENT, 20.0, id="retry-after"),
        pytest.param(Forbidden("x"), Ending.TRANSIENT, 0.75, id="forbidden"),
        pytest.param(Invalid("x"), Ending.PERMANENT, None, id="invalid"),
    ],
)
def test_refusals_of_the_api_server_are_failures(
    bench: Bench, error: KubeError, ending: Ending, next_turn_after: float | None
) -> None:
    """What a controller did not handle itself is scheduled and told as a failure of its class."""
    bench.fails_with(error)

    assert bench.turn() is ending
    assert str(bench.counter.told[0].failure) == "x"
    assert bench.next_turn_after() == next_turn_after


def test_an_unexpected_exception_is_transient_and_stays_in_the_log(bench: Bench) -> None:
    """A mistake of ours is logged with its traceback, retried, and told without its text."""
    bench.fails_with(ValueError("token=hunter2"))

    with structlog.testing.capture_logs() as logs:
        assert bench.turn() is Ending.CRASHED

    assert bench.next_turn_after() == 0.75
    assert "hunter2" not in str(bench.counter.told[0].failure)
    crash = next(line for line in logs if line["event"] == "turn crashed")
    assert (crash["controller"], crash["namespace"], crash["name"]) == KEY
    assert isinstance(crash["exc_info"], ValueError)


@pytest.mark.parametrize(
    "error", [RuntimeError("bug"), Unavailable("down"), Transient("later")], ids=["bug", "kube", "failure"]
)
def test_a_failing_report_keeps_the_schedule(bench: Bench, error: Exception) -> None:
    """Telling comes after scheduling, so nothing that goes wrong in it loses the next attempt."""

    class Mute(Counter):
        def report(self, *_arguments: object) -> None:
            raise error

    mute = Mute({"a": 0}, acts=bench.counter.acts)
    bench.loop = Loop(mute, bench.queue, now=bench.clock.now)
    bench.counter = mute
    bench.fails_with(Transient("no route"))

    assert bench.turn() is Ending.TRANSIENT
    assert bench.next_turn_after() == 0.75


def test_a_failing_observe_is_scheduled_and_not_told(bench: Bench) -> None:
    """Without an observation there is nothing to tell about, but there is a next attempt."""

    class Blind(Counter):
        def observe(self, namespace: str, name: str) -> None:
            raise LookupError

    bench.loop = Loop(Blind({}), bench.queue, now=bench.clock.now)

    assert bench.turn() is Ending.CRASHED
    assert bench.next_turn_after() == 0.75


def test_the_same_step_on_the_same_state_backs_off(bench: Bench) -> None:
    """An act that changes nothing is not repeated at once, and repeated ever more slowly."""
    taken: list[Count] = []
    bench.counter.acts = lambda _objects, _name, step: taken.append(step)

    assert bench.turn() is Ending.CIRCLING
    assert len(taken) == 1
    assert bench.next_turn_after() == 0.75
    bench.turn()
    assert bench.next_turn_after() == 1.5


def test_the_same_step_on_a_new_state_is_progress(bench: Bench) -> None:
    """A step that is taken several times, and each time moves the object, is no circle."""

    class Steady(Counter):
        def decide(self, observed: tuple[str, Counted], now: datetime) -> Count | Outcome:
            return Count(0) if observed[1].at < self.goal else DONE

    def act(objects: dict[str, int], name: str, step: Count) -> None:
        objects[name] += 1

    steady = Steady({"a": 0}, acts=act)
    bench.loop = Loop(steady, bench.queue, now=bench.clock.now)

    assert bench.turn() is Ending.DONE
    assert steady.objects == {"a": 3}


def test_a_turn_that_does_not_end_makes_room(bench: Bench) -> None:
    """After 64 steps the key goes behind the others, with a warning that names it, and continues soon."""
    bench.counter.goal = MOST_STEPS + 1

    with structlog.testing.capture_logs() as logs:
        assert bench.turn() is Ending.UNFINISHED

    assert [line["name"] for line in logs if line["log_level"] == "warning"] == ["a"]
    assert bench.next_turn_after() == pytest.approx(0.075)
    assert bench.turn() is Ending.DONE


def test_a_stop_ends_the_turn_between_two_steps(bench: Bench) -> None:
    """The step that runs is finished, the next is not begun."""

    def act(objects: dict[str, int], name: str, step: Count) -> None:
        objects[name] = step.to
        bench.queue.stop()

    bench.counter.acts = act

    assert bench.turn() is Ending.STOPPED
    assert bench.counter.objects == {"a": 1}


def test_the_hook_sees_every_step_boundary(bench: Bench) -> None:
    """Before and after each act, so that a test can end the process there."""
    seen: list[tuple[Stage, Key, object]] = []
    bench.loop = Loop(bench.counter, bench.queue, now=bench.clock.now, hook=lambda *call: seen.append(call))
    bench.turn()

    assert seen == [(stage, KEY, Count(number)) for number in (1, 2, 3) for stage in (Stage.BEFORE, Stage.AFTER)]


def wait_a_little(now: datetime) -> Wait:
    return Wait(now + timedelta(seconds=1), "because")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda bench: None, id="done"),
        pytest.param(lambda bench: setattr(bench.counter, "ends", wait_a_little), id="wait"),
        pytest.param(lambda bench: bench.fails_with(Transient("x")), id="failure"),
        pytest.param(lambda bench: bench.fails_with(ValueError("x")), id="crash"),
        pytest.param(lambda bench: setattr(bench.counter, "acts", lambda *_: None), id="circling"),
        pytest.param(lambda bench: setattr(bench.counter, "goal", 100), id="unfinished"),
    ],
)
def test_what_a_step_holds_is_never_logged(bench: Bench, spoil: Callable[[Bench], None]) -> None:
    """Steps and observations carry keys; a log line names the step's class alone."""
    spoil(bench)

    with structlog.testing.capture_logs() as logs:
        bench.turn()

    assert "PRIVATE KEY" not in repr(logs)
    assert all(line["step"] in {"Count", ""} for line in logs)


def test_who_may_not_act_any_more_does_nothing_and_tells_nothing(bench: Bench) -> None:
    """Asked right before each act: the permission goes after the first, as when a leader was frozen there."""
    bench.loop = Loop(bench.counter, bench.queue, now=bench.clock.now, may_act=lambda: bench.counter.objects["a"] < 1)

    assert bench.turn() is Ending.STOPPED
    assert bench.counter.objects == {"a": 1}
    assert bench.counter.told == []
