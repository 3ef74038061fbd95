"""When a pause after a failed proof ends early, and that no CA's limit of failures is ever reached by it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from certs.api.certificate import CertificateStatus
from certs.decide.backoff import LADDER, Setback
from certs.decide.findings import Fault, Finding, Layer, Outlook
from certs.decide.repair import A_DAY, LookAgain, Watch, is_repaired, looked, looking, mended, next_look
from certs.outcomes import Wait
from tests.certs.decide.objects import DAY, NOW

FAILED = NOW - timedelta(seconds=30)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
DNS: Fault = ("a.example", Layer.DNS)
ROUTE: Fault = ("a.example", Layer.ROUTE)
SILENCE: Fault = ("a.example", Layer.SILENCE)
CAA: Fault = ("a.example", Layer.CAA)


def status(attempts: int = 1, at: datetime | None = FAILED) -> CertificateStatus:
    return CertificateStatus(last_failure_time=at, failed_issuance_attempts=attempts)


def watch(*wrong: Fault, still: tuple[Fault, ...] = (), **fields: Any) -> Watch:
    """Return what is known after the second look: whatever is not wrong any more is seen to be right."""
    usual: dict[str, Any] = {"failed_at": FAILED, "asked_at": NOW - SECOND, "looks": 2, "answered": True}
    seen = {"wrong": frozenset(wrong), "still": frozenset(still), "right": frozenset(wrong) - frozenset(still)}
    return Watch(**(usual | seen | fields))


def seen(*wrong: Fault, right: tuple[Fault, ...] = ()) -> Outlook:
    return Outlook(tuple(Finding(*fault, sure=False, sentence="") for fault in wrong), frozenset(right))


@pytest.mark.parametrize(
    ("known", "of", "expected"),
    [
        pytest.param(watch(DNS), status(), True, id="mended"),
        pytest.param(watch(DNS, still=(DNS,)), status(), False, id="still wrong"),
        pytest.param(watch(), status(), False, id="nothing was seen wrong"),
        pytest.param(watch(DNS, right=frozenset()), status(), False, id="nobody answered this time"),
        pytest.param(watch(wrong=None), status(), False, id="nobody has ever answered"),
        pytest.param(watch(DNS, answered=False), status(), False, id="being looked at"),
        pytest.param(watch(DNS, CAA, still=(CAA,)), status(), False, id="one of two"),
        pytest.param(watch(DNS, still=(ROUTE,)), status(), False, id="mended, and leads elsewhere"),
        pytest.param(watch(DNS, still=(SILENCE,)), status(), True, id="mended, and cannot be reached from here"),
        pytest.param(watch(SILENCE, still=(SILENCE,)), status(), False, id="never seen from here"),
        pytest.param(watch(SILENCE), status(), True, id="reached again"),
        pytest.param(watch(DNS, failed_at=FAILED - HOUR), status(), False, id="of an earlier failure"),
        pytest.param(watch(DNS, asked_at=NOW - HOUR), status(), False, id="seen long ago"),
        pytest.param(watch(DNS), status(at=NOW - SECOND), False, id="another failure"),
        pytest.param(watch(DNS, failed_at=NOW - SECOND), status(at=NOW - SECOND), False, id="too soon"),
        pytest.param(watch(DNS), status(3), True, id="third"),
        pytest.param(watch(DNS), status(4), False, id="fourth, within the hour"),
        pytest.param(watch(DNS, failed_at=NOW - HOUR), status(4, NOW - HOUR), True, id="fourth, after an hour"),
        pytest.param(watch(DNS, early=(NOW - HOUR,) * A_DAY), status(), False, id="too often today"),
        pytest.param(watch(DNS, early=(NOW - DAY - HOUR,) * A_DAY), status(), True, id="often, before today"),
        pytest.param(None, status(), False, id="nobody looks"),
        pytest.param(watch(DNS), status(at=None), False, id="nothing has failed"),
    ],
)
def test_a_repair_ends_the_pause(known: Watch | None, of: CertificateStatus, expected: bool) -> None:  # noqa: FBT001
    assert is_repaired(known, of, NOW) is expected


@pytest.mark.parametrize(
    ("known", "setback", "expected"),
    [
        pytest.param(None, Setback.PROOF, None, id="nobody looks"),
        pytest.param(Watch(), None, None, id="no failure of a CA's"),
        pytest.param(Watch(), Setback.PROOF, LookAgain(), id="nobody has looked"),
        pytest.param(Watch(), Setback.REFUSAL, LookAgain(), id="a refusal may be by CAA"),
        pytest.param(watch(DNS, failed_at=FAILED - HOUR), Setback.PROOF, LookAgain(), id="a new failure"),
        pytest.param(watch(), Setback.PROOF, NOW + SECOND, id="nothing seen yet"),
        pytest.param(watch(looks=3), Setback.PROOF, None, id="nothing to be seen from here"),
        pytest.param(watch(DNS, still=(DNS,)), Setback.PROOF, NOW + SECOND, id="the pause of the second look"),
        pytest.param(watch(DNS, still=(DNS,), asked_at=NOW - 2 * SECOND), Setback.PROOF, LookAgain(), id="due"),
        pytest.param(watch(DNS, still=(DNS,), looks=9), Setback.PROOF, NOW + 29 * SECOND, id="thirty seconds at most"),
        pytest.param(watch(answered=False, wrong=None), Setback.PROOF, NOW + 5 * SECOND, id="no answer yet"),
        pytest.param(watch(wrong=None), Setback.PROOF, NOW + SECOND, id="nobody answered"),
        pytest.param(
            watch(answered=False, wrong=None, asked_at=NOW - 6 * SECOND), Setback.PROOF, LookAgain(), id="answer lost"
        ),
    ],
)
def test_when_to_look(known: Watch | None, setback: Setback | None, expected: object) -> None:
    due = Wait(expected, "what was wrong is looked at") if isinstance(expected, datetime) else expected

    assert next_look(known, status(), setback, NOW) == due


def test_after_the_fourth_failure_nobody_looks_for_an_hour() -> None:
    """What would be seen could not be tried."""
    found = next_look(watch(DNS, still=(DNS,), asked_at=NOW - HOUR / 2), status(4), Setback.PROOF, NOW)

    assert found == Wait(FAILED + HOUR, "what was wrong is looked at")


def test_the_first_look_that_sees_something_wrong_says_what_was_wrong() -> None:
    first = looked(looking(None, FAILED, NOW), seen(DNS), Setback.PROOF)
    second = looked(looking(first, FAILED, NOW + SECOND), seen(ROUTE, right=(DNS,)), Setback.PROOF)

    assert (first.wrong, first.still, first.looks) == (frozenset((DNS,)), frozenset((DNS,)), 1)
    assert (second.wrong, second.still, second.looks) == (frozenset((DNS,)), frozenset((ROUTE,)), 2)


def test_a_look_without_an_answer_says_nothing() -> None:
    """Neither that all was well from the beginning, nor that something is mended."""
    first = looked(looking(None, FAILED, NOW), seen(), Setback.PROOF)
    second = looked(looking(first, FAILED, NOW), seen(DNS), Setback.PROOF)
    third = looked(looking(second, FAILED, NOW), seen(), Setback.PROOF)

    assert first.wrong is None
    assert second.wrong == frozenset((DNS,))
    assert not is_repaired(third, status(), NOW)


def test_what_only_the_second_look_sees_counts() -> None:
    """The question by which it shows may have had no answer in time."""
    first = looked(looking(None, FAILED, NOW), seen(right=(DNS,)), Setback.PROOF)
    second = looked(looking(first, FAILED, NOW), seen(SILENCE, right=(DNS,)), Setback.PROOF)
    third = looked(looking(second, FAILED, NOW), seen(right=(DNS, SILENCE)), Setback.PROOF)

    assert (first.wrong, second.wrong) == (frozenset(), frozenset((SILENCE,)))
    assert is_repaired(third, status(), NOW + SECOND)


def test_what_was_still_wrong_at_an_early_attempt_is_looked_for_after_it() -> None:
    """It may be mended before anybody looks again, and then nothing would be seen wrong."""
    tried = watch(DNS, still=(SILENCE,))
    after = looked(looking(tried, NOW, NOW), seen(right=(DNS, SILENCE)), Setback.PROOF)

    assert after.wrong == frozenset((SILENCE,))
    assert is_repaired(after, status(2, NOW), NOW + 3 * SECOND)


def test_of_a_refusal_only_caa_is_looked_at() -> None:
    """That a blocked name leads nowhere is not why it is refused."""
    assert looked(looking(None, FAILED, NOW), seen(DNS, CAA), Setback.REFUSAL).wrong == frozenset((CAA,))


def test_attempts_that_a_repair_has_brought_are_counted() -> None:
    later = NOW + HOUR
    sat_out = looking(watch(DNS, still=(DNS,), early=(FAILED - HOUR,)), later, later)
    early = looking(watch(DNS, early=(FAILED - HOUR,)), later, later)

    assert sat_out.early == (FAILED - HOUR,)
    assert early.early == (FAILED - HOUR, FAILED)
    assert (early.wrong, early.answered, early.looks) == (None, False, 1)
    assert sat_out.wrong == frozenset((DNS,))


def test_the_limit_of_failures_is_never_reached() -> None:
    """Whoever breaks and mends a name all day, ladder and repairs together: four failures within any hour at most."""
    failures, known, now = [NOW], Watch(), NOW
    while now < NOW + 3 * DAY:
        attempts = len(failures)
        known = looked(looking(known, failures[-1], now), seen(DNS), Setback.PROOF)
        known = looked(looking(known, failures[-1], now), seen(right=(DNS,)), Setback.PROOF)
        by_ladder = failures[-1] + LADDER[min(attempts, len(LADDER)) - 1]
        while now < by_ladder and not is_repaired(known, status(attempts, failures[-1]), now):
            now += 10 * SECOND
            known = looked(looking(known, failures[-1], now), seen(right=(DNS,)), Setback.PROOF)
        failures.append(now)

    assert len(failures) > 10
    assert max(sum(1 for other in failures if one <= other < one + HOUR) for one in failures) == 4
    by_day = [sum(1 for other in failures if one <= other < one + DAY) for one in failures]
    assert max(by_day) <= A_DAY + 3


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (None, ""),
        (watch(), ""),
        (watch(DNS, ROUTE), 'what was wrong with "a.example" is seen to be mended'),
        (
            watch(DNS, ("b.example", Layer.DNS)),
            'what was wrong with "a.example" and others is seen to be mended',
        ),
    ],
)
def test_what_is_said_of_it(known: Watch | None, expected: str) -> None:
    assert mended(known) == expected
