"""The steps of a Challenge that is proven over DNS."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from certs.api.challenge import Challenge, ChallengeStatus
from certs.api.issuer import RFC2136, ACMESolver, DNS01Solver, Issuer, SolverSelector
from certs.api.order import ACMEState
from certs.decide.challenge import check_pause, decide, unsupported
from certs.decide.challengeend import cleanup_failed, cleanup_goes_on
from certs.decide.challengestatus import concluded
from certs.decide.challengesteps import (
    FINALIZER,
    UNDERWAY_LOOK,
    AddFinalizer,
    Answer,
    CleanUp,
    Discard,
    DropFinalizers,
    Look,
    ObservedChallenge,
    Present,
    Progress,
    SelfCheck,
    SetChallengeStatus,
    record_name,
)
from certs.decide.effects import Tell
from certs.outcomes import DONE, Wait, WaitingForUser
from tests.certs.decide.objects import HOST, HTTP01, NOW, challenge, issuer

SECOND = timedelta(seconds=1)
DNS = ACMESolver(dns01=DNS01Solver(rfc2136=RFC2136(nameserver="192.0.2.53")))
ELSEWHERE = ACMESolver(dns01=DNS01Solver(rfc2136=RFC2136(nameserver="198.51.100.1")))
OTHERS = "example.org/audit"
STARTED = Tell("Started", "Challenge scheduled for processing")
PRESENTED = Tell("Presented", "Presented challenge using DNS-01 challenge mechanism")


def over_dns(solver: ACMESolver = DNS, *, finalizers: tuple[str, ...] = (FINALIZER,), **fields: Any) -> Challenge:
    """Return a DNS-01 Challenge."""
    usual: dict[str, Any] = {"type": "DNS-01", "solver": solver, "key": "value", "finalizers": finalizers}
    return challenge(**(usual | fields))


def progress(**fields: Any) -> Progress:
    usual: dict[str, Any] = {"since": NOW, "due": NOW, "looked": True}
    return Progress(**(usual | fields))


def step(
    of: Challenge | None = None,
    *,
    by: Issuer | None = None,
    presented: bool = True,
    after: timedelta = timedelta(),
    complete: bool = True,
    replaceable: bool = False,
    **known: Any,
) -> object:
    """Decide with these things known, so much later."""
    observed = ObservedChallenge(
        of or over_dns(), by or issuer(solvers=(DNS,)), presented, progress(**known), complete, replaceable
    )
    return decide(observed, NOW + after)


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        pytest.param({"of": over_dns(finalizers=(OTHERS,))}, AddFinalizer(), id="no finalizer of ours"),
        pytest.param({"looked": False, "presented": False}, Look(), id="no memory"),
        pytest.param({"presented": False}, Present(), id="not written"),
        pytest.param({"presented": False, "after": SECOND / 10, "complete": False, "since": NOW - SECOND}, Present()),
        pytest.param({}, SelfCheck(), id="written"),
        pytest.param({"reachable": True}, Answer(), id="seen"),
        pytest.param({"reachable": True, "answered": True}, Look(), id="answered"),
        pytest.param({"answered": True, "presented": False}, Present(), id="answered by another process of ours"),
    ],
)
def test_the_way_to_the_answer(situation: dict[str, Any], expected: object) -> None:
    """The finalizer is there before the record; the record before the question whether it is seen."""
    assert step(**situation) == expected


def test_the_first_waits_a_moment_for_the_others() -> None:
    """Wildcard and apex have their values at one name: while the Order still makes Challenges, nothing is written."""
    early = step(presented=False, complete=False)
    late = step(presented=False, complete=False, after=SECOND / 2)

    assert early == Wait(NOW + timedelta(milliseconds=40), "the Order makes its other Challenges")
    assert late == Present()


def test_a_change_that_takes_long_is_told_and_asked_about_again() -> None:
    """It is not presented yet, and the status does not say that it is."""
    told = step(presented=False, after=2 * SECOND, due=NOW + 3 * SECOND)
    assert told == SetChallengeStatus(
        ChallengeStatus(processing=True, state=ACMEState.PENDING, reason="Presenting the DNS-01 challenge"), (STARTED,)
    )
    assert isinstance(told, SetChallengeStatus)
    of = over_dns(status=told.status)

    assert step(of, presented=False, after=2 * SECOND, due=NOW + 3 * SECOND) == Wait(
        NOW + 3 * SECOND, "Presenting the DNS-01 challenge"
    )
    assert step(of, presented=False, after=3 * SECOND, due=NOW + 3 * SECOND) == Present()


def test_presented_is_told_once_when_it_is() -> None:
    """Also where it was told before that it is worked on."""
    of = over_dns(status=ChallengeStatus(processing=True, state=ACMEState.PENDING, reason="before"))
    known: dict[str, Any] = {"due": NOW + 9 * SECOND, "checks": 3, "check_problem": "ns1 does not have it"}

    told = step(of, after=4 * SECOND, **known)

    assert told == SetChallengeStatus(
        ChallengeStatus(
            processing=True,
            presented=True,
            presented_at=NOW + 4 * SECOND,
            state=ACMEState.PENDING,
            reason="Waiting for DNS-01 challenge propagation: ns1 does not have it",
        ),
        (PRESENTED,),
    )
    assert isinstance(told, SetChallengeStatus)
    again = msgspec.structs.replace(told.status, reason="before")
    other = step(over_dns(status=again), after=4 * SECOND, **known)
    assert isinstance(other, SetChallengeStatus)
    assert other.tell == ()


def test_a_fixed_wait_takes_the_place_of_the_check() -> None:
    """From the moment at which it was presented."""
    solver = msgspec.structs.replace(DNS, wait_instead_of_self_check="30s")
    by = issuer(solvers=(solver,))
    told = step(over_dns(solver), by=by)
    assert isinstance(told, SetChallengeStatus)
    assert told.status.reason == "Waiting 30s before accepting DNS-01 challenge without self-check"
    assert told.tell == (STARTED, PRESENTED)
    waiting = over_dns(solver, status=told.status)

    assert step(over_dns(solver), by=by, presented=False) == Present()
    assert step(waiting, by=by, after=29 * SECOND) == Wait(NOW + 30 * SECOND, "waiting 30s instead of a self check")
    assert step(waiting, by=by, after=30 * SECOND) == Answer()


def test_pace_of_checks() -> None:
    """One second, doubling to thirty."""
    paces = [check_pause(checks, "DNS-01").total_seconds() for checks in (0, 1, 4, 5, 10_000)]

    assert paces == [1, 2, 16, 30, 30]


# --- whose credentials -----------------------------------------------------------------------

FOR_ZONE = msgspec.structs.replace(DNS, selector=SolverSelector(dns_zones=("example.com",)))
FOR_LABEL = msgspec.structs.replace(DNS, selector=SolverSelector(match_labels={"team": "a"}))
FOR_WILDCARD = msgspec.structs.replace(DNS, selector=SolverSelector(dns_names=(f"*.{HOST}",)))


@pytest.mark.parametrize(
    ("of", "has"),
    [
        pytest.param(over_dns(ELSEWHERE), DNS, id="another server"),
        pytest.param(over_dns(FOR_ZONE), DNS, id="another selector"),
        pytest.param(over_dns(FOR_ZONE), FOR_ZONE, id="not its zone"),
        pytest.param(over_dns(FOR_LABEL), FOR_LABEL, id="not its label"),
        pytest.param(over_dns(FOR_WILDCARD), FOR_WILDCARD, id="not its name"),
        pytest.param(over_dns(), HTTP01, id="none over DNS"),
    ],
)
def test_only_the_issuer_says_where_credentials_go(of: Challenge, has: ACMESolver) -> None:
    """A Challenge whose solver is not the issuer's gets none; where an Order can make another, it is replaced."""
    by = issuer(solvers=(has,))
    with pytest.raises(WaitingForUser, match="only the issuer says where they go") as raised:
        step(of, by=by)
    assert raised.value.reason == "PresentError"

    assert step(of, by=by, replaceable=True) == Discard(str(raised.value))


