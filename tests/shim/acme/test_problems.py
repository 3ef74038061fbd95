from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from certs.decide.limits import LIMITED
from certs.outcomes import Failure, Permanent, RateLimited, Transient, Unwatched, WaitingForUser
from shim.acme.problems import UNNAMED_LIMIT, AccountGone, OrderGone, Refusal, failure, forgotten
from shim.acme.resources import ProblemDocument

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def refusal(status: int, kind: str = "", retry_at: datetime | None = None) -> Refusal:
    problem = ProblemDocument(kind, "detail of the CA", status) if kind else None
    return Refusal(status, problem, retry_at, NOW)


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (400, "accountDoesNotExist", AccountGone),
        (400, "badCSR", Permanent),
        (400, "badPublicKey", WaitingForUser),
        (403, "caa", Permanent),
        (400, "externalAccountRequired", WaitingForUser),
        (400, "invalidContact", WaitingForUser),
        (400, "malformed", Permanent),
        (403, "rejectedIdentifier", Permanent),
        (500, "serverInternal", Transient),
        (403, "unauthorized", Permanent),
        (403, "userActionRequired", WaitingForUser),
        (429, "rateLimited", RateLimited),
        (403, "rateLimited", RateLimited),
        (418, "fromTheFuture", Permanent),
        (500, "fromTheFuture", Transient),
        (400, "", Permanent),
        (408, "", Transient),
        (429, "", RateLimited),
        (500, "", Transient),
        (502, "", Transient),
        (503, "", Transient),
        (302, "", Unwatched),
        (404, "", Unwatched),
        (405, "", Unwatched),
        (404, "malformed", Permanent),
    ],
)
def test_the_class_of_an_error(status: int, kind: str, expected: type[Failure]) -> None:
    """The type decides, the status only where there is none."""
    found = failure("cannot do this", refusal(status, kind))

    assert type(found) is expected
    assert str(found).startswith("cannot do this: ")


def test_a_sentence_has_cause_and_remedy() -> None:
    """What was attempted, what the CA says, what to do; the reason is CamelCase."""
    found = failure("cannot create an order for a.example", refusal(403, "rejectedIdentifier"))

    assert str(found) == (
        "cannot create an order for a.example: rejectedIdentifier: detail of the CA: "
        "remove the name, or use a CA that issues for it"
    )
    assert found.reason == "RejectedIdentifier"


@pytest.mark.parametrize(
    ("status", "kind", "retry_at", "until"),
    [
        (429, "rateLimited", NOW + timedelta(hours=34), NOW + timedelta(hours=34)),
        (429, "rateLimited", None, NOW + UNNAMED_LIMIT),
        (429, "", NOW + timedelta(seconds=3), NOW + timedelta(seconds=3)),
        (503, "", NOW + timedelta(seconds=3), NOW + timedelta(seconds=3)),
    ],
)
def test_the_end_of_a_limit(status: int, kind: str, retry_at: datetime | None, until: datetime) -> None:
    """Exactly as the server says; something sensible when it does not."""
    found = failure("cannot", refusal(status, kind, retry_at))

    assert isinstance(found, RateLimited)
    assert found.until == until
    assert (found.reason == LIMITED) is (status == 429)


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (404, "", OrderGone),
        (404, "malformed", OrderGone),
        (400, "malformed", OrderGone),
        (410, "", OrderGone),
        (400, "accountDoesNotExist", AccountGone),
        (403, "unauthorized", Permanent),
        (500, "serverInternal", Transient),
    ],
)
def test_the_class_of_an_error_on_reading(status: int, kind: str, expected: type[Failure]) -> None:
    """A plain read cannot be malformed by itself: the thing is gone."""
    assert type(forgotten("cannot read", refusal(status, kind))) is expected
