from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.outcomes import Wait
from shim.engine.reconciler import Lane
from shim.engine.schedule import TRANSIENT, Later, later
from tests.shim.engine.clock import NOON


@pytest.mark.parametrize(
    ("failures", "draw", "seconds"),
    [
        pytest.param(1, 0.0, 0.75, id="first"),
        pytest.param(2, 0.0, 1.5, id="doubles"),
        pytest.param(5, 0.5, 14.0, id="spread"),
        pytest.param(10, 0.0, 225.0, id="capped"),
        pytest.param(10**9, 0.0, 225.0, id="no-overflow"),
    ],
)
def test_backoff(failures: int, draw: float, seconds: float) -> None:
    """One second, doubling to five minutes, of which up to a quarter is taken off."""
    assert TRANSIENT.delay(failures, draw) == seconds


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_backoff_never_shrinks_below_what_it_was(failures: int, draw: float, other: float) -> None:
    """Whatever is drawn, the delay is between 0.75 s and 5 min and the next one is not shorter, but for the cap."""
    delay, after = TRANSIENT.delay(failures, draw), TRANSIENT.delay(failures + 1, other)

    assert 0.75 <= delay <= 300
    assert after >= min(delay, 225)


@pytest.mark.parametrize(
    ("wait", "expected"),
    [
        pytest.param(timedelta(milliseconds=60), Later(Lane.UNDERWAY, 0.06), id="soon"),
        pytest.param(timedelta(seconds=2), Later(Lane.UNDERWAY, 2.0), id="as-soon-as-soon-is"),
        pytest.param(timedelta(seconds=2.1), Later(Lane.POLL, 2.1), id="poll"),
        pytest.param(timedelta(minutes=5), Later(Lane.POLL, 300.0), id="longest-poll"),
        pytest.param(timedelta(minutes=6), Later(Lane.ROUTINE, 360.0), id="routine"),
        pytest.param(timedelta(days=60), Later(Lane.ROUTINE, 3600.0), id="renewal-looked-at-hourly"),
        pytest.param(timedelta(0), Later(Lane.POLL, 1.0), id="now"),
        pytest.param(timedelta(days=-1), Later(Lane.POLL, 1.0), id="past"),
    ],
)
def test_waits(wait: timedelta, expected: Later) -> None:
    """Short waits are polls, long ones routine and cut to an hour, and one for the past does not spin."""
    assert later(Wait(NOON + wait, "because"), NOON) == expected


def test_who_is_patient_is_behind_what_is_new() -> None:
    """However near the moment is."""
    soon = Wait(NOON + timedelta(milliseconds=60), "because", patient=True)

    assert later(soon, NOON) == Later(Lane.POLL, 0.06)