def test_a_selector_is_asked_with_the_star() -> None:
    """A wildcard's name is not that of its apex."""
    assert step(over_dns(FOR_WILDCARD, wildcard=True), by=issuer(solvers=(HTTP01, FOR_WILDCARD))) == SelfCheck()


def test_over_http_any_solver_is_taken() -> None:
    """It has no credentials, and annotations of the Order may have changed it."""
    assert decide(ObservedChallenge(challenge(), issuer(solvers=(DNS,)), True, progress()), NOW) == SelfCheck()  # noqa: FBT003


@pytest.mark.parametrize(
    ("kind", "solver", "sentence"),
    [
        pytest.param("DNS-01", DNS, "", id="over DNS"),
        pytest.param("DNS-01", HTTP01, "its solver has no dns01", id="over DNS by HTTP"),
        pytest.param("HTTP-01", DNS, "its solver has no http01", id="over HTTP by DNS"),
        pytest.param(
            "DNS-01", msgspec.structs.replace(DNS, wait_instead_of_self_check="soon"), 'invalid duration "soon"'
        ),
    ],
)
def test_what_is_supported(kind: str, solver: ACMESolver, sentence: str) -> None:
    said = unsupported(kind, HOST, solver)

    assert bool(said) == bool(sentence)
    assert sentence in said


