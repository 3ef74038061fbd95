from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from certs.api.challenge import Challenge, ChallengeStatus
from certs.api.issuer import (
    ACMESolver,
    HTTP01Ingress,
    HTTP01Solver,
    Issuer,
    IssuerSpec,
)
from certs.api.order import ACMEState
from certs.decide.challenge import UNDONE, check_pause, decide, routed
from certs.decide.challengestatus import AUTHORIZED, PRESENTING, awaiting_verdict, concluded, explained, stage, verdict
from certs.decide.challengesteps import (
    UNDERWAY_LOOK,
    Answer,
    Discard,
    DropFinalizers,
    EnsureRoute,
    Look,
    ObservedChallenge,
    Progress,
    SelfCheck,
    SetChallengeStatus,
    TakeAway,
)
from certs.decide.effects import Tell
from certs.decide.solverpod import Obstacle
from certs.outcomes import DONE, Permanent, Wait, WaitingForUser
from tests.certs.decide.objects import HOST, HTTP01, NOW, challenge, issuer

MOMENT = timedelta(milliseconds=500)
WEEK_AGO = NOW - timedelta(days=7)
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


@pytest.mark.parametrize("state", [ACMEState.VALID, ACMEState.INVALID, ACMEState.EXPIRED, ACMEState.ERRORED], ids=str)
def test_what_must_not_stay_is_taken_away_at_the_end(state: ACMEState) -> None:
    """Whatever the end, and without any issuer."""
    over = challenge(status=ChallengeStatus(state=state))

    assert decide(ObservedChallenge(over, clear=False), NOW) == TakeAway()


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
            {"solver": ACMESolver(http01=HTTP01Solver())},
            f'cannot present HTTP-01 for "{HOST}": its solver says neither ingress nor gatewayHTTPRoute; '
            "write http01.ingress there, with an ingressClassName",
            id="neither Ingress nor HTTPRoute",
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


POD = Obstacle("solver pod x is being started")
ENDED = Obstacle("solver pod x has ended", over_at=NOW + 10 * MOMENT)
POD_REASON = f"Waiting for an answer to HTTP-01: {POD.why}"
ENDED_REASON = f"Waiting for an answer to HTTP-01: {ENDED.why}"


ENDS_ALWAYS: dict[str, Any] = {"routes": 4, "routed_at": NOW}


def behind(obstacle: Obstacle | None, after: timedelta, status: ChallengeStatus | None = None, **known: Any) -> object:
    """Decide with a pod that does not answer, so much later."""
    since = known.pop("answerable_since", None)
    observed = ObservedChallenge(
        challenge(status=status),
        issuer(),
        route_ready=True,
        progress=progress(**known),
        obstacle=obstacle,
        answerable_since=since,
    )
    return decide(observed, NOW + after)


@pytest.mark.parametrize(
    ("obstacle", "after", "known", "expected"),
    [
        pytest.param(POD, 0 * MOMENT, {}, Wait(NOW + 3 * MOMENT, POD_REASON), id="for a moment: not told"),
        pytest.param(ENDED, 10 * MOMENT, {}, EnsureRoute(), id="it is to be made again"),
        pytest.param(
            ENDED,
            39 * MOMENT,
            ENDS_ALWAYS,
            SetChallengeStatus(
                ChallengeStatus(processing=True, state=ACMEState.PENDING, reason=ENDED_REASON), (STARTED,)
            ),
            id="it ends each time: more rarely",
        ),
        pytest.param(ENDED, 40 * MOMENT, ENDS_ALWAYS, EnsureRoute(), id="it ends each time: then again"),
        pytest.param(None, 9 * MOMENT, {}, SelfCheck(), id="it answers: looked at once"),
        pytest.param(POD, 9 * MOMENT, {"answered": True}, Look(), id="the CA has been asked already"),
    ],
)
def test_a_pod_that_does_not_answer_is_waited_for(
    obstacle: Obstacle | None, after: timedelta, known: dict[str, Any], expected: object
) -> None:
    """Without a self check, which would find nobody."""
    assert behind(obstacle, after, **known) == expected


@pytest.mark.parametrize(
    ("obstacle", "reason", "until"),
    [(POD, POD_REASON, NOW + 24 * MOMENT), (ENDED, ENDED_REASON, NOW + 10 * MOMENT)],
    ids=["until it changes", "until it is made again"],
)
def test_why_a_pod_does_not_answer_is_told_once(obstacle: Obstacle, reason: str, until: datetime) -> None:
    """And nothing is presented yet, which is what a fixed pause counts from."""
    told = behind(obstacle, 4 * MOMENT)

    status = ChallengeStatus(processing=True, presented=False, state=ACMEState.PENDING, reason=reason)
    assert told == SetChallengeStatus(status, (STARTED,))
    assert behind(obstacle, 4 * MOMENT, status) == Wait(until, reason)


