"""When somebody's permission to approve is in question."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from certs.api.admission import AdmissionReview, UserInfo
from certs.api.meta import IssuerReference
from certs.judge import Judge
from certs.rules.approval import Question, Signer, not_permitted, signer_names, unknown_signer
from tests.webhook.reviews import review

APPROVED = {"type": "Approved", "status": "True"}
DENIED = {"type": "Denied", "status": "True"}
READY = {"type": "Ready", "status": "True"}


def asked(
    new: list[dict[str, str]], old: list[dict[str, str]] | None, *, spec: Any = None, **more: Any
) -> Question | None:
    """Return what is asked about an update of the conditions."""
    before, after = ({"spec": spec or {}, "status": {"conditions": conditions}} for conditions in (old, new))
    request = {"operation": "UPDATE", "old": None if old is None else before, "subResource": "status", **more}
    body = review("certificaterequests", "CertificateRequest", after, **request)
    return Judge().approval_asked(msgspec.json.decode(body, type=AdmissionReview).request)


@pytest.mark.parametrize(
    ("new", "old", "is_asked"),
    [
        ([APPROVED], [], True),
        ([DENIED], [READY], True),
        ([{**APPROVED, "status": "False"}], [], True),
        ([APPROVED, DENIED], [APPROVED], True),
        ([APPROVED], [APPROVED], False),
        ([APPROVED, READY], [APPROVED], False),
        ([READY], [], False),
        ([], [APPROVED], False),
    ],
)
def test_what_is_new_is_asked_about(new: list[dict[str, str]], old: list[dict[str, str]], *, is_asked: bool) -> None:
    """Whatever its status; what stood there before is not."""
    assert (asked(new, old) is not None) is is_asked


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"subResource": ""}, id="not the status"),
        pytest.param({"operation": "CREATE"}, id="a new request"),
        pytest.param({"group": "example.com"}, id="another group"),
    ],
)
def test_nothing_else_is_asked_about(more: dict[str, Any]) -> None:
    assert asked([APPROVED], [], **more) is None


def test_what_cannot_be_read_is_told_by_validation() -> None:
    assert asked([APPROVED], None) is None


def test_who_asks_for_which_issuer() -> None:
    question = asked([APPROVED], [], spec={"issuerRef": {"name": "le", "kind": "ClusterIssuer"}})

    assert question is not None
    assert (question.user.username, question.namespace) == ("dev", "team")
    assert (question.issuer.name, question.issuer.kind, question.issuer.group) == ("le", "ClusterIssuer", "")


def test_names_and_sentences() -> None:
    question = Question(UserInfo('a"b'), IssuerReference("x", "AWSIssuer", "aws.example.com"), "team")

    assert signer_names(Signer("awsissuers", "aws.example.com", namespaced=False), question) == (
        "awsissuers.aws.example.com/*",
        "awsissuers.aws.example.com/x",
    )
    assert str(unknown_signer(question)) == (
        "spec.issuerRef: Forbidden: referenced signer resource does not exist: {x AWSIssuer aws.example.com}"
    )
    assert str(not_permitted(question)) == (
        'status.conditions: Forbidden: user "a\\"b" does not have permissions to set approved/denied conditions for'
        " issuer {x AWSIssuer aws.example.com}"
    )