# --- the end ---------------------------------------------------------------------------------

DONE_WELL = ChallengeStatus(state=ACMEState.VALID)


def end(
    of: Challenge, *, after: timedelta = timedelta(), known: Progress | None = None, by: Issuer | None = None
) -> object:
    return decide(ObservedChallenge(of, by, progress=known), NOW + after)


@pytest.mark.parametrize(
    ("of", "known", "expected"),
    [
        pytest.param(over_dns(status=DONE_WELL), None, CleanUp(), id="valid"),
        pytest.param(over_dns(status=ChallengeStatus(state=ACMEState.INVALID)), None, CleanUp(), id="invalid"),
        pytest.param(over_dns(deleted=True), None, CleanUp(), id="deleted"),
        pytest.param(over_dns(deleted=True), progress(), CleanUp(), id="deleted in the middle"),
        pytest.param(over_dns(status=DONE_WELL), progress(cleaned=True), DropFinalizers(), id="cleaned up"),
        pytest.param(
            over_dns(deleted=True, finalizers=(OTHERS, FINALIZER)),
            progress(cleaned=True),
            DropFinalizers((OTHERS,)),
            id="others' finalizers are theirs",
        ),
        pytest.param(over_dns(status=DONE_WELL, finalizers=()), None, DONE, id="ended"),
        pytest.param(over_dns(deleted=True, finalizers=(OTHERS,)), None, DONE, id="deleted, and nothing of ours"),
    ],
)
def test_the_record_goes_and_then_the_finalizer(of: Challenge, known: Progress | None, expected: object) -> None:
    """Neither issuer nor solver has to be there for it."""
    assert end(of, known=known) == expected


def test_a_failed_clean_up_is_tried_again_more_and_more_seldom() -> None:
    """One second, doubling to five minutes: nobody waits for it."""
    known: Progress | None = None
    pauses = []
    for _ in range(12):
        known = cleanup_failed(known, "no answer", NOW)
        assert known.cleanup_due is not None
        pauses.append((known.cleanup_due - NOW).total_seconds())
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    of = over_dns(status=DONE_WELL)

    assert end(of, known=known, after=299 * SECOND) == Wait(NOW + 300 * SECOND, "cleaning up the DNS record again")
    assert end(of, known=known, after=300 * SECOND) == CleanUp()


