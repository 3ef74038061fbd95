"""Work that takes longer than a worker may wait."""

from __future__ import annotations

import threading

import pytest

from shim.solvers.jobs import MOST, MOST_EACH, Jobs, StillWorking


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
    jobs, over, told, begun = Jobs(), threading.Event(), threading.Event(), []

    def work() -> str:
        begun.append(1)
        assert over.wait(5)
        return "done"

    for patience in (0.01, 5):  # the second does not wait at all, or it would be over
        with pytest.raises(StillWorking):
            jobs.run("a", work, patience=patience, ended=told.set)
    with pytest.raises(StillWorking):
        jobs.join("a", patience=0.01)
    over.set()

    told.wait(5)
    assert jobs.is_over("a")
    assert jobs.run("a", work, patience=0) == "done"
    assert not jobs.is_over("a")
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
            jobs.run(str(number), lambda: over.wait(5), patience=0, tenant=str(number // MOST_EACH))
    with pytest.raises(StillWorking):
        jobs.run("one more", lambda: 1, patience=5)
    assert threading.active_count() <= before + MOST
    over.set()
    for number in range(MOST):
        jobs.join(str(number), patience=5)

    assert jobs.run("one more", lambda: 1, patience=5) == 1


def test_who_waited_for_the_end_is_not_told_of_it() -> None:
    told: list[str] = []

    Jobs().run("a", lambda: 1, patience=5, ended=lambda: told.append("a"))

    assert not told


def test_one_tenant_leaves_room_for_the_others() -> None:
    """A thousand names of one team at which nobody answers do not delay the first of another."""
    jobs, over = Jobs(), threading.Event()
    for number in range(MOST_EACH):
        with pytest.raises(StillWorking):
            jobs.run(str(number), lambda: over.wait(5), patience=0, tenant="many")
    with pytest.raises(StillWorking):
        jobs.run("one more", lambda: 1, patience=5, tenant="many")

    assert jobs.run("another's", lambda: 1, patience=5, tenant="few") == 1
    over.set()
    for number in range(MOST_EACH):
        jobs.join(str(number), patience=5)

    assert jobs.run("one more", lambda: 1, patience=5, tenant="many") == 1


def test_a_failure_with_what_has_been_corrected_meanwhile_is_no_result() -> None:
    """It is begun anew; with the same it is the result, and what has worked stays done."""
    jobs, over = Jobs(), threading.Event()

    def refuse() -> None:
        assert over.wait(5)
        raise ValueError("wrong password")

    for name in ("a", "b"):
        with pytest.raises(StillWorking):
            jobs.run(name, refuse, patience=0, of="password@1")
    with pytest.raises(StillWorking):
        jobs.run("c", lambda: over.wait(5), patience=0, of="password@1")
    with pytest.raises(StillWorking):  # not before it is over: two must not be at work at once
        jobs.run("a", lambda: "done", patience=0, of="password@2")
    over.set()
    while not all(jobs.is_over(name) for name in "abc"):
        pass

    assert jobs.run("a", lambda: "done", patience=5, of="password@2") == "done"
    with pytest.raises(ValueError, match="wrong password"):
        jobs.run("b", lambda: None, patience=0, of="password@1")
    assert jobs.run("c", lambda: False, patience=0, of="password@2")
