"""What every way of writing a TXT record promises, asked of each against a fake of its vendor's server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest

from certs.outcomes import Failure, RateLimited, Transient, WaitingForUser
from shim.solvers.dns01 import Change
from tests.contract.dns01 import RETRY_AFTER, ZONE, Backend, Fault, rfc2136, vendors, webhook

BACKENDS: dict[str, Callable[[], AbstractContextManager[Backend]]] = {
    "rfc2136": rfc2136.backend,
    "webhook": webhook.backend,
    **vendors.BACKENDS,
}
NAME = f"_acme-challenge.shop.{ZONE}"
OURS, OTHER, FOREIGN = "ours-" + "A" * 38, "other-" + "B" * 37, "somebody-else's"


@pytest.fixture(params=sorted(BACKENDS))
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with BACKENDS[request.param]() as made:
        yield made


@pytest.fixture
def removing(backend: Backend) -> Backend:
    """One that can take values out."""
    if not backend.removes:
        pytest.skip("this server takes nothing out")
    return backend


def change(name: str = NAME, *, zone: str = ZONE, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> Change:
    return Change(zone=zone, name=name, add=frozenset(add), remove=frozenset(remove))


def refused(backend: Backend, wanted: Change) -> Failure:
    with pytest.raises(Failure) as raised:
        backend.writer().change(wanted)
    return raised.value


def failing(backend: Backend, fault: Fault) -> Failure:
    if fault not in backend.faults:
        pytest.skip(f"this protocol cannot show {fault}")
    backend.fail(fault)
    return refused(backend, change(add=(OURS,)))


def test_a_value_is_added(backend: Backend) -> None:
    backend.writer().change(change(add=(OURS,)))

    assert backend.values(NAME) == {OURS}


def test_two_values_are_added_together(backend: Backend) -> None:
    backend.writer().change(change(add=(OURS, OTHER)))

    assert backend.values(NAME) == {OURS, OTHER}


def test_what_is_there_is_not_added_twice(removing: Backend) -> None:
    """A process that was killed after writing writes again."""
    removing.writer().change(change(add=(OURS,)))
    removing.writer().change(change(add=(OURS,)))
    assert removing.values(NAME) == {OURS}

    removing.writer().change(change(remove=(OURS,)))

    assert not removing.values(NAME)


def test_a_value_is_added_beside_a_foreign_one(backend: Backend) -> None:
    backend.put(NAME, FOREIGN)

    backend.writer().change(change(add=(OURS,)))

    assert backend.values(NAME) == {FOREIGN, OURS}


def test_one_value_is_removed_and_others_stay(removing: Backend) -> None:
    removing.put(NAME, FOREIGN)
    removing.writer().change(change(add=(OURS, OTHER)))

    removing.writer().change(change(remove=(OURS,)))

    assert removing.values(NAME) == {FOREIGN, OTHER}


def test_one_change_adds_and_removes(removing: Backend) -> None:
    removing.writer().change(change(add=(OURS,)))

    removing.writer().change(change(add=(OTHER,), remove=(OURS,)))

    assert removing.values(NAME) == {OTHER}


def test_what_is_gone_is_removed_without_complaint(backend: Backend) -> None:
    backend.writer().change(change(remove=(OURS,)))

    assert not backend.values(NAME)


def test_the_last_value_is_removed(removing: Backend) -> None:
    removing.writer().change(change(add=(OURS,)))

    removing.writer().change(change(remove=(OURS,)))

    assert not removing.values(NAME)


def test_the_zone_itself_can_have_the_value(backend: Backend) -> None:
    """A CNAME may lead to the apex of a zone that is there for nothing else."""
    backend.writer().change(change(ZONE, add=(OURS,)))

    assert backend.values(ZONE) == {OURS}


def test_names_beside_it_are_left_alone(backend: Backend) -> None:
    beside = f"_acme-challenge.shop2.{ZONE}"
    backend.put(beside, FOREIGN)
    backend.writer().change(change(add=(OURS,)))

    backend.writer().change(change(remove=(OURS,)))

    assert backend.values(beside) == {FOREIGN}


def test_a_zone_of_somebody_else_waits_for_the_user_and_is_named(backend: Backend) -> None:
    failure = refused(backend, change("_acme-challenge.foreign.test", zone="foreign.test", add=(OURS,)))

    assert isinstance(failure, WaitingForUser)
    assert "foreign.test" in str(failure)


def test_refused_credentials_wait_for_the_user(backend: Backend) -> None:
    failure = failing(backend, Fault.REFUSED)

    assert isinstance(failure, WaitingForUser)


def test_a_rate_limit_is_kept_to_the_second(backend: Backend) -> None:
    failure = failing(backend, Fault.LIMITED)

    assert isinstance(failure, RateLimited)
    expected = datetime.now(UTC) + timedelta(seconds=RETRY_AFTER)
    assert abs(failure.until - expected) < timedelta(seconds=3)


@pytest.mark.parametrize("fault", [Fault.DOWN, Fault.GARBAGE, Fault.UNREACHABLE])
def test_a_server_out_of_order_passes_by_itself(backend: Backend, fault: Fault) -> None:
    failure = failing(backend, fault)

    assert isinstance(failure, Transient)


def test_a_silent_server_is_given_up_in_time(backend: Backend) -> None:
    began = time.monotonic()

    failure = failing(backend, Fault.SILENT)

    assert isinstance(failure, Transient)
    assert time.monotonic() - began < backend.deadline


@pytest.mark.parametrize("fault", list(Fault))
def test_a_failure_names_the_name_and_no_secret(backend: Backend, fault: Fault) -> None:
    sentence = str(failing(backend, fault))

    assert NAME in sentence
    assert "hunter2" not in sentence


def test_it_works_again_after_a_fault(backend: Backend) -> None:
    """A writer keeps nothing broken between calls."""
    writer = backend.writer()
    if Fault.DOWN not in backend.faults:
        pytest.skip("this server cannot be made to fail")
    backend.fail(Fault.DOWN)
    with pytest.raises(Failure):
        writer.change(change(add=(OURS,)))
    backend.fail(None)

    writer.change(change(add=(OURS,)))

    assert backend.values(NAME) == {OURS}


def test_a_change_takes_few_requests(backend: Backend) -> None:
    backend.writer().change(change(add=(OURS, OTHER)))

    assert backend.requests() <= 5