def test_a_rate_limit_of_a_clean_up_is_kept() -> None:
    known = cleanup_failed(None, "429", NOW, NOW + 90 * SECOND)

    assert known.cleanup_due == NOW + 90 * SECOND


def test_a_deleted_challenge_goes_within_seconds_whatever_the_dns_does() -> None:
    """The record that stays is named, with its value: nobody else will know of it."""
    known = cleanup_failed(progress(), "cannot change it: no answer within 5 s", NOW + 2 * SECOND, NOW + 60 * SECOND)
    of = over_dns(deleted=True)
    assert end(of, known=known, after=3 * SECOND) == Wait(NOW + 5 * SECOND, "cleaning up the DNS record again")

    let_go = end(of, known=known, after=5 * SECOND)

    assert let_go == DropFinalizers(
        (),
        (
            Tell(
                "CleanUpError",
                f"Error cleaning up challenge: the TXT record _acme-challenge.{HOST} with the value value stays in the "
                "DNS; remove it by hand. cannot change it: no answer within 5 s",
                "Warning",
            ),
        ),
    )


def test_a_challenge_deleted_while_nobody_was_there_is_cleaned_up_all_the_same() -> None:
    """A new process tries for three seconds, whenever it was deleted."""
    late = timedelta(hours=1)
    assert end(over_dns(deleted=True), after=late) == CleanUp()
    known = cleanup_goes_on(None, NOW + late)

    assert end(over_dns(deleted=True), known=known, after=late + 2 * SECOND) == CleanUp()
    let_go = end(over_dns(deleted=True), known=known, after=late + 3 * SECOND)
    assert isinstance(let_go, DropFinalizers)
    assert "did not answer in time" in let_go.tell[0].message


def test_success_is_one_write_with_all_events() -> None:
    assert concluded(over_dns(), ACMEState.VALID, "", NOW) == SetChallengeStatus(
        ChallengeStatus(presented_at=NOW, state=ACMEState.VALID, reason="Successfully authorized domain"),
        (STARTED, PRESENTED, Tell("DomainVerified", f'Domain "{HOST}" verified with "DNS-01" validation')),
    )


def test_the_name_of_the_record() -> None:
    """RFC 8555 §8.4; the star of a wildcard is not in the Challenge's name."""
    assert record_name(over_dns(dns_name="Shop.Example.ORG.")) == "_acme-challenge.shop.example.org"


def test_a_change_that_nobody_waited_for_is_asked_about_when_it_is_over() -> None:
    known = progress(due=NOW + UNDERWAY_LOOK)
    asked = ObservedChallenge(over_dns(), issuer(solvers=(DNS,)), route_ready=False, progress=known)

    assert isinstance(decide(asked, NOW), Wait)
    assert decide(replace(asked, over=frozenset(("present",))), NOW) == Present()
    # What was left undone of another kind must not turn in circles.
    assert isinstance(decide(replace(asked, over=frozenset(("check",))), NOW), Wait)


def test_a_clean_up_that_nobody_waited_for_is_asked_about_when_it_is_over() -> None:
    going = progress(cleanup_began=NOW, cleanup_due=NOW + UNDERWAY_LOOK)
    asked = ObservedChallenge(over_dns(deleted=True), issuer(solvers=(DNS,)), progress=going)

    assert isinstance(decide(asked, NOW), Wait)
    assert decide(replace(asked, over=frozenset(("clean-up",))), NOW) == CleanUp()


def test_a_check_that_nobody_asks_about_any_more_does_not_hurry_the_clean_up() -> None:
    """It was under way when the Challenge was deleted; the clean-up fails, and is tried at its own pace."""
    failed = progress(cleanup_began=NOW, cleanup_due=NOW + SECOND, cleanups=1)
    asked = ObservedChallenge(over_dns(deleted=True), issuer(solvers=(DNS,)), progress=failed)

    assert isinstance(decide(replace(asked, over=frozenset(("check",))), NOW), Wait)
