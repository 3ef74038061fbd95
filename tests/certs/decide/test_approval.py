from __future__ import annotations

import pytest

from certs.api.admission import UserInfo
from certs.api.certificaterequest import CertificateRequest, CertificateRequestStatus
from certs.api.meta import IssuerReference
from certs.decide.approval import ApprovalRefused, approved, refusal, signer_resource
from certs.decide.request import ObservedRequest, SetRequestStatus, decide
from certs.outcomes import WaitingForUser
from certs.rules.approval import Question, not_permitted, unknown_signer
from tests.certs.decide.objects import NOW, certificate, condition, request, with_status

FOREIGN = IssuerReference("pca", "AWSPCAIssuer", "awspca.example.com")
QUESTION = Question(UserInfo("shim"), FOREIGN, "web")
ATTEMPT = 'cannot update the status of CertificateRequest web/shop-1: admission webhook "x" denied the request: '


def asked(ref: IssuerReference = FOREIGN) -> CertificateRequest:
    return request(certificate(issuer_ref=ref))


def what_is_written(of: CertificateRequest) -> CertificateRequestStatus:
    step = decide(ObservedRequest(of), NOW)
    assert isinstance(step, SetRequestStatus)
    return step.status


def test_a_refused_approval_says_which_rule_is_missing() -> None:
    """In the words of the role that has to be written, and that somebody else may approve instead."""
    failure = refusal(asked(), what_is_written(asked()), ATTEMPT + str(not_permitted(QUESTION)))

    assert isinstance(failure, ApprovalRefused)
    assert isinstance(failure, WaitingForUser)
    assert failure.reason == "ApprovalRefused"
    assert str(failure) == (
        'cannot approve: the service account of the shim has no permission for AWSPCAIssuer "pca" of '
        "awspca.example.com; grant it the verb approve on signers of group cert-manager.io, resourceName "
        '"awspcaissuers.awspca.example.com/*", or have another approver approve'
    )


def test_a_kind_that_is_not_there_is_no_matter_of_roles() -> None:
    failure = refusal(asked(), what_is_written(asked()), ATTEMPT + str(unknown_signer(QUESTION)))

    assert str(failure) == (
        "cannot approve: this cluster has no kind AWSPCAIssuer of awspca.example.com; install what brings it, or "
        'correct the issuerRef "pca"'
    )


@pytest.mark.parametrize(
    "said",
    [
        'certificaterequests.cert-manager.io "shop-1" is forbidden: User "shim" cannot update resource',
        "cannot ask whether shim may approve for awspcaissuers.awspca.example.com/*: no answer within 2 s",
        "exceeded quota",
        "",
    ],
    ids=["no right to write at all", "the webhook could not ask", "something else", "no word"],
)
def test_other_refusals_are_none_of_the_approval(said: str) -> None:
    """They stay what they are: an API error, tried again as such."""
    assert refusal(asked(), what_is_written(asked()), ATTEMPT + said) is None


def test_only_a_write_that_approves_can_be_refused_the_approval() -> None:
    said = ATTEMPT + str(not_permitted(QUESTION))
    before = with_status(asked(), approved(asked().status, NOW))

    assert refusal(before, before.status, said) is None
    assert refusal(asked(), CertificateRequestStatus(conditions=(condition("Ready", "False"),)), said) is None


def test_our_own_issuers_can_be_refused_too() -> None:
    """The admin may let us approve for some of them only."""
    ours = asked(IssuerReference("le", "ClusterIssuer"))
    failure = refusal(ours, what_is_written(ours), ATTEMPT + str(not_permitted(QUESTION)))

    assert '"clusterissuers.cert-manager.io/*"' in str(failure)


@pytest.mark.parametrize(
    ("kind", "resource"),
    [
        ("", "issuers.g.test"),
        ("StepIssuer", "stepissuers.g.test"),
        ("OriginPolicy", "originpolicies.g.test"),
        ("Bypass", "bypasses.g.test"),
    ],
)
def test_resource_of_a_kind(kind: str, resource: str) -> None:
    assert signer_resource(IssuerReference("x", kind, "g.test")) == resource
