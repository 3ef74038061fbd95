from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from certs.api.challenge import Challenge, ChallengeStatus
from certs.api.issuer import (
    ACMESolver,
    HTTP01GatewayHTTPRoute,
    HTTP01Ingress,
    HTTP01Solver,
    Issuer,
    IssuerSpec,
)
from certs.api.order import ACMEState
from certs.decide.challenge import (
    Answer,
    DropFinalizers,
    EnsureRoute,
    Look,
    ObservedChallenge,
    Progress,
    SelfCheck,
    SetChallengeStatus,
    check_pause,
    concluded,
    decide,
    explained,
    verdict,
)
from certs.decide.effects import Tell
from certs.outcomes import DONE, Permanent, Wait, WaitingForUser
from tests.certs.decide.objects import HOST, HTTP01, NOW, challenge, issuer

MOMENT = timedelta(milliseconds=500)
STARTED = Tell("Started", "Challenge scheduled for processing")
PRESENTED = Tell("Presented", "Presented challenge using HTTP-01 challenge mechanism")
PENDING = ChallengeStatus(processing=True, presented=True, presented_at=NOW, state=ACMEState.PENDING, reason="before")


def progress(**fields: Any) -> Progress:
    usual: dict[str, Any] = {"since": NOW, "due": NOW, "looked": True}
    return Progress(**(usual | fields))


def step(of: Challenge | None = None, *, route: bool = True, after: timedelta = timedelta(), **known: Any) -> object:
    """Decide with these things known, so much later."""
    return decide(ObservedChallenge(of or challenge(), issuer(), route, progress(**known)), NOW + after)


@pytest.mark.parametrize("state", [ACMEState.VALID, ACMEState.INVALID, ACMEState.EXPIRED, ACMEState.ERRORED], ids=str)
def test_an_end_is_an_end(state: ACMEState) -> None:
    """Nothing is asked of an issuer, a route or a CA any more."""
    assert decide(ObservedChallenge(challenge(status=ChallengeStatus(state=state))), NOW) == DONE


@pytest.mark.parametrize(
    ("finalizers", "expected"),
    [
        pytest.param((), DONE, id="none"),
        pytest.param(("acme.cert-manager.io/finalizer",), DropFinalizers(), id="the incumbent's"),
        pytest.param(("finalizer.acme.cert-manager.io",), DropFinalizers(), id="the incumbent's old one"),
        pytest.param(("example.org/audit",), DONE, id="somebody else's"),
        pytest.param(
            ("foregroundDeletion", "acme.cert-manager.io/finalizer", "example.org/audit"),
            DropFinalizers(("foregroundDeletion", "example.org/audit")),
            id="others beside the incumbent's",
        ),
    ],
)
def test_a_deleted_challenge_is_let_go(finalizers: tuple[str, ...], expected: object) -> None:
    """There is nothing to clean up; finalizers of others are theirs to remove."""
    assert decide(ObservedChallenge(challenge(finalizers=finalizers, deleted=True)), NOW) == expected


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        pytest.param(
            {"type": "DNS-01"},
            f'cannot answer DNS-01 for "{HOST}": its solver has no dns01; give the issuer a solver with one',
            id="DNS-01 with another solver",
        ),
        pytest.param(
            {"solver": ACMESolver()},
            f'cannot answer HTTP-01 for "{HOST}": its solver has no http01; give the issuer a solver with one',
            id="solver without a type",
        ),
        pytest.param(
            {"solver": ACMESolver(http01=HTTP01Solver(gateway_http_route=HTTP01GatewayHTTPRoute()))},
            f'cannot present HTTP-01 for "{HOST}": this release routes through Ingresses only; '
            "use http01.ingress in the solver",
            id="HTTPRoute",
        ),
    ],
)
def test_what_this_release_cannot_do_is_said(fields: dict[str, Any], sentence: str) -> None:
    """Permanent, with what to write instead."""
    with pytest.raises(Permanent) as raised:
        step(challenge(**fields))

    assert str(raised.value) == sentence
    assert raised.value.reason == "PresentError"


@pytest.mark.parametrize(
    "by", [None, msgspec.structs.replace(issuer(), spec=IssuerSpec())], ids=["no issuer", "not ACME"]
)
def test_an_issuer_that_is_gone_is_waited_for(by: Issuer | None) -> None:
    """Its account is what answers."""
    with pytest.raises(WaitingForUser, match='"letsencrypt" does not exist; create it') as raised:
        decide(ObservedChallenge(challenge(), by), NOW)

    assert raised.value.reason == "IssuerNotFound"


