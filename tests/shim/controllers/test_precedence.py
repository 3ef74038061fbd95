"""The line of those at which nobody answers, and the looks that tell; over real connections."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import msgspec
import pytest

from certs.api.certificate import Certificate, CertificateStatus
from certs.decide.challengesteps import Progress
from certs.decide.precedence import APART, BEHIND, ONE_IN, UNDER_WAY_FOR, Prospect
from shim.controllers.precedence import Precedence
from shim.solvers.selfcheck import SelfCheck
from tests.certs.decide.objects import NOW, certificate, condition, issuer

ISSUER = issuer()
SOMEBODY, NOBODY = "127.0.0.1", "127.0.0.2"
Look = Callable[[Certificate], Prospect]


def named(name: str, address: str) -> Certificate:
    return certificate(name, dns_names=(), ip_addresses=(address,))


@pytest.fixture
def precedence() -> Iterator[Precedence]:
    """Where somebody listens at one address, and nobody at the other."""
    with socket.create_server((SOMEBODY, 0)) as listener:
        made = Precedence(SelfCheck(port=listener.getsockname()[1], loopback=True))
        yield made
        made.background.stop()


@pytest.fixture
def look(precedence: Precedence) -> Look:
    """Have it looked at, and return what is known then."""

    def looked(of: Certificate) -> Prospect:
        known = threading.Event()
        precedence.look(of, ISSUER, NOW, known.set)
        assert known.wait(5)
        found = precedence.prospect(of, ISSUER)
        assert found is not None
        return found

    return looked


def test_who_answers_begins_at_once(look: Look) -> None:
    """There is no turn to wait for."""
    assert look(named("live", SOMEBODY)).is_good


def test_those_at_which_nobody_answers_take_turns(look: Look) -> None:
    """The first at once, each other a moment after the one before it."""
    turns = [look(named(f"dead-{number}", NOBODY)).turn_at for number in range(3)]

    assert turns == [NOW, NOW + APART, NOW + 2 * APART]


def test_a_name_that_is_mended_leaves_the_line(precedence: Precedence, look: Look) -> None:
    """The next look finds somebody."""
    of = named("shop", NOBODY)
    assert not look(of).is_good
    mended = msgspec.structs.replace(of, spec=named("shop", SOMEBODY).spec)

    assert look(mended).is_good


def test_a_second_look_gives_a_later_turn(look: Look) -> None:
    """So that looking takes little of the time of those who go first."""
    of = named("dead", NOBODY)
    look(of)

    assert look(of).turn_at == NOW + BEHIND


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(Precedence.ended, id="it says so"),
        pytest.param(lambda made, one: made.gone(one.metadata.namespace, one.metadata.name), id="deleted meanwhile"),
    ],
)
def test_others_are_let_go_first(
    precedence: Precedence, look: Look, end: Callable[[Precedence, Certificate], None]
) -> None:
    """For as long as they are under way, but for one in a while."""
    live, first, second = named("live", SOMEBODY), named("first", NOBODY), named("second", NOBODY)
    for one in (live, first, second):
        look(one)
    precedence.began(live, NOW)
    precedence.began(first, NOW)

    found = precedence.prospect(second, ISSUER)
    assert found is not None
    assert found.yield_until == NOW + ONE_IN < NOW + UNDER_WAY_FOR
    end(precedence, live)
    found = precedence.prospect(second, ISSUER)
    assert found is not None
    assert found.yield_until is not None
    assert found.yield_until < NOW


def test_where_nobody_is_seen_anywhere_it_says_nothing(precedence: Precedence, look: Look) -> None:
    """A name was proven that could not be seen from here; once one is seen, it says something again."""
    precedence.learn(Progress(NOW, NOW, unseen_from_here=True))
    assert look(named("one", NOBODY)).is_good

    precedence.learn(Progress(NOW, NOW, reachable=True))
    assert not look(named("other", NOBODY)).is_good


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(certificate(dns_names=("*.shop.test",)), id="nothing to connect to"),
        pytest.param(certificate(status=CertificateStatus(revision=1)), id="issued before"),
        pytest.param(certificate(status=CertificateStatus(last_failure_time=NOW)), id="failed before"),
        pytest.param(
            certificate(status=CertificateStatus(conditions=(condition("Issuing", "True"),))), id="being issued"
        ),
    ],
)
def test_who_is_not_looked_at(precedence: Precedence, given: Certificate) -> None:
    """Only a first issuance over HTTP is."""
    assert precedence.prospect(given, ISSUER) is None


def test_without_a_check_nobody_is_looked_at() -> None:
    """With --preflight=off all begin as they come."""
    assert Precedence().prospect(named("shop", NOBODY), ISSUER) is None


def test_what_does_not_end_is_not_waited_for(precedence: Precedence, look: Look) -> None:
    """It waits for somebody, or its process has ended."""
    live, dead = named("live", SOMEBODY), named("dead", NOBODY)
    look(dead)
    precedence.began(live, NOW - UNDER_WAY_FOR)
    precedence.began(dead, NOW - timedelta(minutes=1))

    found = precedence.prospect(named("dead", NOBODY), ISSUER)

    assert found is not None
    assert found.yield_until is None or found.yield_until <= NOW
