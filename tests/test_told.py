"""How what was told is found in the audit log, and held against what `explain` knows; it needs no cluster itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from certs.api.certificate import CertificateStatus
from certs.api.certificaterequest import CertificateRequestStatus
from certs.api.challenge import ChallengeStatus
from certs.api.core import Event, ObjectReference
from certs.api.issuer import IssuerStatus
from certs.api.meta import KubeObject, ObjectMeta, encode
from certs.api.order import ACMEState, OrderStatus
from tests.certs.decide.objects import certificate, challenge, condition, issuer, order, request, with_status
from tests.cluster.audit import AuditEvent, AuditLog, AuditObject, AuditStatus, AuditUser
from tests.told import answered, told, unadvised, unmet

READY = condition("Ready", reason="Ready", message="Certificate is up to date and has not expired")
SAID = "cannot resolve a.test: its nameservers answer SERVFAIL"
STRANGE = "the moon is full (next attempt at 12:00:00 UTC)"


def written(obj: KubeObject, code: int = 200) -> AuditEvent:
    """Return that its status was written, or an Event created."""
    kind = obj.resource
    about = AuditObject(kind.plural, "" if isinstance(obj, Event) else "status", api_group=kind.group)
    verb = "create" if isinstance(obj, Event) else "update"
    return AuditEvent(
        verb,
        "ResponseComplete",
        request_uri="/",
        user=AuditUser("shim"),
        object_ref=about,
        response_status=AuditStatus(code),
        request_object=msgspec.Raw(encode(obj)),
    )


def event(kind: str, message: str) -> Event:
    return Event(ObjectMeta(name="x"), ObjectReference(kind="Order"), reason="Failed", message=message, type=kind)


def under_way(reason: str) -> KubeObject:
    return with_status(challenge(), ChallengeStatus(processing=True, state=ACMEState.PENDING, reason=reason))


@pytest.mark.parametrize(
    ("obj", "about", "row"),
    [
        pytest.param(under_way(SAID), "Challenge", "servfail", id="a Challenge"),
        pytest.param(with_status(order(), OrderStatus(reason=SAID)), "Order", "servfail", id="an Order"),
        pytest.param(
            with_status(
                request(),
                CertificateRequestStatus(conditions=(condition("Ready", "False", reason="Failed", message=SAID),)),
            ),
            "CertificateRequest",
            "servfail",
            id="a request",
        ),
        pytest.param(request(), "CertificateRequest", "unapproved", id="a request that nobody has approved"),
        pytest.param(
            with_status(certificate(), CertificateStatus(conditions=(condition("Issuing", "False", message=SAID),))),
            "Certificate",
            "servfail",
            id="a Certificate",
        ),
        pytest.param(issuer(ready=False), "Issuer", "issuer-not-ready", id="an issuer"),
        pytest.param(event("Warning", SAID), "Event Order Failed", "servfail", id="a warning"),
    ],
)
def test_a_failure_is_found_with_its_row(obj: KubeObject, about: str, row: str) -> None:
    found = list(told([written(obj)]).values())

    assert [(one.about, one.row) for one in found] == [(about, row)]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(written(event("Normal", SAID)), id="an event that is no warning"),
        pytest.param(
            written(with_status(challenge(), ChallengeStatus(state=ACMEState.VALID, reason="x"))), id="a proof"
        ),
        pytest.param(written(with_status(certificate(), CertificateStatus(conditions=(READY,)))), id="a certificate"),
        pytest.param(written(issuer(status=IssuerStatus(conditions=(READY,)))), id="an issuer"),
        pytest.param(written(under_way(SAID), code=409), id="what was not taken"),
    ],
)
def test_what_is_no_failure_is_left_out(said: AuditEvent) -> None:
    assert told([said]) == {}


def test_a_failure_without_advice_is_told_once() -> None:
    """Whatever moment it names; and not at all where it is known to need none."""
    again = STRANGE.replace("12:00:00", "13:30:10")
    said = told(map(written, (event("Warning", STRANGE), event("Warning", again), event("Warning", SAID)))).values()

    assert unadvised(said, {}) == ["Event Order Failed: the moon is full (next attempt at #:#:# UTC)"]
    assert unadvised(said, {"moon": "nothing helps", "SERVFAIL": "never met: it has a row"}) == []
    assert unmet(said, {"moon": "nothing helps", "SERVFAIL": "it has a row", "sun": "never said"}) == ["sun"]


def test_what_the_api_server_answers_is_known_too() -> None:
    said = 'admission webhook "ingress.certshim.io" denied the request: spec.tls[0].hosts: …'
    denied = msgspec.structs.replace(written(issuer()), response_status=AuditStatus(403, said))

    assert [one.row for one in answered([denied, written(issuer())])] == ["webhook-denied"]


def test_bodies_are_read_from_the_log(tmp_path: Path) -> None:
    """As they stand there; most requests have none."""
    plain: dict[str, Any] = {
        "verb": "update",
        "stage": "ResponseComplete",
        "requestURI": "/",
        "user": {},
        "objectRef": {"resource": "challenges", "subresource": "status"},
        "responseStatus": {"code": 200},
    }
    log = tmp_path / "audit.jsonl"
    with_body = plain | {"requestObject": json.loads(encode(under_way(SAID)))}
    log.write_text(f"{json.dumps(plain)}\n{json.dumps(with_body)}\n")

    assert [one.row for one in told(AuditLog(log).since()).values()] == ["servfail"]


def test_what_is_found_after_a_test_is_chance() -> None:
    """A later shim may find it, for as long as a namespace takes to go; it says so, and no run can be held to it."""
    found = with_status(challenge(), ChallengeStatus(state=ACMEState.PENDING, processing=True, reason=STRANGE))
    left = AuditEvent(
        "delete",
        "ResponseComplete",
        request_uri="/",
        user=AuditUser("tester"),
        object_ref=AuditObject("namespaces", name="web"),
        response_status=AuditStatus(200),
    )
    later = msgspec.structs.replace(written(found), object_ref=AuditObject("challenges", "status", "web"))

    assert len(told([later], chance=False)) == 1
    assert told([left, later], chance=False) == {}
    assert len(told([left, later])) == 1