def test_without_a_memory_the_ca_is_asked_first() -> None:
    """Another process may have answered already."""
    assert decide(ObservedChallenge(challenge(), issuer()), NOW) == Look()
    assert step(looked=False) == Look()


@pytest.mark.parametrize(
    ("route", "known", "expected"),
    [
        pytest.param(False, {}, EnsureRoute(), id="no route"),
        pytest.param(True, {}, SelfCheck(), id="not checked"),
        pytest.param(True, {"reachable": True}, Answer(), id="reachable"),
        pytest.param(False, {"reachable": True}, EnsureRoute(), id="reachable, and the route is gone"),
        pytest.param(True, {"checks": 3}, SelfCheck(), id="checked in vain, due again"),
        pytest.param(True, {"answered": True}, Look(), id="answered, due"),
        pytest.param(False, {"answered": True}, EnsureRoute(), id="answered, and the route is gone"),
    ],
)
def test_the_way_to_the_answer(*, route: bool, known: dict[str, Any], expected: object) -> None:
    """A route, a self check that succeeds, the answer, the verdict."""
    assert step(route=route, **known) == expected


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (
            {"checks": 1, "check_problem": "connection refused"},
            "Waiting for HTTP-01 challenge propagation: connection refused",
        ),
        ({"answered": True}, "Waiting for the CA to validate the HTTP-01 challenge"),
    ],
    ids=["self check fails", "no verdict yet"],
)
def test_what_lasts_is_told_after_a_moment(known: dict[str, Any], reason: str) -> None:
    """Nothing is written in the first second and a half; then once, with the events; then nothing again."""
    known |= {"due": NOW + 10 * MOMENT}
    assert step(**known) == Wait(NOW + 3 * MOMENT, reason)

    told = step(after=3 * MOMENT, **known)

    assert told == SetChallengeStatus(
        msgspec.structs.replace(PENDING, presented_at=NOW + timedelta(seconds=1), reason=reason), (STARTED, PRESENTED)
    )
    assert isinstance(told, SetChallengeStatus)
    assert step(challenge(status=told.status), after=3 * MOMENT, **known) == Wait(NOW + 10 * MOMENT, reason)


UNSEEN: dict[str, Any] = {"checks": 4, "check_problem": "timed out", "unseen_from_here": True}


@pytest.mark.parametrize(
    ("known", "after", "expected"),
    [
        pytest.param({}, 5 * MOMENT, Wait(NOW + 6 * MOMENT, "x"), id="before the grace: wait for its end"),
        pytest.param({}, 6 * MOMENT, Answer(), id="after the grace: ask the CA"),
        pytest.param({"answered": True}, 40 * MOMENT, Look(), id="asked once"),
        pytest.param({"unseen_from_here": False}, 40 * MOMENT, SelfCheck(), id="the CA would find the same"),
    ],
)
def test_what_cannot_be_seen_from_here_delays_by_the_grace_only(
    known: dict[str, Any], after: timedelta, expected: object
) -> None:
    """A cluster may be unable to reach its own load balancer."""
    reason = "Waiting for HTTP-01 challenge propagation: timed out"
    told = challenge(status=msgspec.structs.replace(PENDING, reason=reason))
    found = step(told, after=after, **(UNSEEN | {"due": NOW + 20 * MOMENT} | known))

    assert found == (Wait(expected.until, reason) if isinstance(expected, Wait) else expected)


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        pytest.param(UNSEEN | {"answered": True}, "no; the self check could not reach it either: timed out", id="both"),
        pytest.param(UNSEEN | {"answered": True, "reachable": True}, "no", id="reached in the end"),
        pytest.param(UNSEEN, "no", id="not asked by us"),
        pytest.param({"answered": True}, "no", id="no self check"),
    ],
)
def test_a_refusal_after_a_failed_self_check_names_both(known: dict[str, Any], sentence: str) -> None:
    """Otherwise the CA's sentence stands alone."""
    assert explained("no", progress(**known)) == sentence
    assert explained("no", None) == "no"


