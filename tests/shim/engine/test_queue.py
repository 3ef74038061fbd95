from __future__ import annotations

import threading

import pytest

from shim.engine.lanes import SINKS_AFTER
from shim.engine.queue import WorkQueue
from shim.engine.reconciler import Key, Lane
from shim.engine.schedule import TRANSIENT
from tests.shim.engine.clock import Clock

A = Key("certificate", "shop", "a")
B = Key("certificate", "shop", "b")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> WorkQueue:
    return WorkQueue(clock=clock.monotonic, draw=lambda: 0.0)


def taken(queue: WorkQueue) -> list[Key]:
    keys = []
    while picked := queue.take():
        keys.append(picked.key)
        queue.done(picked.key)
    return keys


def fail_often(queue: WorkQueue, key: Key) -> None:
    for _ in range(SINKS_AFTER):
        queue.failed(key)


def test_a_key_added_twice_runs_once(queue: WorkQueue) -> None:
    """Duplicates coalesce."""
    queue.add(A)
    queue.add(A)

    assert taken(queue) == [A]


def test_a_key_in_hand_is_not_handed_out_again(queue: WorkQueue) -> None:
    """A key that is added while it runs waits until it is let go, and then runs again."""
    queue.add(A)
    queue.take()
    queue.add(A)

    assert queue.take() is None
    queue.done(A)
    assert taken(queue) == [A]


def test_a_delayed_key_comes_when_it_is_due(queue: WorkQueue, clock: Clock) -> None:
    """A delay is kept to the second, not shortened, not lengthened."""
    queue.add(A, after=30)

    clock.advance(29.9)
    assert taken(queue) == []
    clock.advance(0.1)
    assert taken(queue) == [A]


@pytest.mark.parametrize("delays", [(30, 10), (10, 30)], ids=["then-earlier", "then-later"])
def test_the_earlier_of_two_delays_holds(queue: WorkQueue, clock: Clock, delays: tuple[float, float]) -> None:
    """Whichever was asked first, the key comes at the earlier moment, and once."""
    for delay in delays:
        queue.add(A, after=delay)

    clock.advance(10)
    assert taken(queue) == [A]
    clock.advance(100)
    assert taken(queue) == []


def test_a_change_overtakes_a_delay(queue: WorkQueue) -> None:
    """A key that waits for an hour runs at once when it changes."""
    queue.add(A, Lane.ROUTINE, after=3600)
    queue.add(A)

    assert taken(queue) == [A]


def test_a_change_resets_no_backoff(queue: WorkQueue, clock: Clock) -> None:
    """A change brings the next attempt forward; the attempt after it is as far off as it would have been."""
    assert queue.retry(A, TRANSIENT) == 0.75
    queue.add(A)
    assert taken(queue) == [A]

    assert queue.retry(A, TRANSIENT) == 1.5


def test_a_change_of_ones_own_keeps_the_schedule(queue: WorkQueue, clock: Clock) -> None:
    """The status that tells of a failure does not undo its back-off."""
    queue.add(A)
    queue.take()
    queue.retry(A, TRANSIENT)
    queue.wake(A)
    queue.done(A)

    assert taken(queue) == []
    clock.advance(0.75)
    assert taken(queue) == [A]


def test_a_change_by_another_thread_is_not_ones_own(queue: WorkQueue) -> None:
    """What the watch brings while a key is in hand wakes it."""
    queue.add(A)
    queue.take()
    watch = threading.Thread(target=queue.wake, args=[A])
    watch.start()
    watch.join()
    queue.done(A)

    assert taken(queue) == [A]


def test_a_turn_wakes_other_keys(queue: WorkQueue) -> None:
    """A thread that has one key in hand wakes its owner, and once it has let go, the key itself."""
    queue.add(A)
    queue.take()
    queue.wake(B)
    queue.done(A)
    queue.wake(A)

    assert taken(queue) == [B, A]