@pytest.mark.parametrize(
    ("since", "expected"),
    [(None, Answer()), (NOW + 20 * MOMENT, Wait(NOW + 26 * MOMENT, "x"))],
    ids=["from the beginning", "since a moment"],
)
def test_the_grace_begins_when_somebody_can_answer(since: datetime | None, expected: object) -> None:
    """A pod that took ten seconds to come leaves the proxy as long as the responder does."""
    status = ChallengeStatus(
        processing=True,
        presented=True,
        presented_at=NOW,
        state=ACMEState.PENDING,
        reason="Waiting for HTTP-01 challenge propagation: timed out",
    )
    found = behind(None, 21 * MOMENT, status, **UNSEEN, due=NOW + 60 * MOMENT, answerable_since=since)

    assert (found.until if isinstance(found, Wait) else found) == (
        expected.until if isinstance(expected, Wait) else expected
    )


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


def of_the_incumbent(solver: ACMESolver = HTTP01, *, replaceable: bool = True, **known: Any) -> object:
    """Decide about a Challenge that cert-manager has presented, ten seconds after it was seen first."""
    of = challenge(solver=solver, finalizers=("acme.cert-manager.io/finalizer",))
    observed = ObservedChallenge(of, issuer(), True, progress(**known), replaceable=replaceable)  # noqa: FBT003
    return decide(observed, NOW + 20 * MOMENT)


DEAD: dict[str, Any] = {"checks": 5, "check_problem": "503"}
ANOTHER = f'what cert-manager presented for "{HOST}" does not answer ({{}}); its Order makes another Challenge'
WAITS = msgspec.structs.replace(HTTP01, wait_instead_of_self_check="2m")


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        pytest.param({}, SelfCheck(), id="not checked"),
        pytest.param({"checks": 4, "check_problem": "503"}, SelfCheck(), id="checked in vain for a moment"),
        pytest.param(DEAD, Discard(ANOTHER.format("503")), id="checked in vain"),
        pytest.param(DEAD | {"replaceable": False}, SelfCheck(), id="its Order would make no other"),
        pytest.param(DEAD | {"reachable": True}, Answer(), id="its pod answers"),
        pytest.param(DEAD | {"answered": True}, Look(), id="the CA was told by us"),
        pytest.param(UNSEEN, Discard(ANOTHER.format("timed out")), id="cannot be seen from here"),
        pytest.param({"solver": WAITS}, Discard(ANOTHER.format("it is not checked")), id="would not be checked"),
    ],
)
def test_what_the_incumbent_presented_is_relied_on_while_it_answers(
    situation: dict[str, Any], expected: object
) -> None:
    """Its route goes before ours and leads to its pod alone, so a dead pod would hold the name up for ever."""
    assert of_the_incumbent(**situation) == expected


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


@pytest.mark.parametrize(
    ("answers", "minutes", "expected"),
    [
        pytest.param(1, 1.9, Look(), id="it is looked at"),
        pytest.param(1, 2, Answer(), id="it may not have heard"),
        pytest.param(2, 3.9, Look(), id="told twice"),
        pytest.param(2, 4, Answer(), id="and once more"),
        pytest.param(50, 59, Look(), id="a CA that takes its time"),
        pytest.param(50, 60, Answer(), id="is told every hour"),
    ],
)
def test_a_ca_that_says_nothing_is_told_again(answers: int, minutes: float, expected: object) -> None:
    """It may have lost what we said; nobody else would tell it before the authorization expires."""
    told_at = NOW - timedelta(minutes=minutes)

    assert step(challenge(), answered=True, answers=answers, answered_at=told_at, reachable=True) == expected


def test_what_the_ca_has_found_so_far_is_told() -> None:
    """It has looked in vain, and looks once more when it is told to."""
    found: dict[str, Any] = {
        "answered": True,
        "answers": 1,
        "answered_at": NOW,
        "reachable": True,
        "ca_problem": "connection: refused",
    }
    due = NOW + timedelta(seconds=10)

    told = step(challenge(), after=6 * MOMENT, **{**found, "due": due})

    assert isinstance(told, SetChallengeStatus)
    assert told.status.reason == "Waiting for the CA to validate the HTTP-01 challenge: connection: refused"
    assert stage(told.status.reason) == "Waiting for the CA to validate the HTTP-01 challenge"
    assert step(challenge(), after=timedelta(seconds=9), **found) == Look()
    assert step(challenge(), after=timedelta(seconds=10), **found) == Answer()


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


