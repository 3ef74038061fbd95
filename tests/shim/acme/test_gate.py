"""Slots for the new orders of a limited account."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from certs.outcomes import RateLimited
from shim.acme.gate import Gate
from shim.acme.problems import AccountLimited
from tests.certs.decide.objects import NOW

HERE = ("https://ca.test/directory", "https://ca.test/account/1")
PACE = timedelta(seconds=36)
HOUR = timedelta(hours=1)


def limited(until: datetime = NOW + HOUR, *, only_new: bool = True) -> AccountLimited:
    return AccountLimited("too many", until=until, reason="RateLimited", pace=PACE, only_new=only_new)


def slot(gate: Gate, uid: str, now: datetime = NOW, *, replaces: bool = False) -> datetime | None:
    """Return until when an Order is kept waiting, or None."""
    try:
        gate.enter(HERE, uid, "cannot create an order for shop.test", now, replaces=replaces)
    except RateLimited as waits:
        return waits.until
    return None


@pytest.fixture
def closed() -> Gate:
    gate = Gate()
    gate.close(HERE, "refused", limited())
    return gate


def test_an_open_gate_lets_all_through() -> None:
    assert slot(Gate(), "one") is None


def test_the_turn_is_told_with_its_date(closed: Gate) -> None:
    """And nothing of whoever was refused, who may be somebody else's."""
    with pytest.raises(RateLimited) as waits:
        closed.enter(HERE, "one", "cannot create an order for shop.test", NOW, replaces=False)

    assert str(waits.value) == (
        "cannot create an order for shop.test: the CA limits how many orders this account may begin: "
        "its turn is at 2026-03-01 13:00:36 UTC"
    )


def test_who_comes_later_gets_a_later_slot_and_keeps_it(closed: Gate) -> None:
    """The refused one is the first, at the moment that the CA named; asking again changes nothing."""
    wanted = {"refused": NOW + HOUR, "one": NOW + HOUR + PACE, "two": NOW + HOUR + 2 * PACE}

    assert {uid: slot(closed, uid) for uid in wanted} == wanted
    assert {uid: slot(closed, uid) for uid in reversed(wanted)} == wanted


def test_a_slot_that_has_come_is_used_once(closed: Gate) -> None:
    assert slot(closed, "one") == NOW + HOUR + PACE

    assert slot(closed, "refused", NOW + HOUR) is None
    assert slot(closed, "one", NOW + HOUR) == NOW + HOUR + PACE
    assert slot(closed, "one", NOW + HOUR + PACE) is None


def test_the_gate_opens_when_all_have_had_their_turn(closed: Gate) -> None:
    assert slot(closed, "refused", NOW + HOUR + PACE) is None

    assert [slot(closed, uid, NOW + HOUR + PACE) for uid in ("a", "b", "c")] == [None, None, None]


@pytest.mark.parametrize("comes", [True, False], ids=["on time", "was deleted"])
def test_the_gate_opens_whether_who_has_a_slot_comes_or_not(closed: Gate, *, comes: bool) -> None:
    """Nobody is kept waiting a week later for a limit of today."""
    assert slot(closed, "one") == NOW + HOUR + PACE
    if comes:
        assert slot(closed, "refused", NOW + HOUR) is None
        assert slot(closed, "one", NOW + HOUR + PACE) is None
    much_later = NOW + timedelta(days=7)

    assert [slot(closed, uid, much_later) for uid in ("a", "b", "c")] == [None, None, None]


def test_another_refusal_puts_off_whose_slot_would_come_before(closed: Gate) -> None:
    """And leaves the later slots alone, so that nobody is told anew without need."""
    slots = {uid: slot(closed, uid) for uid in ("one", "two", "three")}
    again = NOW + HOUR + PACE + timedelta(seconds=1)

    closed.close(HERE, "refused", limited(again))

    assert slot(closed, "refused") == again
    assert slot(closed, "two") == slots["two"]
    assert slot(closed, "one") == NOW + HOUR + 4 * PACE


def test_other_accounts_do_not_wait(closed: Gate) -> None:
    closed.enter((HERE[0], "https://ca.test/account/2"), "one", "cannot", NOW, replaces=False)


@pytest.mark.parametrize(("only_new", "waits"), [(True, False), (False, True)], ids=["limited", "overloaded"])
def test_renewals_that_name_what_they_replace_are_exempt_from_limits(*, only_new: bool, waits: bool) -> None:
    """But not from a server's overload."""
    gate = Gate()
    gate.close(HERE, "refused", limited(only_new=only_new))

    assert (slot(gate, "renewal", replaces=True) is not None) is waits
