"""Real threads: that what the properties show on one thread holds on several.  Each test ends within moments."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from shim.engine.figures import Ending
from shim.engine.loop import Ended, Loop
from shim.engine.queue import WorkQueue
from shim.engine.reconciler import Key
from shim.engine.workers import TakesTurns, Workers
from tests.shim.engine.counter import Counter

PATIENCE = 20.0  # for a machine that has other things to do


def wait_until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends_at, "did not happen in time"
        time.sleep(0.002)


@contextmanager
def working(queue: WorkQueue, loop: TakesTurns, count: int = 4) -> Iterator[Workers]:
    workers = Workers(queue, [loop], count=count)
    workers.start()
    try:
        yield workers
    finally:
        workers.stop()


@dataclass
class Sees:
    """A loop that remembers the newest version of each key it saw, and whether a key ever ran twice at once."""

    wanted: dict[Key, int]
    seen: dict[Key, int] = field(default_factory=dict)
    inside: set[Key] = field(default_factory=set)
    overlaps: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    name: str = "sees"

    def turn(self, key: Key) -> Ended:
        with self.lock:
            self.overlaps += key in self.inside
            self.inside.add(key)
            version = self.wanted[key]
        time.sleep(0)  # lets the others in
        with self.lock:
            self.inside.remove(key)
            self.seen[key] = version
        return Ended(Ending.DONE, 1)


@dataclass
class Hangs:
    """A loop that stays in its turn until it is let go."""

    entered: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    name: str = "hangs"

    def turn(self, key: Key) -> Ended:
        self.entered.set()
        self.release.wait(PATIENCE)
        return Ended(Ending.DONE, 1)


def test_threads_lose_no_change_and_share_no_key() -> None:
    """Two threads change five keys two thousand times: four workers see every last version, no key twice at once."""
    keys = [Key("sees", "shop", str(number)) for number in range(5)]
    sees = Sees(dict.fromkeys(keys, 0))
    queue = WorkQueue()

    def change() -> None:
        for number in range(1000):
            key = keys[number % len(keys)]
            with sees.lock:
                sees.wanted[key] += 1
            queue.add(key, after=0.001 if number % 3 == 0 else 0.0)

    with working(queue, sees):
        changers = [threading.Thread(target=change) for _ in range(2)]
        for changer in changers:
            changer.start()
        for changer in changers:
            changer.join()
        wait_until(lambda: sees.seen == sees.wanted)

    assert sees.overlaps == 0


def test_a_delay_comes_although_the_thread_that_knew_of_it_is_busy() -> None:
    """Any idle thread wakes for a delay, not only the one that was told of it."""
    hangs = Hangs()
    queue = WorkQueue()
    first, second = Key("hangs", "shop", "first"), Key("hangs", "shop", "second")
    with working(queue, hangs, count=2):
        queue.add(first, after=0.01)
        queue.add(second, after=0.05)

        wait_until(lambda: set(queue.running()) == {first, second})
        hangs.release.set()


def test_idle_workers_stop_at_once() -> None:
    """Threads that wait for a key, with or without a delay in sight, wake for the stop."""
    queue = WorkQueue()
    queue.add(Key("sees", "shop", "a"), after=3600)
    workers = Workers(queue, [Sees({})], count=4)
    workers.start()

    assert workers.alive() == 4
    assert workers.stop() == ()
    assert workers.alive() == 0


def test_a_stop_names_the_keys_that_still_run() -> None:
    """A turn that hangs does not hold up the stop, and is named."""
    hangs = Hangs()
    queue = WorkQueue()
    key = Key("hangs", "shop", "a")
    workers = Workers(queue, [hangs], count=2)
    workers.start()
    queue.add(key)
    assert hangs.entered.wait(PATIENCE)

    with structlog.testing.capture_logs() as logs:
        assert workers.stop(deadline=0.01) == (key,)

    hangs.release.set()
    assert [(line["event"], line["name"]) for line in logs] == [("still running at stop", "a")]
    wait_until(lambda: workers.alive() == 0)


def test_a_crash_of_one_key_leaves_its_thread_to_the_others() -> None:
    """With a single thread, a controller that raises on one key still works on the next."""
    counter = Counter({"good": 0, "bad": 0}, goal=1)

    def act(objects: dict[str, int], name: str, step: object) -> None:
        if name == "bad":
            raise RuntimeError("bug")
        objects[name] = 1

    counter.acts = act
    queue = WorkQueue()
    with working(queue, Loop(counter, queue), count=1) as workers:
        queue.add(Key("counter", "shop", "bad"))
        queue.add(Key("counter", "shop", "good"))
        wait_until(lambda: counter.objects["good"] == 1)

        assert workers.alive() == 1


def test_figures_count_turns_by_controller_and_ending() -> None:
    """Metrics read how many turns ended how, how many steps they took and how long."""
    counter = Counter({"a": 0}, goal=3)
    queue = WorkQueue()
    with working(queue, Loop(counter, queue)) as workers:
        queue.add(Key("counter", "shop", "a"))
        queue.add(Key("counter", "shop", "gone"))
        wait_until(lambda: sum(workers.figures().turns.values()) == 2)
        figures = workers.figures()

    assert figures.turns == {("counter", Ending.DONE): 1, ("counter", Ending.GONE): 1}
    assert figures.steps == {"counter": 3}
    assert figures.busy_for["counter"] > 0
    assert figures.waited_for["counter"] >= 0


def test_a_key_of_no_controller_is_named_and_dropped() -> None:
    """A mistake in the wiring is told, and stops nobody."""
    queue = WorkQueue()
    with structlog.testing.capture_logs() as logs, working(queue, Sees({})):
        queue.add(Key("typo", "shop", "a"))
        wait_until(lambda: bool(logs))

    assert logs[0]["event"] == "no such controller"
    assert queue.running() == ()


def test_workers_that_never_started_stop_at_once() -> None:
    """A standby's: nothing runs, and nothing is joined."""
    workers = Workers(WorkQueue(), (), count=2)

    assert workers.stop(deadline=0.1) == ()
    assert (workers.alive(), workers.ended()) == (0, 0)


def test_ended_threads_are_told_from_those_that_never_started() -> None:
    """What has ended before its time is what a health check looks for."""
    workers = Workers(WorkQueue(), (), count=2)
    workers.start()

    assert workers.ended() == 0
    workers.stop()
    assert workers.ended() == 2
