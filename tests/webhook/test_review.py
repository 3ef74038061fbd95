"""Bytes to bytes: the envelope, what is counted, and that Flask's route gives the same answer."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jsonpatch
import pytest

from certs.facts import NothingKnown
from certs.health import Finding, found
from certs.judge import Judge
from certs.problems import Problem
from certs.rules.approval import Question, not_permitted
from tests.webhook.reviews import certificate, ingress, review
from webhook.app import create_app
from webhook.review import LOOKED_UP_WITHIN, MUTATE, VALIDATE, Count, Deferred, Reviewer


@pytest.fixture
def reviewer() -> Reviewer:
    return Reviewer(Judge())


def test_allowed_has_no_status(reviewer: Reviewer) -> None:
    body = review("orders", "Order", {}, group="acme.cert-manager.io")  # of which no rule asks for other objects

    reply = reviewer.answer(VALIDATE, "application/json", body)

    assert json.loads(reply.body) == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "allowed": True},
    }


def test_denied_says_why(reviewer: Reviewer) -> None:
    body = review("certificates", "Certificate", certificate(secretName=""))

    response = json.loads(reviewer.answer(VALIDATE, "application/json; charset=utf-8", body).body)["response"]

    assert response["allowed"] is False
    assert response["status"] == {
        "code": 403,
        "message": "spec.secretName: Required value: must be specified",
        "reason": "Forbidden",
    }
    assert response["warnings"]


def test_patch_is_a_json_patch_of_the_object(reviewer: Reviewer) -> None:
    obj = ingress("a.example.com", "b.example.com")

    body = review("ingresses", "Ingress", obj, group="networking.k8s.io")
    response = json.loads(reviewer.answer(MUTATE, "application/json", body).body)["response"]

    patched: Any = jsonpatch.JsonPatch(json.loads(base64.b64decode(response["patch"]))).apply(obj)
    assert response["patchType"] == "JSONPatch"
    assert patched["spec"]["tls"] == [{"hosts": ["a.example.com", "b.example.com"], "secretName": "shop-tls"}]


def test_verdicts_are_counted_and_malformed_requests_apart(reviewer: Reviewer) -> None:
    reviewer.answer(VALIDATE, "application/json", review("certificates", "Certificate", certificate()))
    reviewer.answer(VALIDATE, "application/json", review("whatever", "Whatever", {}, group="made.up"))
    reviewer.answer(VALIDATE, "application/json", b"{")

    assert reviewer.tally.verdicts == {
        Count(VALIDATE, "certificates", "CREATE", 200): 1,
        Count(VALIDATE, "other", "CREATE", 200): 1,
    }
    assert reviewer.tally.malformed == {400: 1}


def test_only_a_probe_closes_its_connection(reviewer: Reviewer) -> None:
    probe = reviewer.answer(VALIDATE, "application/json", review("configmaps", "ConfigMap", {}, group=""))
    other = reviewer.answer(VALIDATE, "application/json", review("certificates", "Certificate", certificate()))

    assert (probe.close, other.close) == (True, False)


@pytest.mark.parametrize("path", [MUTATE, VALIDATE])
def test_flask_route_answers_the_same(reviewer: Reviewer, path: str) -> None:
    body = review("ingresses", "Ingress", ingress(), group="networking.k8s.io")
    client = create_app(reviewer, healthy=tuple, ready=tuple).test_client()

    answered = client.post(path, data=body, content_type="application/json", base_url="https://webhook")

    assert answered.data == reviewer.answer(path, "application/json", body).body


def approval() -> bytes:
    """Return the review of an update that approves a request."""
    obj = {"spec": {"issuerRef": {"name": "le"}}, "status": {"conditions": [{"type": "Approved", "status": "True"}]}}
    old = {"spec": {"issuerRef": {"name": "le"}}}
    return review("certificaterequests", "CertificateRequest", obj, operation="UPDATE", old=old, subResource="status")


class Strict:
    """Lets nobody approve, and notes until when it had time."""

    deadline = 0.0

    def answer(self, question: Question, deadline: float) -> Problem | None:
        self.deadline = deadline
        return not_permitted(question)


def test_without_an_api_server_nobody_is_asked_who_may_approve(reviewer: Reviewer) -> None:
    """It passes, and the audit log says so."""
    response = json.loads(reviewer.answer(VALIDATE, "application/json", approval()).body)["response"]

    assert response["allowed"] is True
    assert response["auditAnnotations"] == {"not-checked": "approval: there is no API server to ask"}


def test_an_approval_waits_for_a_look_up() -> None:
    reviewer = Reviewer(Judge(), approver=Strict())

    begun = reviewer.begin(VALIDATE, "application/json", approval())

    assert isinstance(begun, Deferred)
    assert reviewer.tally.reviews == 0
    response = json.loads(begun.tell(begun.look_up(time.monotonic() + 1)).body)["response"]
    assert response["status"]["message"] == (
        'status.conditions: Forbidden: user "dev" does not have permissions to set approved/denied conditions'
        " for issuer {le  }"
    )
    assert reviewer.tally.verdicts == {Count(VALIDATE, "certificaterequests", "UPDATE", 403): 1}


def test_flask_route_looks_up_too() -> None:
    strict = Strict()
    reviewer = Reviewer(Judge(), approver=strict)
    client = create_app(reviewer, healthy=tuple, ready=tuple).test_client()

    answered = client.post(VALIDATE, data=approval(), content_type="application/json", base_url="https://webhook")

    assert b"does not have permissions" in answered.data
    assert answered.data == reviewer.answer(VALIDATE, "application/json", approval()).body
    assert 0 < strict.deadline - time.monotonic() <= LOOKED_UP_WITHIN


class Broken(NothingKnown):
    """Facts with a mistake in them, as a rule may have one."""

    def admission_of(self, namespace: str) -> str:
        raise LookupError("something nobody thought of")


@pytest.mark.parametrize(
    ("path", "body", "resource", "operation"),
    [
        (VALIDATE, review("certificates", "Certificate", certificate()), "certificates", "CREATE"),
        (MUTATE, review("ingresses", "Ingress", ingress("a.test"), group="networking.k8s.io"), "ingresses", "CREATE"),
    ],
    ids=["validate", "mutate"],
)
def test_a_mistake_is_answered_logged_and_counted(
    path: str, body: bytes, resource: str, operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    """By 500, so that the API server says so, and does what `failurePolicy` says; the traceback is in the log."""
    reviewer = Reviewer(Judge(facts=Broken()))

    reply = reviewer.answer(path, "application/json", body)

    assert reply.status == 500
    assert json.loads(reply.body)["message"] == (
        f"certshim cannot judge this object of {resource}: it has made a mistake, which its log shows"
    )
    assert reviewer.tally.verdicts == {Count(path, resource, operation, 500): 1}
    (record,) = caplog.records
    assert record.getMessage() == "review crashed"
    assert record.exc_info is not None
    assert record.__dict__["object"] == "team/shop"


def test_mistakes_are_counted_from_zero_on(reviewer: Reviewer) -> None:
    """Else Prometheus would not see the first one."""
    page = create_app(reviewer, healthy=tuple, ready=tuple).test_client().get("/metrics").text

    zero = 'certshim_webhook_reviews_total{code="500",operation="UPDATE",path="/mutate",resource="ingresses"} 0.0'
    assert zero in page


def test_reviews_are_not_taken_without_tls(reviewer: Reviewer) -> None:
    client = create_app(reviewer, healthy=tuple, ready=tuple).test_client()

    answered = client.post(VALIDATE, data=b"{}", content_type="application/json", base_url="http://webhook")

    assert answered.status_code == 404


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/livez", 200, "ok\n"),
        ("/livez?verbose", 200, "livez check passed\n"),
        ("/healthz", 500, "serving-certificate: there is none\n"),
        ("/readyz", 503, "called-by-api-server: not yet\n"),
        ("/readyz?verbose", 503, "[-]called-by-api-server failed: not yet\n[+]informers ok\nreadyz check failed\n"),
        ("/nowhere", 404, '{"kind":"Status"'),
    ],
)
def test_health(reviewer: Reviewer, path: str, status: int, text: str) -> None:
    """Each check is named, and says in words why it fails."""

    def no_certificate() -> tuple[Finding, ...]:
        return (found("serving-certificate", "there is none"),)

    def not_called() -> tuple[Finding, ...]:
        return found("called-by-api-server", "not yet"), found("informers", "")

    client = create_app(reviewer, healthy=no_certificate, ready=not_called).test_client()

    answered = client.get(path)

    assert (answered.status_code, answered.text[: len(text)]) == (status, text)


def test_metrics(reviewer: Reviewer) -> None:
    reviewer.answer(VALIDATE, "application/json", review("certificates", "Certificate", certificate()))

    page = create_app(reviewer, healthy=tuple, ready=tuple).test_client().get("/metrics").text

    expected = (
        'certshim_webhook_reviews_total{code="200",operation="CREATE",path="/validate",resource="certificates"} 1.0'
    )
    assert expected in page
