"""What about a Certificate is worth telling, and since when."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from certs.api.certificate import CertificateStatus
from certs.api.meta import Condition
from certs.decide.trouble import Kind, Patience, Severity, Trouble, trouble
from tests.certs.decide.objects import DAY, NOW, certificate, condition, with_status

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
READY = condition("Ready")
EXPIRY = NOW + 60 * DAY


def held(expires: datetime = EXPIRY, renewal: datetime | None = NOW + 30 * DAY, **more: object) -> CertificateStatus:
    """Return the status of one with a certificate of 90 days."""
    made = CertificateStatus(
        conditions=(READY,), not_before=expires - 90 * DAY, not_after=expires, renewal_time=renewal, revision=1
    )
    return msgspec.structs.replace(made, **more)


def issuing(status: str, ago: timedelta) -> Condition:
    return condition("Issuing", status, since=NOW - ago)


def not_ready(ago: timedelta) -> Condition:
    return condition("Ready", "False", since=NOW - ago)


def failed(ago: timedelta, attempts: int = 1, *conditions: Condition) -> CertificateStatus:
    return CertificateStatus(
        conditions=conditions, last_failure_time=NOW - ago, failed_issuance_attempts=attempts or None
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(CertificateStatus(), None, id="new"),
        pytest.param(held(), None, id="well"),
        pytest.param(failed(14 * MINUTE), None, id="failed just now"),
        pytest.param(failed(15 * MINUTE), (Kind.FAILING, 15 * MINUTE), id="failed, and not mended"),
        pytest.param(failed(2 * MINUTE, 2), None, id="failed twice, retried soon"),
        pytest.param(failed(MINUTE, 3), (Kind.FAILING, MINUTE), id="failed for the third time"),
        pytest.param(
            failed(MINUTE, 3, not_ready(HOUR)), (Kind.FAILING, HOUR), id="it has been unready for longer than that"
        ),
        pytest.param(
            failed(20 * MINUTE, 1, issuing("True", MINUTE)), (Kind.FAILING, 20 * MINUTE), id="an attempt is no success"
        ),
        pytest.param(
            CertificateStatus(conditions=(issuing("False", 16 * MINUTE),)),
            (Kind.FAILING, 16 * MINUTE),
            id="it cannot begin",
        ),
        pytest.param(CertificateStatus(conditions=(issuing("True", 59 * MINUTE),)), None, id="it takes its time"),
        pytest.param(
            CertificateStatus(conditions=(issuing("True", HOUR), not_ready(2 * HOUR))),
            (Kind.FAILING, HOUR),
            id="it does not get on",
        ),
        pytest.param(
            CertificateStatus(conditions=(not_ready(20 * MINUTE),)), (Kind.FAILING, 20 * MINUTE), id="a taken Secret"
        ),
        pytest.param(held(NOW - MINUTE), (Kind.FAILING, MINUTE), id="expired"),
        pytest.param(held(NOW + 10 * DAY, NOW - 20 * DAY), (Kind.EXPIRING, 0 * MINUTE), id="a third is left"),
        pytest.param(held(NOW + 10 * DAY + HOUR, NOW - 20 * DAY + HOUR), None, id="more than a third is left"),
        pytest.param(held(NOW + 21 * DAY, None), (Kind.EXPIRING, 0 * MINUTE), id="21 days, and nobody renews it"),
        pytest.param(held(NOW + 22 * DAY, None), None, id="22 days"),
        pytest.param(
            held(NOW + 2 * DAY, None, not_before=NOW - 4 * DAY), (Kind.EXPIRING, 0 * MINUTE), id="a third of six days"
        ),
        pytest.param(
            held(NOW + 2 * DAY + HOUR, None, not_before=NOW - 4 * DAY + HOUR), None, id="more than that of six days"
        ),
    ],
)
def test_what_is_told(status: CertificateStatus, expected: tuple[Kind, timedelta] | None) -> None:
    found = trouble(with_status(certificate(), status), NOW, Patience(), is_limited=False)

    assert (found and (found.kind, NOW - found.since)) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(CertificateStatus(conditions=(issuing("True", MINUTE),)), None, id="for a moment"),
        pytest.param(
            CertificateStatus(conditions=(issuing("True", 16 * MINUTE),)), (Kind.LIMITED, 16 * MINUTE), id="for longer"
        ),
        pytest.param(
            failed(20 * MINUTE, 1, issuing("True", MINUTE)), (Kind.LIMITED, 20 * MINUTE), id="the next attempt"
        ),
        pytest.param(
            held(NOW + 10 * DAY, NOW - 20 * DAY, conditions=(READY, issuing("True", MINUTE))),
            (Kind.EXPIRING, 0 * MINUTE),
            id="what would be told anyhow",
        ),
    ],
)
def test_what_is_told_while_a_limit_holds_it_up(
    status: CertificateStatus, expected: tuple[Kind, timedelta] | None
) -> None:
    """As long as it would be got on with otherwise."""
    found = trouble(with_status(certificate(), status), NOW, Patience(), is_limited=True)

    assert (found and (found.kind, NOW - found.since)) == expected


@pytest.mark.parametrize(
    ("left", "severity"),
    [
        (9 * DAY, Severity.WARNING),
        (7 * DAY, Severity.CRITICAL),
        (1 * DAY, Severity.CRITICAL),
        (-1 * DAY, Severity.CRITICAL),
    ],
)
def test_it_is_critical_when_it_hurts_soon(left: timedelta, severity: Severity) -> None:
    """Seven days, of a certificate of ninety."""
    found = trouble(with_status(certificate(), held(NOW + left, NOW - 30 * DAY)), NOW, Patience(), is_limited=False)

    assert isinstance(found, Trouble)
    assert found.severity is severity


def test_of_one_that_goes_nothing_is_told() -> None:
    one = with_status(certificate(), failed(HOUR))
    going = msgspec.structs.replace(one, metadata=msgspec.structs.replace(one.metadata, deletion_timestamp=NOW))

    assert trouble(going, NOW, Patience(), is_limited=False) is None
