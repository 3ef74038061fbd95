"""When a certificate is renewed: by renewBefore, a percentage, two thirds; clamped; never."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from certs.api.certificate import Renewal
from certs.decide.renewal import plan_renewal
from tests.certs.decide.objects import DAY, NOW, spec

END = NOW + 90 * DAY
HOUR = timedelta(hours=1)
FOR_EVER = "so it would be renewed for ever; it is renewed {} before expiry instead. "
REMEDY = "Write a shorter renewBefore, or have the issuer grant a longer duration"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, NOW + 60 * DAY, id="two thirds"),
        pytest.param({"renew_before": "360h"}, END - 15 * DAY, id="renewBefore"),
        pytest.param({"renew_before": "0s"}, NOW + 60 * DAY, id="renewBefore is zero"),
        pytest.param({"renew_before": "-1h"}, NOW + 60 * DAY, id="renewBefore is negative"),
        pytest.param({"renew_before": "two weeks"}, NOW + 60 * DAY, id="renewBefore cannot be read"),
        pytest.param({"renew_before": ""}, NOW + 60 * DAY, id="renewBefore is empty"),
        pytest.param({"renew_before_percentage": 10}, END - 9 * DAY, id="percentage"),
        pytest.param({"renew_before_percentage": 0}, NOW + 60 * DAY, id="percentage 0"),
        pytest.param({"renew_before_percentage": -7}, NOW + 60 * DAY, id="percentage is negative"),
        pytest.param({"renewal": Renewal()}, NOW + 60 * DAY, id="no policy"),
        pytest.param({"renewal": Renewal(policy="RenewBefore")}, NOW + 60 * DAY, id="policy RenewBefore"),
        pytest.param({"renewal": Renewal(policy="Disabled")}, None, id="policy Disabled"),
        pytest.param({"renewal": Renewal(policy="Disabled"), "renew_before": "1h"}, None, id="Disabled wins"),
        pytest.param(
            {"renewal": Renewal(policy="Disabled"), "renew_before": "9000h"}, None, id="Disabled says nothing"
        ),
    ],
)
def test_renewal_is_due(fields: dict[str, Any], expected: datetime | None) -> None:
    """A certificate of ninety days, and nothing to be said about it."""
    plan = plan_renewal(NOW, END, spec(**fields))

    assert (plan.at, plan.remark, plan.error) == (expected, None, "")


@pytest.mark.parametrize(
    ("fields", "expected", "said", "before"),
    [
        pytest.param({"renew_before": "2160h"}, NOW + 60 * DAY, "renewBefore 2160h", "720h0m0s", id="all of it"),
        pytest.param({"renew_before": "9000h"}, NOW + 60 * DAY, "renewBefore 9000h", "720h0m0s", id="more than that"),
        pytest.param({"renew_before": "2562047h"}, NOW + 60 * DAY, "renewBefore 2562047h", "720h0m0s", id="ages"),
        pytest.param(
            {"renew_before_percentage": 100},
            NOW + 60 * DAY,
            "renewBeforePercentage 100, 2160h0m0s,",
            "720h0m0s",
            id="percentage 100",
        ),
        pytest.param(
            {"renew_before_percentage": 2**62},
            NOW + 60 * DAY,
            f"renewBeforePercentage {2**62}, 2160h0m0s,",
            "720h0m0s",
            id="percentage of any size",
        ),
        pytest.param(
            {"renew_before": "9000h", "renew_before_percentage": 10},
            END - 9 * DAY,
            "renewBefore 9000h",
            "216h0m0s",
            id="percentage where renewBefore does not fit",
        ),
    ],
)
def test_what_would_renew_for_ever_is_clamped_and_said(
    fields: dict[str, Any], expected: datetime, said: str, before: str
) -> None:
    """To a third of the granted lifetime, with the numbers and what to do."""
    plan = plan_renewal(NOW, END, spec(**fields))

    assert plan.at == expected
    assert plan.remark is not None
    assert (plan.remark.reason, plan.remark.type) == ("RenewBeforeClamped", "Warning")
    assert plan.remark.message == (
        f"{said} is not less than the 2160h0m0s that the issued certificate is valid, {FOR_EVER.format(before)}{REMEDY}"
    )
    assert plan.error == ""


@pytest.mark.parametrize(
    ("fields", "issued_at", "expected", "clamped"),
    [
        pytest.param({"renew_before": "59m"}, NOW + HOUR, NOW + HOUR + timedelta(minutes=1), False, id="just fits"),
        pytest.param({"renew_before": "60m"}, NOW + HOUR, NOW + 80 * timedelta(minutes=1), True, id="due when issued"),
        pytest.param({"renew_before": "90m"}, NOW + HOUR, NOW + 80 * timedelta(minutes=1), True, id="due before that"),
        pytest.param({"renew_before": "90m"}, None, NOW + HOUR / 2, False, id="nobody knows when it was issued"),
        pytest.param({"renew_before": "90m"}, NOW - HOUR, NOW + HOUR / 2, False, id="notBefore was in the future"),
        pytest.param({"renew_before": "150m"}, NOW - HOUR, NOW + 80 * timedelta(minutes=1), True, id="due before it"),
        pytest.param(
            {"renew_before_percentage": 50}, NOW + HOUR, NOW + 80 * timedelta(minutes=1), True, id="percentage"
        ),
        pytest.param({"renew_before_percentage": 49}, NOW + HOUR, NOW + 1.02 * HOUR, False, id="percentage fits"),
        pytest.param({}, NOW + 1.4 * HOUR, NOW + 1.8 * HOUR, False, id="two thirds are over: a third of the rest"),
        pytest.param({"renew_before": "1h"}, NOW + 1.4 * HOUR, NOW + 1.8 * HOUR, True, id="the same with renewBefore"),
        pytest.param({}, NOW + 3 * HOUR, NOW + 80 * timedelta(minutes=1), False, id="issued when it had expired"),
    ],
)
def test_notbefore_in_the_past_does_not_renew_for_ever(
    fields: dict[str, Any], issued_at: datetime | None, expected: datetime, *, clamped: bool
) -> None:
    """A certificate of two hours, whose CA dates it back by one: what counts is when it was issued."""
    plan = plan_renewal(NOW, NOW + 2 * HOUR, spec(**fields), issued_at)

    assert plan.at == expected
    assert (plan.remark is not None) is clamped


def test_moment_has_whole_seconds() -> None:
    """The status has no fractions, so neither has what is compared with it."""
    plan = plan_renewal(NOW, NOW + timedelta(seconds=100), spec())

    assert plan.at == NOW + timedelta(seconds=66)
