from __future__ import annotations

from datetime import timedelta

import pytest

from certs.api.certificate import CertificateStatus
from certs.decide.backoff import BackoffLimits, Setback, next_attempt
from tests.certs.decide.objects import NOW

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("attempts", "hours"),
    [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 32), (1000, 32), (None, 1), (0, 1), (-5, 1)],
)
def test_pause_doubles_from_one_hour_to_thirty_two(attempts: int | None, hours: int) -> None:
    """Attempts that nobody counted are one attempt."""
    status = CertificateStatus(last_failure_time=NOW, failed_issuance_attempts=attempts)

    assert next_attempt(status, BackoffLimits()) == NOW + hours * HOUR


def test_nothing_failed_nothing_to_wait_for() -> None:
    """Attempts without the time of a failure are no failure."""
    assert next_attempt(CertificateStatus(failed_issuance_attempts=3), BackoffLimits()) is None


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        pytest.param(BackoffLimits(HOUR / 60, HOUR), HOUR / 60 * 4, id="shorter"),
        pytest.param(BackoffLimits(3 * HOUR, 3 * HOUR), 3 * HOUR, id="constant"),
        pytest.param(BackoffLimits(3 * HOUR, HOUR), 3 * HOUR, id="the minimum wins over a maximum below it"),
    ],
)
def test_limits_are_the_admins(limits: BackoffLimits, expected: timedelta) -> None:
    """Third attempt under other limits."""
    status = CertificateStatus(last_failure_time=NOW, failed_issuance_attempts=3)

    assert next_attempt(status, limits) == NOW + expected


@pytest.mark.parametrize(
    ("setback", "attempts", "minutes"),
    [
        (Setback.PROOF, None, 1),
        (Setback.PROOF, 1, 1),
        (Setback.PROOF, 2, 10),
        (Setback.PROOF, 3, 100),
        (Setback.PROOF, 4, 24 * 60),
        (Setback.PROOF, 1000, 24 * 60),
        (Setback.REFUSAL, 1, 24 * 60),
        (Setback.REFUSAL, 7, 24 * 60),
    ],
)
def test_what_the_order_failed_by_counts_instead(setback: Setback, attempts: int | None, minutes: int) -> None:
    """Whatever the flags say: they are for issuers that tell no more than that they have failed."""
    status = CertificateStatus(last_failure_time=NOW, failed_issuance_attempts=attempts)

    assert next_attempt(status, BackoffLimits(5 * HOUR, 5 * HOUR), setback) == NOW + minutes * HOUR / 60
