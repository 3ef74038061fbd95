"""What the page says of each certificate, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from certs.api.certificate import Certificate
from certs.api.meta import Condition, ConditionStatus
from shim.ui.model import LONGEST, State, row, rows, state_of, summary
from tests.shim.ui.people import DAY, NOW, certificate, failing, waiting

FAILED = (
    Condition("Ready", ConditionStatus.TRUE, message="well"),
    Condition("Issuing", ConditionStatus.FALSE, message="the CA refused it"),
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, State.READY, id="ready"),
        pytest.param({"not_after": NOW}, State.FAILING, id="expired, whatever its condition says"),
        pytest.param({"conditions": FAILED}, State.FAILING, id="its renewal failed"),
        pytest.param({"last_failure_time": NOW}, State.FAILING, id="it failed and is tried again"),
        pytest.param({"renewal_time": NOW - DAY, "not_after": NOW + 29 * DAY}, State.READY, id="renewal is due"),
        pytest.param({"renewal_time": NOW - 19 * DAY, "not_after": NOW + 11 * DAY}, State.READY, id="more is left"),
        pytest.param({"renewal_time": NOW - 20 * DAY, "not_after": NOW + 10 * DAY}, State.EXPIRING, id="a third left"),
        pytest.param({"renewal_time": None, "not_after": NOW + 14 * DAY}, State.EXPIRING, id="never renewed"),
        pytest.param({"renewal_time": NOW - 21 * DAY, "not_after": NOW + 9 * DAY}, State.EXPIRING, id="less is left"),
        pytest.param({"conditions": ()}, State.WAITING, id="nobody has looked"),
    ],
)
def test_state(given: dict[str, Any], expected: State) -> None:
    assert state_of(certificate("a", **given), NOW) is expected


def test_the_most_urgent_come_first() -> None:
    """Then who expires first, then the name."""
    found: list[Certificate] = [
        certificate("late", not_after=NOW + 80 * DAY),
        certificate("b"),
        certificate("a"),
        waiting("new"),
        certificate("old", renewal_time=NOW - 28 * DAY, not_after=NOW + 2 * DAY),
        failing("broken"),
    ]

    assert [one.name for one in rows(found, NOW)] == ["broken", "old", "new", "a", "b", "late"]
    assert summary(rows(found, NOW)) == {"failing": 1, "expiring": 1, "waiting": 1, "ready": 3}


def test_a_line_has_what_is_searched_for() -> None:
    line = row(failing("web-tls", "shop", sentence="x" * 1000), NOW)

    assert (line.namespace, line.name, line.names, line.more) == ("shop", "web-tls", ("web-tls.example.com",), 0)
    assert (line.issuer, line.secret, line.owner) == ("ClusterIssuer/letsencrypt", "web-tls", "web-tls")
    assert (line.not_after, line.renewal) == (0, 0)
    assert line.sentence == "x" * LONGEST


def test_a_renewal_that_has_not_begun_is_said() -> None:
    late = certificate("a", renewal_time=NOW - 28 * DAY, not_after=NOW + 2 * DAY)

    assert row(late, NOW).sentence == f"its renewal was due at {NOW - 28 * DAY:%Y-%m-%d %H:%M} UTC, and has not begun"


def test_of_what_is_ready_nothing_is_said() -> None:
    assert row(certificate("a"), NOW).sentence == ""
    assert row(certificate("a", conditions=()), NOW).sentence == "no controller has looked at it yet"