def test_another_reason_is_told_without_the_events() -> None:
    """It was presented long ago."""
    told = step(challenge(status=PENDING), after=4 * MOMENT, checks=2, check_problem="404", due=NOW + 9 * MOMENT)

    assert told == SetChallengeStatus(
        msgspec.structs.replace(PENDING, reason="Waiting for HTTP-01 challenge propagation: 404")
    )


def waiting(said: str, **status: Any) -> Challenge:
    solver = msgspec.structs.replace(HTTP01, wait_instead_of_self_check=said)
    return challenge(solver=solver, status=ChallengeStatus(**status))


def test_a_fixed_wait_takes_the_place_of_self_checks() -> None:
    """Presented, waited for, answered; the CA's verdict comes as always."""
    reason = "Waiting 30s before accepting HTTP-01 challenge without self-check"
    told = step(waiting("30s"))
    assert told == SetChallengeStatus(msgspec.structs.replace(PENDING, reason=reason), (STARTED, PRESENTED))

    presented = waiting("30s", processing=True, presented_at=NOW)

    assert step(presented, after=58 * MOMENT) == Wait(NOW + 60 * MOMENT, "waiting 30s instead of a self check")
    assert step(presented, after=60 * MOMENT) == Answer()
    assert step(presented, answered=True) == Look()


@pytest.mark.parametrize("said", ["0", "0s", "", "-5s"])
def test_a_wait_of_nothing_answers_at_once(said: str) -> None:
    """Zero is the way to switch self checks off."""
    assert step(waiting(said)) == Answer()


def test_a_wait_that_cannot_be_read_is_said() -> None:
    """Neither a check nor an answer is what was meant."""
    with pytest.raises(Permanent) as raised:
        step(waiting("a while"))

    assert str(raised.value) == (
        f'cannot answer for "{HOST}": waitInsteadOfSelfCheck of the solver: time: invalid duration "a while"; '
        "write for example 30s there"
    )


def test_success_is_one_write_with_all_events() -> None:
    """What is over within a moment was never told before."""
    assert concluded(challenge(), ACMEState.VALID, "", NOW) == SetChallengeStatus(
        ChallengeStatus(presented_at=NOW, state=ACMEState.VALID, reason="Successfully authorized domain"),
        (STARTED, PRESENTED, Tell("DomainVerified", f'Domain "{HOST}" verified with "HTTP-01" validation')),
    )


@pytest.mark.parametrize("state", [ACMEState.INVALID, ACMEState.ERRORED, ACMEState.EXPIRED])
def test_failure_has_the_sentence_of_the_ca(state: ACMEState) -> None:
    """Told in the reason and in a Warning; the first events are not repeated."""
    problem = "connection: no route to host"

    assert concluded(challenge(status=PENDING), state, problem, NOW + MOMENT) == SetChallengeStatus(
        ChallengeStatus(presented_at=NOW, state=state, reason=f"Error accepting authorization: {problem}"),
        (Tell("Failed", f"Accepting challenge authorization failed: {problem}", "Warning"),),
    )


@pytest.mark.parametrize(
    ("state", "known", "expected"),
    [
        pytest.param(ACMEState.VALID, None, ACMEState.VALID, id="valid"),
        pytest.param(ACMEState.INVALID, progress(answered=True), ACMEState.INVALID, id="we had it looked at"),
        pytest.param(ACMEState.INVALID, progress(), ACMEState.EXPIRED, id="we had not answered"),
        pytest.param(ACMEState.INVALID, None, ACMEState.EXPIRED, id="another process had it looked at"),
    ],
)
def test_a_failure_counts_for_whoever_answered(state: ACMEState, known: Progress | None, expected: ACMEState) -> None:
    """What the CA found while nobody was there is not the name's fault."""
    assert verdict(state, known) is expected


def test_pace_of_self_checks() -> None:
    """60 ms, doubling to ten seconds."""
    assert [check_pause(checks).total_seconds() for checks in (0, 1, 7, 8, 10_000)] == [0.06, 0.12, 7.68, 10, 10]


def test_a_class_of_the_solver_is_no_obstacle() -> None:
    """Whatever the Ingress template says, the steps are the same."""
    solver = ACMESolver(http01=HTTP01Solver(ingress=HTTP01Ingress(class_="nginx", name="shop")))

    assert step(challenge(solver=solver)) == SelfCheck()
