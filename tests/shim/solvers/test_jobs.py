"""Work that takes longer than a worker may wait."""

from __future__ import annotations

import threading

import pytest

from shim.solvers.dns01.jobs import MOST, Jobs, StillWorking


def test_what_is_quick_comes_back_at_once() -> None:
    jobs = Jobs()

    assert jobs.run("a", lambda: 1, patience=5) == 1
    assert jobs.run("a", lambda: 2, patience=5) == 2


def test_what_it_raises_is_raised_where_it_is_asked_for() -> None:
    def fail() -> None:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        Jobs().run("a", fail, patience=5)


def test_what_takes_long_is_begun_once_and_asked_for_again() -> None:
    jobs, over, begun = Jobs(), threading.Event(), []

    def work() -> str:
        begun.append(1)
        assert over.wait(5)
        return "done"

    for _ in range(2):
        with pytest.raises(StillWorking):
            jobs.run("a", work, patience=0.01)
    with pytest.raises(StillWorking):
        jobs.join("a", patience=0.01)
    over.set()

    assert jobs.run("a", work, patience=5) == "done"
    assert len(begun) == 1


def test_joining_waits_for_the_end_however_it_was() -> None:
    jobs, over = Jobs(), threading.Event()

    def fail() -> None:
        assert over.wait(5)
        raise ValueError

    with pytest.raises(StillWorking):
        jobs.run("a", fail, patience=0.01)
    over.set()

    jobs.join("a", patience=5)
    jobs.join("nobody", patience=5)


def test_only_so_many_go_on_at_a_time() -> None:
    """A name server that is silent for all must not make a thread for each Challenge of the cluster."""
    jobs, over, before = Jobs(), threading.Event(), threading.active_count()
    for number in range(MOST):
        with pytest.raises(StillWorking):
            jobs.run(str(number), lambda: over.wait(5), patience=0)
    with pytest.raises(StillWorking):
        jobs.run("one more", lambda: 1, patience=5)
    assert threading.active_count() <= before + MOST
    over.set()
    for number in range(MOST):
        jobs.join(str(number), patience=5)

    assert jobs.run("one more", lambda: 1, patience=5) == 1
