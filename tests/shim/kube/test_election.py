"""The rule of leader election, as a table."""

from __future__ import annotations

import pytest

from certs.api.core import Lease, LeaseSpec
from certs.api.meta import ObjectMeta
from shim.kube.election import Create, LeaseTimes, Lose, Renew, Sighting, Sleep, Step, Take, decide

TIMES = LeaseTimes(lease_for=60, renew_within=40, renew_after=15, retry_after=2)


def held_by(holder: str | None, duration: int | None = 60) -> Lease:
    return Lease(metadata=ObjectMeta(name="l"), spec=LeaseSpec(holder_identity=holder, lease_duration_seconds=duration))


OURS, THEIRS, FREE, EMPTY = held_by("me"), held_by("you"), held_by(None), held_by("")
SHORT, ENDLESS = held_by("you", 10), held_by("you", None)


@pytest.mark.parametrize(
    ("lease", "since", "renewed_at", "now", "step"),
    [
        pytest.param(None, 0, None, 0, Create(), id="there is none: create"),
        pytest.param(FREE, 0, None, 0, Take(FREE), id="released: take"),
        pytest.param(EMPTY, 0, None, 0, Take(EMPTY), id="released with an empty name: take"),
        pytest.param(THEIRS, 0, None, 0, Sleep(15), id="just seen: look again soon"),
        pytest.param(THEIRS, 0, None, 50, Sleep(60), id="nearly run out: look when it has"),
        pytest.param(THEIRS, 0, None, 59.9, Sleep(60), id="not a moment too early"),
        pytest.param(THEIRS, 0, None, 60, Take(THEIRS), id="not renewed for a whole lease: take"),
        pytest.param(THEIRS, 30, None, 60, Sleep(75), id="renewed meanwhile: its time begins again"),
        pytest.param(SHORT, 0, None, 10, Take(SHORT), id="the holder's own duration counts"),
        pytest.param(ENDLESS, 0, None, 59, Sleep(60), id="no duration: ours counts"),
        pytest.param(OURS, 0, None, 0, Renew(OURS), id="ours, though we did not know: renew"),
        pytest.param(OURS, 0, 0, 14, Sleep(15), id="renewed a moment ago"),
        pytest.param(OURS, 0, 0, 15, Renew(OURS), id="renewal due"),
        pytest.param(OURS, 0, 0, 39, Renew(OURS), id="renewal overdue, still ours"),
        pytest.param(OURS, 0, 0, 40, Lose("not renewed within 40 s"), id="renewal missed: lost"),
        pytest.param(THEIRS, 20, 0, 20, Lose("taken by you"), id="taken by another: lost"),
        pytest.param(FREE, 20, 0, 20, Lose("released by somebody else"), id="emptied by another: lost"),
        pytest.param(None, 20, 0, 20, Create(), id="deleted under us: create again"),
        pytest.param(None, 20, 0, 40, Lose("not renewed within 40 s"), id="deleted and overdue: lost"),
    ],
)
def test_decide(lease: Lease | None, since: float, renewed_at: float | None, now: float, step: Step) -> None:
    """Each situation has one step."""
    assert decide("me", Sighting(lease, since), renewed_at, now, TIMES) == step


def test_a_leader_is_lost_before_another_can_take_over() -> None:
    """Whenever the leader's last renewal was seen, its own time is over first, with room for a request."""
    times = LeaseTimes()

    assert times.renew_after < times.renew_within < times.lease_for
    assert times.lease_for - times.renew_within >= 10
