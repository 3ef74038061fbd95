"""A Certificate of an issuer that is not ours follows its request by what the conditions say, whoever wrote them."""

from __future__ import annotations

import msgspec
import pytest

from certs.api.certificate import Certificate, CertificateStatus
from certs.api.certificaterequest import CertificateRequest, CertificateRequestStatus
from certs.api.meta import Condition, IssuerReference, find_condition
from certs.decide.certificate import decide
from certs.decide.certificatesteps import (
    CreateRequest,
    DeleteRequest,
    ObservedCertificate,
    SetCertificateStatus,
    WriteSecret,
)
from certs.outcomes import DONE
from tests.certs.decide.objects import NOW, certificate, condition, issued, next_key, request, with_status

KEY = "shop-next"
APPROVED = condition("Approved", reason="policy.example.org")
CERTIFICATE = with_status(
    certificate(issuer_ref=IssuerReference("pca", "AWSPCAIssuer", "awspca.example.com")),
    CertificateStatus(
        conditions=(condition("Issuing", reason="ManuallyTriggered", message="by hand"),),
        next_private_key_secret_name=KEY,
    ),
)


def observed(*requests: CertificateRequest, of: Certificate = CERTIFICATE) -> ObservedCertificate:
    return ObservedCertificate(of, None, next_key(of, KEY), requests)


def judged(*conditions: Condition) -> CertificateRequest:
    return with_status(request(CERTIFICATE), CertificateRequestStatus(conditions))


def issuing(step: object) -> tuple[str, str, str]:
    assert isinstance(step, SetCertificateStatus)
    found = find_condition(step.status.conditions, "Issuing")
    assert found is not None
    return found.status, found.reason, found.message


def test_what_its_controller_waits_for_is_said_at_the_certificate() -> None:
    waiting = judged(APPROVED, condition("Ready", "False", reason="Pending", message="somebody must sign"))
    step = decide(observed(waiting), NOW)

    assert issuing(step) == ("True", "ManuallyTriggered", "somebody must sign")
    assert isinstance(step, SetCertificateStatus)
    assert decide(observed(waiting, of=with_status(CERTIFICATE, step.status)), NOW) == DONE


@pytest.mark.parametrize(
    ("conditions", "reason", "message"),
    [
        ((condition("Denied", reason="Policy", message="not here"),), "Policy", "not here"),
        ((APPROVED, condition("InvalidRequest", reason="BadKey", message="RSA only")), "BadKey", "RSA only"),
        ((APPROVED, condition("Ready", "False", reason="Failed", message="no quota")), "Failed", "no quota"),
    ],
    ids=["denied", "invalid", "failed"],
)
def test_its_refusal_is_a_failed_attempt(conditions: tuple[Condition, ...], reason: str, message: str) -> None:
    step = decide(observed(judged(*conditions)), NOW)

    sentence = f"The certificate request has failed to complete and will be retried: {message}"
    sentence = f"{sentence} (next attempt at 2026-03-01 13:00:00 UTC)"
    assert issuing(step) == ("False", reason, sentence)
    assert isinstance(step, SetCertificateStatus)
    assert step.status.failed_issuance_attempts == 1


def test_its_signature_is_stored() -> None:
    signed = issued(request(CERTIFICATE))

    assert decide(observed(signed), NOW) == WriteSecret(signed)


@pytest.mark.parametrize("name", ["shop", "s" * 234, "s" * 253], ids=["short", "one too long", "longest"])
def test_its_request_is_named_as_every_request(name: str) -> None:
    """A name that would become too long ends in a hash and stays the same."""
    cert = msgspec.structs.replace(CERTIFICATE, metadata=msgspec.structs.replace(CERTIFICATE.metadata, name=name))
    step = decide(observed(of=cert), NOW)

    assert isinstance(step, CreateRequest)
    assert step == decide(observed(of=cert), NOW)
    assert (step.name == f"{name}-1") is (len(name) <= 233)
    assert len(step.name) <= 253


@pytest.mark.parametrize(
    ("left", "deleted"),
    [
        pytest.param(request(CERTIFICATE, "junk"), "shop-junk", id="without a revision"),
        pytest.param(request(certificate(), 1), "shop-1", id="for another issuer"),
        pytest.param(request(CERTIFICATE, 1, with_key="two"), "shop-1", id="for another key"),
        pytest.param(request(CERTIFICATE, 7), None, id="of another revision"),
    ],
)
def test_what_is_left_of_before_makes_room(left: CertificateRequest, deleted: str | None) -> None:
    """Before another request is made under that name."""
    assert decide(observed(left), NOW) == (DeleteRequest(deleted) if deleted else decide(observed(), NOW))
