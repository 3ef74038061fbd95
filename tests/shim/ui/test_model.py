"""What the page says of each certificate, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from certs.api.certificate import Certificate
from certs.api.meta import Condition, ConditionStatus, ObjectMeta
from certs.api.order import ACMEState
from shim.chain.links import Chain
from shim.ui.glances import OrderGlance, OrderWords, RequestGlance, RequestWords
from shim.ui.model import LONGEST, State, row, rows, standing, state_of, summary
from tests.shim.ui.people import DAY, NOW, certificate, chain, failing, waiting

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


SOLVERLESS = OrderGlance(ObjectMeta(name="web-1-7"), OrderWords(ACMEState.PENDING, "no solver fits web.example.com"))
DENIED = RequestGlance(
    ObjectMeta(name="web-1"), RequestWords((Condition("Denied", ConditionStatus.TRUE, message="not this name"),))
)
RENEWING = (
    Condition("Ready", ConditionStatus.TRUE, message="well"),
    Condition("Issuing", ConditionStatus.TRUE, message="its renewal is due"),
)


@pytest.mark.parametrize(
    ("of", "state", "why"),
    [
        pytest.param(chain(waiting("web")), State.WAITING, "Waiting for the CA to look", id="nothing is wrong"),
        pytest.param(
            chain(waiting("web"), order=SOLVERLESS.order),
            State.FAILING,
            "Order web-1-7: no solver fits web.example.com.",
            id="an Order that waits for somebody",
        ),
        pytest.param(
            chain(waiting("web"), request=DENIED.request),
            State.FAILING,
            "CertificateRequest web-1 was denied: not this name.",
            id="a request that was denied",
        ),
        pytest.param(
            Chain(waiting("web")),
            State.FAILING,
            'ClusterIssuer "letsencrypt" does not exist; create it.',
            id="an issuer that is not there",
        ),
        pytest.param(
            Chain(waiting("web"), unread={"ClusterIssuer": "it is not followed"}),
            State.WAITING,
            "Waiting for the CA to look",
            id="an issuer that is not read",
        ),
        pytest.param(
            chain(certificate("web", conditions=RENEWING), order=SOLVERLESS.order),
            State.FAILING,
            "Order web-1-7: no solver fits web.example.com.",
            id="a renewal that does not get on",
        ),
        pytest.param(chain(certificate("web", conditions=RENEWING)), State.READY, "", id="a renewal that does"),
        pytest.param(
            chain(certificate("web", not_after=NOW - DAY)),
            State.FAILING,
            f"it expired at {NOW - DAY:%Y-%m-%d %H:%M} UTC, and nothing has replaced it",
            id="an expiry that nobody has noted",
        ),
        pytest.param(chain(certificate("web"), order=SOLVERLESS.order), State.READY, "", id="an Order of the past"),
    ],
)
def test_what_holds_it_up_comes_from_its_chain(of: Chain, state: State, why: str) -> None:
    assert standing(of, NOW) == (state, why)


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

    assert [one.name for one in rows(map(chain, found), NOW)] == ["broken", "old", "new", "a", "b", "late"]
    assert summary(rows(map(chain, found), NOW)) == {"failing": 1, "expiring": 1, "waiting": 1, "ready": 3}


def test_a_line_has_what_is_searched_for() -> None:
    line = row(chain(failing("web-tls", "shop", sentence="x" * 1000)), NOW)

    assert (line.namespace, line.name, line.names, line.more) == ("shop", "web-tls", ("web-tls.example.com",), 0)
    assert (line.issuer, line.secret, line.owner) == ("ClusterIssuer/letsencrypt", "web-tls", "web-tls")
    assert (line.not_after, line.renewal) == (0, 0)
    assert line.sentence == "x" * LONGEST


def test_a_renewal_that_has_not_begun_is_said() -> None:
    late = certificate("a", renewal_time=NOW - 28 * DAY, not_after=NOW + 2 * DAY)

    said = row(chain(late), NOW).sentence
    assert said == f"its renewal was due at {NOW - 28 * DAY:%Y-%m-%d %H:%M} UTC, and has not begun"


def test_of_what_is_ready_nothing_is_said() -> None:
    assert row(chain(certificate("a")), NOW).sentence == ""
    assert row(chain(certificate("a", conditions=())), NOW).sentence == "no controller has looked at it yet"