@pytest.mark.parametrize(
    "lanes", [(Lane.ROUTINE, Lane.FRESH), (Lane.FRESH, Lane.ROUTINE)], ids=["then-better", "then-worse"]
)
def test_the_better_lane_of_two_holds(queue: WorkQueue, clock: Clock, lanes: tuple[Lane, Lane]) -> None:
    """Whichever was asked first, a renewal that somebody looks at goes before polls."""
    queue.add(B, Lane.POLL, after=5)
    for lane in lanes:
        queue.add(A, lane, after=5)
    clock.advance(5)

    assert taken(queue) == [A, B]


def test_a_wish_during_the_run_keeps_its_delay(queue: WorkQueue, clock: Clock) -> None:
    """A turn that ends with a wait is not run again before that moment."""
    queue.add(A)
    queue.take()
    queue.add(A, Lane.POLL, after=5)
    queue.done(A)

    assert taken(queue) == []
    clock.advance(5)
    assert taken(queue) == [A]


def test_backoff_doubles_until_forgotten(queue: WorkQueue) -> None:
    """Failures in a row double the delay; a success starts it anew."""
    assert [queue.retry(A, TRANSIENT) for _ in range(3)] == [0.75, 1.5, 3.0]
    queue.forget(A)
    assert queue.retry(A, TRANSIENT) == 0.75


def test_retry_can_be_told_a_least_delay(queue: WorkQueue) -> None:
    """The other side's Retry-After lengthens a back-off, and does not shorten it."""
    assert queue.retry(A, TRANSIENT, at_least=20) == 20
    assert queue.retry(A, TRANSIENT, at_least=1) == 1.5


def test_a_failing_key_sinks_behind_the_well_ones(queue: WorkQueue) -> None:
    """Of one namespace the key that keeps failing goes last, though it came first."""
    fail_often(queue, A)
    queue.add(A)
    queue.add(B)

    assert taken(queue) == [B, A]


def test_a_key_that_works_again_rises(queue: WorkQueue) -> None:
    """After a success a key is as good as any other."""
    fail_often(queue, A)
    queue.forget(A)
    queue.add(A)
    queue.add(B)

    assert taken(queue) == [A, B]


def test_picked_tells_how_long_the_key_was_due(queue: WorkQueue, clock: Clock) -> None:
    """The wait counts from the moment for which the turn was asked, not from when it was asked."""
    queue.add(A, after=10)
    clock.advance(12)

    picked = queue.take()

    assert picked is not None
    assert picked.waited == pytest.approx(2)


def test_depth_tells_where_the_keys_are(queue: WorkQueue, clock: Clock) -> None:
    """Metrics see ready keys by level, the longest wait, and the rest by state."""
    queue.add(A)
    queue.take()
    queue.add(B, Lane.ROUTINE)
    queue.add(Key("order", "shop", "c"), after=3600)
    queue.failed(A)
    clock.advance(4)

    depth = queue.depth()

    assert depth.ready == (0, 0, 0, 1, 0)
    assert (depth.oldest, depth.delayed, depth.running, depth.failing) == (4.0, 1, 1, 1)


def test_a_stopped_queue_hands_out_nothing(queue: WorkQueue) -> None:
    """After a stop neither kind of getter gets a key, and letting go still works."""
    queue.add(A)
    queue.take()
    queue.add(B)
    queue.stop()
    queue.done(A)

    assert queue.take() is None
    assert queue.get() is None


def test_overtaken_delays_take_no_memory(queue: WorkQueue) -> None:
    """A key that is put off and woken a thousand times leaves no more behind than one that was not."""
    for _ in range(1000):
        queue.add(A, after=3600)
        queue.add(A)
        taken(queue)

    assert len(queue._heap) <= 66


def test_delays_that_are_all_overtaken_take_no_memory(queue: WorkQueue) -> None:
    """A change of everything that waits, a restart of an issuer say, leaves no heap of former delays."""
    for number in range(1000):
        queue.add(Key("certificate", "shop", str(number)), after=3600)
    for number in range(1000):
        queue.add(Key("certificate", "shop", str(number)))

    assert len(queue._heap) <= 64