@pytest.mark.parametrize(
    ("expires", "expected"),
    [
        (NOW, ACMEState.EXPIRED),
        (NOW - timedelta(days=6), ACMEState.EXPIRED),
        (datetime(1, 1, 1, tzinfo=UTC), ACMEState.INVALID),
        (NOW + timedelta(seconds=1), ACMEState.INVALID),
        (None, ACMEState.INVALID),
    ],
)
def test_an_authorization_that_has_expired_is_not_the_name_s_fault(
    expires: datetime | None, expected: ACMEState
) -> None:
    """Whoever waits for a route or a record for days finds it invalid at some CAs."""
    assert verdict(ACMEState.INVALID, progress(answered=True), expires=expires, since=WEEK_AGO, now=NOW) is expected
    assert (
        verdict(ACMEState.VALID, progress(answered=True), expires=expires, since=WEEK_AGO, now=NOW) is ACMEState.VALID
    )


@pytest.mark.parametrize(
    ("times", "seconds", "expected"),
    [
        pytest.param(0, 0, EnsureRoute(), id="never made"),
        pytest.param(2, 0, EnsureRoute(), id="undone twice"),
        pytest.param(3, 9, Wait(NOW + timedelta(seconds=10), UNDONE), id="undone three times"),
        pytest.param(3, 10, EnsureRoute(), id="ten seconds later"),
        pytest.param(4, 19, Wait(NOW + timedelta(seconds=20), UNDONE), id="once more"),
        pytest.param(99, 299, Wait(NOW + timedelta(minutes=5), UNDONE), id="for ever"),
    ],
)
@pytest.mark.parametrize("answered", [False, True])
def test_a_route_that_is_undone_is_not_fought_for(
    times: int, seconds: int, expected: object, *, answered: bool
) -> None:
    """Three times at once, as for a person at work; then ever more rarely, and it is said."""
    told = msgspec.structs.replace(PENDING, presented=False, presented_at=None, reason=UNDONE)
    known = {"routes": times, "routed_at": NOW, "answered": answered}

    assert step(challenge(status=told), route=False, after=timedelta(seconds=seconds), **known) == expected


def test_what_is_undone_is_said() -> None:
    """In the status, so in the Certificate."""
    written = step(challenge(status=PENDING), route=False, after=MOMENT * 4, routes=3, routed_at=NOW)

    assert isinstance(written, SetChallengeStatus)
    assert (written.status.reason, written.status.presented) == (UNDONE, False)


def test_each_making_of_the_route_is_counted() -> None:
    assert routed(None, NOW) == Progress(since=NOW, due=NOW, routes=1, routed_at=NOW)
    assert routed(progress(routes=2), NOW + MOMENT).routes == 3


def test_pace_of_self_checks() -> None:
    """60 ms, doubling to ten seconds."""
    assert [check_pause(checks).total_seconds() for checks in (0, 1, 7, 8, 10_000)] == [0.06, 0.12, 7.68, 10, 10]


def test_a_class_of_the_solver_is_no_obstacle() -> None:
    """Whatever the Ingress template says, the steps are the same."""
    solver = ACMESolver(http01=HTTP01Solver(ingress=HTTP01Ingress(class_="nginx", name="shop")))

    assert step(challenge(solver=solver)) == SelfCheck()


def test_a_check_that_nobody_waited_for_is_asked_about_when_it_is_over() -> None:
    """Not before, unless nobody has told."""
    known = progress(due=NOW + UNDERWAY_LOOK)
    asked = ObservedChallenge(challenge(status=PENDING), issuer(), route_ready=True, progress=known)
    ended = replace(asked, over=frozenset(("check",)))

    assert isinstance(decide(asked, NOW), Wait)
    assert decide(ended, NOW) == SelfCheck()
    assert decide(asked, NOW + UNDERWAY_LOOK) == SelfCheck()


def test_a_limit_holds_whatever_wakes_the_challenge() -> None:
    """Its own status, seen by the watch, above all; but not its end."""
    limited = ObservedChallenge(challenge(), issuer(), held_until=NOW + MOMENT)

    assert decide(limited, NOW) == Wait(NOW + MOMENT, "the CA has said when")
    assert decide(limited, NOW + MOMENT) == Look()
    assert decide(replace(limited, challenge=challenge(status=ChallengeStatus(state=ACMEState.VALID))), NOW) == DONE


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("", ""),
        (AUTHORIZED, AUTHORIZED),
        (PRESENTING, PRESENTING),
        (awaiting_verdict("DNS-01"), "Waiting for the CA to validate the DNS-01 challenge"),
        ("Waiting for DNS-01 challenge propagation: ns1: no such name", "Waiting for DNS-01 challenge propagation"),
        (
            "Waiting 90s before accepting HTTP-01 challenge without self-check",
            "Waiting before accepting HTTP-01 challenge without self-check",
        ),
        ("Error accepting authorization: 403 unauthorized", "Error accepting authorization"),
        ('cannot present "a.test": zone not found', "other"),
        ("Waiting for HTTP-01 challenge propagations: x", "other"),
    ],
)
def test_the_stage_that_a_reason_tells(reason: str, expected: str) -> None:
    """Of a few, whatever the sentence goes on to say."""
    assert stage(reason) == expected
