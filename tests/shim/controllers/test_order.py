"""The pace at which an Order asks its CA."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from certs.api.order import ACMEState
from certs.decide.order import Seen
from shim.controllers.order import polls_so_far

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "state", "expected"),
    [
        pytest.param(None, ACMEState.READY, 0, id="the first answer"),
        pytest.param(Seen(ACMEState.PENDING, NOW, polls=7), ACMEState.PROCESSING, 0, id="the CSR was taken"),
        pytest.param(Seen(ACMEState.PROCESSING, NOW, polls=0), ACMEState.PROCESSING, 1, id="still at work"),
        pytest.param(Seen(ACMEState.PENDING, NOW, polls=3), ACMEState.PENDING, 4, id="not ready, again and again"),
        pytest.param(Seen(ACMEState.READY, NOW, polls=3), ACMEState.READY, 4, id="the CSR changed nothing"),
    ],
)
def test_the_pace_begins_anew_with_each_state(before: Seen | None, state: ACMEState, expected: int) -> None:
    assert polls_so_far(before, state) == expected
