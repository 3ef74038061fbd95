from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from certs.api.certificate import Renewal
from certs.decide.renewal import renewal_time
from tests.certs.decide.objects import DAY, NOW, spec

END = NOW + 90 * DAY


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, NOW + 60 * DAY, id="two thirds"),
        pytest.param({"renew_before": "360h"}, END - 15 * DAY, id="renewBefore"),
        pytest.param({"renew_before": "2160h"}, NOW + 60 * DAY, id="renewBefore is the whole lifetime"),
        pytest.param({"renew_before": "9000h"}, NOW + 60 * DAY, id="renewBefore is longer than the lifetime"),
        pytest.param({"renew_before": "0s"}, NOW + 60 * DAY, id="renewBefore is zero"),
        pytest.param({"renew_before": "-1h"}, NOW + 60 * DAY, id="renewBefore is negative"),
        pytest.param({"renew_before": "two weeks"}, NOW + 60 * DAY, id="renewBefore cannot be read"),
        pytest.param({"renew_before": ""}, NOW + 60 * DAY, id="renewBefore is empty"),
        pytest.param({"renew_before_percentage": 10}, END - 9 * DAY, id="percentage"),
        pytest.param({"renew_before_percentage": 0}, NOW + 60 * DAY, id="percentage 0"),
        pytest.param({"renew_before_percentage": 100}, NOW + 60 * DAY, id="percentage 100"),
        pytest.param({"renew_before_percentage": -7}, NOW + 60 * DAY, id="percentage is negative"),
        pytest.param(
            {"renew_before": "9000h", "renew_before_percentage": 10},
            END - 9 * DAY,
            id="percentage where renewBefore does not fit",
        ),
        pytest.param({"renewal": Renewal(policy="RenewBefore")}, NOW + 60 * DAY, id="policy RenewBefore"),
        pytest.param({"renewal": Renewal(policy="Disabled")}, None, id="policy Disabled"),
        pytest.param({"renewal": Renewal(policy="Disabled"), "renew_before": "1h"}, None, id="Disabled wins"),
    ],
)
def test_renewal_is_due(fields: dict[str, Any], expected: datetime | None) -> None:
    """A certificate of ninety days."""
    assert renewal_time(NOW, END, spec(**fields)) == expected


def test_moment_has_whole_seconds() -> None:
    """The status has no fractions, so neither has what is compared with it."""
    due = renewal_time(NOW, NOW + timedelta(seconds=100), spec())

    assert due == NOW + timedelta(seconds=66)
