"""First issuances: at which names somebody answers goes first, and nobody waits for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from certs.api.meta import find_condition
from certs.decide.certificate import decide
from certs.decide.certificatesteps import ObservedCertificate, SetCertificateStatus, StoreNextKey
from certs.decide.ingress import ApplyCertificate, LookAtHosts, in_turn
from certs.decide.precedence import (
    TELL_AFTER,
    WITHIN,
    LookAhead,
    Prospect,
    Sight,
    before_beginning,
    is_doubtful,
    looking,
)
from certs.outcomes import Wait
from tests.certs.decide.objects import NOW, certificate

SECOND = timedelta(seconds=1)
LOOKED = Prospect(since=NOW, asked_at=NOW)
GOOD = replace(LOOKED, answered=True)
DOUBTFUL = replace(GOOD, turn_at=NOW)


@pytest.mark.parametrize(
    ("prospect", "expected"),
    [
        pytest.param(None, None, id="not to be looked at"),
        pytest.param(Prospect(), LookAhead(), id="new"),
        pytest.param(LOOKED, NOW + WITHIN, id="being looked at"),
        pytest.param(replace(LOOKED, asked_at=NOW - WITHIN), None, id="not known in time"),
        pytest.param(GOOD, None, id="somebody answers"),
        pytest.param(DOUBTFUL, None, id="nobody does, and it is alone"),
        pytest.param(replace(DOUBTFUL, turn_at=NOW + SECOND), NOW + SECOND, id="nobody does, and it is not its turn"),
        pytest.param(replace(DOUBTFUL, yield_until=NOW + SECOND), LookAhead(), id="its turn, and others are under way"),
        pytest.param(replace(DOUBTFUL, yield_until=NOW), None, id="its turn, and none are any more"),
        pytest.param(replace(DOUBTFUL, yield_until=NOW + SECOND, begun=True), None, id="it has begun"),
    ],
)
def test_what_comes_before_a_first_issuance(prospect: Prospect | None, expected: object) -> None:
    """A look, and for those at which nobody answers their turn."""
    found = before_beginning(prospect, NOW)

    assert (found.until if isinstance(found, Wait) else found) == expected


def test_who_waits_for_a_turn_is_behind_all_others() -> None:
    """However near it is: it is not in the middle of anything."""
    waits = before_beginning(replace(DOUBTFUL, turn_at=NOW + SECOND), NOW)

    assert isinstance(waits, Wait)
    assert waits.patient


def test_a_second_look_keeps_the_first_moment() -> None:
    """And asks anew."""
    later = NOW + SECOND

    assert looking(DOUBTFUL, later + SECOND, later) == Prospect(since=NOW, asked_at=later, turn_at=later + SECOND)


@pytest.mark.parametrize(
    ("seen", "blind", "doubtful"),
    [
        pytest.param((), False, False, id="nothing is known"),
        pytest.param((Sight.SOMEBODY, Sight.SOMEBODY), False, False, id="all answer"),
        pytest.param((Sight.SOMEBODY, Sight.NOBODY), False, True, id="one does not"),
        pytest.param((Sight.NOBODY,), True, False, id="from here nobody does anyway"),
        pytest.param((Sight.NOWHERE,), True, True, id="a name that leads nowhere"),
    ],
)
def test_what_is_doubtful(seen: tuple[Sight, ...], *, blind: bool, doubtful: bool) -> None:
    """One name that cannot be proven is enough; in a cluster that cannot see itself only the DNS tells."""
    assert is_doubtful(seen, blind=blind) is doubtful


def test_a_certificate_makes_nothing_before_its_turn() -> None:
    """No key, no status; then all as ever."""
    held = ObservedCertificate(certificate(), prospect=replace(DOUBTFUL, turn_at=NOW + SECOND))

    assert isinstance(decide(held, NOW), Wait)
    assert isinstance(decide(held, NOW + SECOND), StoreNextKey)


def test_a_long_wait_is_told() -> None:
    """By the condition that people look at."""
    turn_at = NOW + 2 * TELL_AFTER
    held = ObservedCertificate(certificate(), prospect=replace(DOUBTFUL, turn_at=turn_at))

    told = decide(held, NOW + TELL_AFTER)

    assert isinstance(told, SetCertificateStatus)
    ready = find_condition(told.status.conditions, "Ready")
    assert ready is not None
    assert (ready.status, ready.reason) == ("False", "DoesNotExist")


NEW = ApplyCertificate(certificate(), is_new=True)
HELD = replace(DOUBTFUL, turn_at=NOW + 3 * TELL_AFTER)


@pytest.mark.parametrize(
    ("step", "prospect", "expected"),
    [
        pytest.param(NEW, None, NEW, id="not to be looked at"),
        pytest.param(NEW, Prospect(), LookAtHosts(NEW.certificate), id="new"),
        pytest.param(NEW, GOOD, NEW, id="somebody answers"),
        pytest.param(NEW, HELD, Wait(NOW + TELL_AFTER, "", patient=True), id="nobody does"),
        pytest.param(NEW, replace(HELD, since=NOW - TELL_AFTER), NEW, id="nobody does, and that is to be seen"),
        pytest.param(replace(NEW, is_new=False), HELD, replace(NEW, is_new=False), id="it is there already"),
    ],
)
def test_a_certificate_is_made_in_turn(step: ApplyCertificate, prospect: Prospect | None, expected: object) -> None:
    """Kept back for some seconds at most, so that people find it."""
    found = in_turn(step, prospect, NOW)

    assert (replace(found, why="") if isinstance(found, Wait) else found) == expected
