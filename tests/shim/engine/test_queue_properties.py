"""Any sequence of calls, checked step by step against a model that is too slow and too simple to be wrong."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shim.engine.queue import WorkQueue
from shim.engine.reconciler import Key, Lane
from shim.engine.schedule import TRANSIENT
from tests.shim.engine.clock import Clock

KEYS = [Key("certificate", namespace, name) for namespace in ("a", "b", "c") for name in ("1", "2", "3")]
keys = st.sampled_from(KEYS)
lanes = st.sampled_from(Lane)
delays = st.one_of(st.just(0.0), st.integers(1, 100).map(float))


@dataclass
class Wish:
    """A turn that was asked for and has not begun."""

    lane: Lane
    at: float


class QueueMachine(RuleBasedStateMachine):
    """The model: one wish for each key that has one, the keys in hand, and the failures."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.queue = WorkQueue(clock=self.clock.monotonic, draw=lambda: 0.0)
        self.wishes: dict[Key, Wish] = {}
        self.in_hand: set[Key] = set()
        self.failures: dict[Key, int] = {}

    def due(self) -> set[Key]:
        return {key for key, wish in self.wishes.items() if wish.at <= self.clock.seconds and key not in self.in_hand}

    def wish(self, key: Key, lane: Lane, after: float) -> None:
        wish = self.wishes.setdefault(key, Wish(lane, self.clock.seconds + after))
        wish.lane = min(wish.lane, lane)
        wish.at = min(wish.at, self.clock.seconds + after)

    @rule(key=keys, lane=lanes, after=delays)
    def add(self, key: Key, lane: Lane, after: float) -> None:
        self.queue.add(key, lane, after=after)
        self.wish(key, lane, after)

    @rule()
    def take(self) -> None:
        due = self.due()
        picked = self.queue.take()

        assert (picked is not None) == bool(due)
        if picked:
            assert picked.key in due
            assert picked.waited == self.clock.seconds - self.wishes[picked.key].at
            del self.wishes[picked.key]
            self.in_hand.add(picked.key)

    @precondition(lambda self: self.in_hand)
    @rule(choice=st.data())
    def done(self, choice: st.DataObject) -> None:
        key = choice.draw(st.sampled_from(sorted(self.in_hand)))
        self.queue.done(key)
        self.in_hand.remove(key)

    @rule(key=keys)
    def retry(self, key: Key) -> None:
        self.failures[key] = self.failures.get(key, 0) + 1
        after = self.queue.retry(key, TRANSIENT)

        assert after == min(2 ** (self.failures[key] - 1), 300) * 0.75
        self.wish(key, Lane.POLL, after)

    @rule(key=keys)
    def forget(self, key: Key) -> None:
        self.queue.forget(key)
        self.failures.pop(key, None)

    @rule(seconds=st.integers(1, 50))
    def advance(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @invariant()
    def counts_agree(self) -> None:
        depth = self.queue.depth()
        due = self.due()

        assert sum(depth.ready) == len(due)
        assert depth.delayed == len(self.wishes.keys() - due - self.in_hand)
        assert set(self.queue.running()) == self.in_hand
        assert depth.failing == len(self.failures)

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.queue._heap) <= 64 + 2 * len(self.queue._delayed)

    def teardown(self) -> None:
        """No wake-up is lost: once everything is let go and all time has passed, each wished key comes, once."""
        for key in self.in_hand:
            self.queue.done(key)
        self.clock.advance(1000)
        came = []
        while picked := self.queue.take():
            came.append(picked.key)

        assert sorted(came) == sorted(self.wishes)


TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
