"""When a replica counts as ready: once it was called, and nothing stands in the way of its certificate."""

from __future__ import annotations

from webhook.readiness import Readiness


class State:
    """What the process knows."""

    def __init__(self) -> None:
        self.reviews = 0
        self.obstacle = ""
        self.readiness = Readiness(lambda: self.reviews, lambda: self.obstacle)


def test_not_ready_before_the_first_review() -> None:
    state = State()

    assert state.readiness.problem == "the API server has not called yet"


def test_ready_from_the_first_review_on() -> None:
    state = State()
    state.reviews = 1

    assert state.readiness.problem == ""


def test_an_obstacle_is_told_whether_called_or_not() -> None:
    """Called about Ingresses while our own kinds cannot be asked about is not ready."""
    state = State()
    state.reviews, state.obstacle = 1, "cannot write caBundle"

    assert state.readiness.problem == "cannot write caBundle"


def test_a_replica_that_was_ready_stays_so() -> None:
    """An obstacle that comes later keeps new replicas back; taking away those that work would help nobody."""
    state = State()
    state.reviews = 1
    assert state.readiness.problem == ""

    state.obstacle = "cannot write caBundle"

    assert state.readiness.problem == ""
