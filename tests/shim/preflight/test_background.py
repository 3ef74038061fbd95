"""Questions are asked at the same time, answers told once, and nothing waits for what does not come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest

from certs.decide.findings import Surveyed
from shim.preflight import background
from shim.preflight.background import Background

Answers = SimpleQueue[tuple[Surveyed, ...]]


@pytest.fixture
def asking() -> Iterator[Background[Surveyed]]:
    made: Background[Surveyed] = Background(threads=2)
    yield made
    made.stop()


@pytest.fixture
def answers() -> Answers:
    return SimpleQueue()


def about(name: str) -> Callable[[float], Surveyed]:
    return lambda _end: Surveyed(name, "http-01")


def test_all_are_asked_at_the_same_time(asking: Background[Surveyed], answers: Answers) -> None:
    """Each waits here for the other."""
    both = threading.Barrier(2, timeout=5)

    def meet(_end: float) -> Surveyed:
        both.wait()
        return Surveyed("a.example", "http-01")

    asking.begin([meet, meet], answers.put)

    assert len(answers.get(timeout=5)) == 2


def test_answers_are_told_once_and_together(asking: Background[Surveyed], answers: Answers) -> None:
    asking.begin([about(name) for name in "abc"], answers.put)

    assert {one.name for one in answers.get(timeout=5)} == set("abc")
    assert answers.empty()


def test_nothing_to_ask_is_answered_at_once(asking: Background[Surveyed], answers: Answers) -> None:
    asking.begin([], answers.put)

    assert answers.get_nowait() == ()


def test_a_question_that_has_not_begun_in_time_is_dropped(answers: Answers) -> None:
    late: Background[Surveyed] = Background(threads=1, within=-1)

    late.begin([about("a")], answers.put)

    assert answers.get(timeout=5) == ()
    late.stop()


def test_a_mistake_in_one_question_is_no_finding(asking: Background[Surveyed], answers: Answers) -> None:
    """And its thread goes on."""

    def mistake(_end: float) -> Surveyed:
        raise KeyError("x")

    asking.begin([mistake, mistake, about("a")], answers.put)
    assert [one.name for one in answers.get(timeout=5)] == ["a"]
    asking.begin([about("b"), about("c")], answers.put)
    assert len(answers.get(timeout=5)) == 2


def test_without_room_nobody_is_asked(answers: Answers) -> None:
    """Whoever needs the answer asks again."""
    full: Background[Surveyed] = Background(threads=1)

    full.begin([about("a")] * (background.MOST_WAITING + 1), answers.put)

    assert answers.get_nowait() == ()
    full.stop()


def test_tenants_take_turns(answers: Answers) -> None:
    """One's many names do not delay another's, nor take all the room."""
    asking: Background[Surveyed] = Background(threads=1)
    begun, go = threading.Event(), threading.Event()
    order: list[str] = []

    def first(_end: float) -> Surveyed:
        begun.set()
        go.wait(5)
        return Surveyed("first", "http-01")

    def note(name: str) -> Callable[[float], Surveyed]:
        def task(_end: float) -> Surveyed:
            order.append(name)
            return Surveyed(name, "http-01")

        return task

    asking.begin([first], answers.put)
    begun.wait(5)
    asking.begin([note("many")] * background.MOST_EACH, answers.put, tenant="many")
    asking.begin([note("one more")], answers.put, tenant="many")
    asking.begin([note("one")], answers.put, tenant="one")
    assert answers.get(timeout=5) == ()  # there was no room for one more
    go.set()

    assert len(answers.get(timeout=5)) == 1
    assert [one.name for one in answers.get(timeout=5)] == ["one"]
    assert order[:2] == ["many", "one"]
    asking.stop()


def test_after_the_end_nobody_is_asked(asking: Background[Surveyed], answers: Answers) -> None:
    asking.stop()

    asking.begin([about("a")], answers.put)

    assert answers.get_nowait() == ()
