"""Months in a moment: two hundred renewals each of certificates that live for six and for forty-seven days.

The decisions of Certificate, request, Order and Challenge run as they are; the clock jumps to whatever they wait for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import pytest

from certs.decide.ari import Suggestion
from certs.pki.x509 import Leaf
from tests.certs.decide.months import Calendar, Months, Period, Suggest
from tests.certs.decide.objects import DAY, NOW, certificate

RENEWALS: Final = 200
SOME: Final = 60  # where each life is long to live through: half a year of six days, five years of forty-seven
HOUR: Final = timedelta(hours=1)
WEEK: Final = 7 * DAY
SIX_DAYS, FORTY_SEVEN_DAYS = 160 * HOUR, 47 * DAY  # `shortlived` is 160 hours
# Let's Encrypt, per week and set of names; per hour and name.
DUPLICATES, FAILED_PROOFS = 5, 5


def most_within(moments: Sequence[datetime], span: timedelta) -> int:
    """Return how many of them lie in the busiest span."""
    return max((sum(1 for other in moments if start <= other < start + span) for start in moments), default=0)


def usual(leaf: Leaf, now: datetime) -> Suggestion:
    """Suggest a fiftieth of the lifetime around two thirds (half of a short life), as Let's Encrypt does."""
    lifetime = leaf.not_after - leaf.not_before
    middle = leaf.not_before + (lifetime / 2 if lifetime < 10 * DAY else lifetime * 2 / 3)
    return Suggestion(middle - lifetime / 100, middle + lifetime / 100, retry_at=now + lifetime / 40)


def months(lifetime: timedelta, suggest: Suggest | None = None, calendar: Calendar | None = None) -> Months:
    world = Months(certificate(), lifetime=lifetime, suggest=suggest, calendar=calendar or Calendar())
    world.live(SOME)
    return world


def each_month(days: timedelta, years: int = 30, every: timedelta = 30 * DAY) -> tuple[Period, ...]:
    """Return a period of so many days in each month."""
    return tuple(Period(at, at + days) for at in (NOW + every * (month + 1) for month in range(years * 12)))


@pytest.mark.parametrize("lifetime", [SIX_DAYS, FORTY_SEVEN_DAYS], ids=["6 days", "47 days"])
@pytest.mark.parametrize("suggest", [None, usual], ids=["without ARI", "with ARI"])
@pytest.mark.parametrize("forgets_every", [0, 1], ids=["one process", "always a new process"])
def test_two_hundred_renewals_need_nobody(lifetime: timedelta, suggest: Suggest | None, forgets_every: int) -> None:
    """One order and one proof each, at half of a short life and two thirds of a longer one."""
    world = Months(certificate(), lifetime=lifetime, suggest=suggest, forgets_every=forgets_every)
    world.live(RENEWALS)

    assert not world.expired_at
    assert len(world.ca.ordered_at) == len(world.ca.proofs_at) == RENEWALS + 1
    assert world.certificate.status.revision in {RENEWALS, RENEWALS + 1}  # the last one is not stored yet
    share = 1 / 2 if lifetime < 10 * DAY else 2 / 3
    for before, after in pairwise(world.ca.issued_at):
        assert abs((after - before) / lifetime - share) < 0.03
    assert most_within(world.ca.issued_at, WEEK) <= DUPLICATES
    assert "EnsureRoute" in world.steps
    assert world.steps.count("EnsureRoute") == 1  # the route stays


@pytest.mark.parametrize(
    ("lifetime", "away"), [(SIX_DAYS, 2 * DAY), (FORTY_SEVEN_DAYS, 10 * DAY)], ids=["6 days", "47 days"]
)
@pytest.mark.parametrize("suggest", [None, usual], ids=["without ARI", "with ARI"])
@pytest.mark.parametrize(
    "calendar",
    [
        lambda periods: Calendar(ca_down=periods),
        lambda periods: Calendar(shim_down=periods),
        lambda periods: Calendar(limited=periods),
    ],
    ids=["the CA", "the shim", "the CA's patience"],
)
def test_who_is_away_for_days_in_each_month_costs_no_certificate(
    lifetime: timedelta,
    away: timedelta,
    suggest: Suggest | None,
    calendar: Callable[[tuple[Period, ...]], Calendar],
) -> None:
    """What was due meanwhile is done once, when it is possible again."""
    world = months(lifetime, suggest, calendar(each_month(away)))

    assert not world.expired_at
    assert len(world.ca.ordered_at) == SOME + 1
    assert most_within(world.ca.issued_at, WEEK) <= DUPLICATES


@pytest.mark.parametrize(
    ("lifetime", "broken"), [(SIX_DAYS, 1.5 * DAY), (FORTY_SEVEN_DAYS, 10 * DAY)], ids=["6 days", "47 days"]
)
def test_proofs_that_fail_for_days_cost_no_certificate(lifetime: timedelta, broken: timedelta) -> None:
    """A firewall is closed for some days in each month: tried by the ladder, within the CA's limits, and in time."""
    world = months(lifetime, None, Calendar(proofs_fail=each_month(broken)))

    assert world.ca.failures_at
    assert not world.expired_at
    assert most_within(world.ca.failures_at, HOUR) <= FAILED_PROOFS
    assert most_within(world.ca.failures_at, DAY) <= FAILED_PROOFS
    assert most_within(world.ca.issued_at, WEEK) <= DUPLICATES


def test_a_proof_of_the_same_hours_is_not_asked_for_again() -> None:
    """An Order is lost between proof and certificate: the next one has the authorization valid from the start."""
    world = Months(certificate(), lifetime=SIX_DAYS)
    while not world.ca.validated:
        assert any(turn() for turn in world.actors())
    world.orders.clear()
    world.challenges.clear()

    world.live(0)

    assert len(world.ca.ordered_at) == 2
    assert len(world.ca.proofs_at) == 1


def test_a_certificate_that_is_to_be_revoked_is_replaced_at_the_next_question() -> None:
    """The CA moves the window into the past for every tenth; it is asked some times a day."""
    revoked: set[int] = set()

    def suggest(leaf: Leaf, now: datetime) -> Suggestion:
        number = len(world.ca.issued_at)
        if number % 10 or now < leaf.not_before + 10 * HOUR:
            return usual(leaf, now)
        revoked.add(number)
        return Suggestion(now - 2 * HOUR, now - HOUR, retry_at=now + 6 * HOUR)

    world = Months(certificate(), lifetime=SIX_DAYS, suggest=suggest)
    world.live(SOME)

    assert len(revoked) == SOME // 10
    for number in revoked:
        assert world.ca.issued_at[number] - world.ca.issued_at[number - 1] <= 18 * HOUR
    assert not world.expired_at


def test_certificates_of_one_second_are_not_renewed_in_one_second() -> None:
    """With renewal information each has a moment of its own in the window."""
    worlds = [Months(certificate(), lifetime=FORTY_SEVEN_DAYS, suggest=usual) for _ in range(30)]
    for world in worlds:
        world.live(1)

    renewed = sorted(world.ca.issued_at[1] for world in worlds)
    assert renewed[-1] - renewed[0] > FORTY_SEVEN_DAYS / 50 * 0.6
    assert most_within(renewed, HOUR) < 12
