from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.engine.lanes import LEVELS, LONGEST_PASSED_OVER, SINKS_AFTER, Lanes, level_of
from shim.engine.reconciler import Key, Lane


def key(namespace: str, name: str) -> Key:
    return Key("certificate", namespace, name)


def drain(lanes: Lanes) -> Iterator[Key]:
    while picked := lanes.pick():
        yield picked[0]


def waiting_in(*levels: int) -> Lanes:
    lanes = Lanes()
    for number, level in enumerate(levels):
        lanes.put(key("a", str(number)), level, since=0.0)
    return lanes


def test_better_levels_go_first() -> None:
    """Of a few keys the one on the best level goes first, whatever the order in which they came."""
    lanes = waiting_in(3, 1, 2, 0)

    assert [picked.name for picked in drain(lanes)] == ["3", "1", "2", "0"]


def test_namespaces_take_turns() -> None:
    """A tenant's thousand keys put one key before another tenant's first."""
    lanes = Lanes()
    for number in range(1000):
        lanes.put(key("crowded", str(number)), 0, since=0.0)
    lanes.put(key("quiet", "only"), 0, since=0.0)

    picked = drain(lanes)

    assert [next(picked).namespace for _ in range(4)] == ["crowded", "quiet", "crowded", "crowded"]


def test_the_longest_waiting_of_a_namespace_goes_first() -> None:
    """Within a namespace keys go in the order in which they came."""
    lanes = Lanes()
    for name in ("first", "second", "third"):
        lanes.put(key("a", name), 1, since=0.0)

    assert [picked.name for picked in drain(lanes)] == ["first", "second", "third"]


def test_a_better_level_is_taken_a_worse_one_is_not() -> None:
    """A waiting key moves to a better level with the time it has waited, and never to a worse one."""
    lanes = waiting_in(2)
    lanes.put(key("a", "0"), 1, since=5.0)
    lanes.put(key("a", "0"), 3, since=6.0)

    assert lanes.sizes() == (0, 1, 0, 0, 0)
    assert (lanes.pick() or ())[:2] == (key("a", "0"), 0.0)


@pytest.mark.parametrize(
    ("lane", "failures", "level"),
    [
        pytest.param(Lane.UNDERWAY, 0, 0, id="under-way"),
        pytest.param(Lane.FRESH, 0, 1, id="fresh"),
        pytest.param(Lane.FRESH, SINKS_AFTER - 1, 1, id="bad-luck"),
        pytest.param(Lane.FRESH, SINKS_AFTER, 2, id="fresh-sinks"),
        pytest.param(Lane.POLL, SINKS_AFTER, 3, id="poll-sinks"),
        pytest.param(Lane.ROUTINE, 1000, 4, id="routine-sinks"),
    ],
)
def test_keys_that_keep_failing_wait_one_level_lower(lane: Lane, failures: int, level: int) -> None:
    """Two failures change nothing, the third in a row costs one level, and no more."""
    assert level_of(lane, failures) == level


puts = st.tuples(st.sampled_from("abc"), st.sampled_from("12345"), st.integers(0, LEVELS - 1))


@given(st.lists(st.one_of(puts, st.none()), max_size=200))
def test_every_key_is_picked_once_for_all_its_puts(moves: list[tuple[str, str, int] | None]) -> None:
    """Keys neither vanish nor multiply, and nothing of them stays behind."""
    lanes = Lanes()
    waiting: set[Key] = set()
    for move in moves:
        if move:
            waiting.add(key(move[0], move[1]))
            lanes.put(key(move[0], move[1]), move[2], since=0.0)
        elif picked := lanes.pick():
            waiting.remove(picked[0])
        assert len(lanes) == sum(lanes.sizes()) == len(waiting)

    assert set(drain(lanes)) == waiting
    assert all(not tuple(level.keys.heads()) for level in lanes._levels)


@given(st.lists(st.one_of(puts, st.none()), max_size=200))
def test_no_level_starves(moves: list[tuple[str, str, int] | None]) -> None:
    """A level with keys is passed over ten times in a row at most, however many come before it."""
    lanes = Lanes()
    passed_over: Counter[int] = Counter()
    fresh = 0
    for move in moves:
        fresh += 1
        lanes.put(key("flood", str(fresh)), 0, since=0.0)
        if move:
            lanes.put(key(move[0], move[1]), move[2], since=0.0)
            continue
        before = lanes.sizes()
        lanes.pick()
        for level, (was, is_now) in enumerate(zip(before, lanes.sizes(), strict=True)):
            passed_over[level] = passed_over[level] + 1 if was and was == is_now else 0

        assert max(passed_over.values()) <= LONGEST_PASSED_OVER


def test_a_flood_leaves_each_lower_level_a_ninth() -> None:
    """With keys on every level, the first gets more than half of the picks and each other level a ninth."""
    lanes = Lanes()
    for level in range(LEVELS):
        for number in range(900):
            lanes.put(Key(str(level), "a", str(number)), level, since=0.0)

    shares = Counter(picked.controller for picked, _ in zip(drain(lanes), range(900), strict=False))

    assert shares["0"] >= 490
    assert all(90 <= shares[str(level)] <= 100 for level in (1, 2, 3, 4))


@given(st.lists(st.one_of(st.tuples(st.sampled_from("abcdef"), st.integers(0, 99)), st.none()), max_size=200))
def test_the_first_key_of_a_namespace_waits_for_one_key_of_each_other(
    moves: list[tuple[str, int] | None],
) -> None:
    """Whoever had no key waiting is served after at most one key of each namespace that had."""
    lanes = Lanes()
    allowed: dict[Key, int] = {}  # first keys of a namespace, and how many picks may still go before
    waiting: Counter[str] = Counter()
    for move in [*moves, *([None] * 200)]:
        if move:
            put = key(move[0], str(move[1]))
            if put in lanes:
                continue
            if not waiting[put.namespace]:
                allowed[put] = sum(count > 0 for count in waiting.values())
            waiting[put.namespace] += 1
            lanes.put(put, 0, since=0.0)
        elif picked := lanes.pick():
            waiting[picked[0].namespace] -= 1
            allowed.pop(picked[0], None)
            allowed = {first: left - 1 for first, left in allowed.items()}

            assert all(left >= 0 for left in allowed.values())


def test_the_oldest_is_the_longest_waiting_of_all_levels() -> None:
    """The figure for metrics looks at every level and namespace."""
    lanes = Lanes()
    lanes.put(key("a", "1"), 0, since=7.0)
    lanes.put(key("b", "1"), 2, since=3.0)

    assert lanes.oldest() == 3.0
    assert Lanes().oldest() is None
