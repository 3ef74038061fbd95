"""Approval of a CertificateRequest: our word, and what it means when we may not give it.

Approved are all requests that nobody has judged and that have not ended, whatever the group of their issuer; so the
issuers of others work without an approver of their own (cert-manager, `certificaterequests-approver`).  Whether
we may is asked by the webhook for each issuer, with a SubjectAccessReview (`certs.rules.approval`), and only its
refusal is one of the approval: a missing right to write the status at all, or a webhook that does not answer, is
trouble of another kind and stays an API error.  Nothing tells us when a role is changed; so we ask again, with
back-off.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from certs.api.certificaterequest import CertificateRequest, CertificateRequestStatus
from certs.api.meta import ConditionStatus, IssuerReference, is_true, with_condition
from certs.decide.effects import Tell
from certs.outcomes import Unwatched
from certs.rules.approval import GROUP, NO_PERMISSION, NO_SIGNER, RESOURCE, VERB

APPROVED: Final = Tell(GROUP, "Certificate request has been approved by cert-manager.io")
NOT_YET_APPROVED: Final = Tell("WaitingForApproval", "Not signing CertificateRequest until it is Approved")


class ApprovalRefused(Unwatched):
    """We may not approve requests for this issuer: somebody else has to, or a role has to be widened."""


def is_foreign(request: CertificateRequest) -> bool:
    """Is its issuer somebody else's, so that we approve and never sign?"""
    return request.spec.issuer_ref.effective_group != GROUP


def is_approved(request: CertificateRequest) -> bool:
    """Has somebody approved it, we or another?"""
    return is_true(request.status.conditions, "Approved")


def is_judged(request: CertificateRequest) -> bool:
    """Has somebody said yes or no to it?"""
    return any(is_true(request.status.conditions, kind) for kind in ("Approved", "Denied", "InvalidRequest"))


def approved(status: CertificateRequestStatus, now: datetime) -> CertificateRequestStatus:
    """Return the status with our approval, conditions in the order in which they came about."""
    conditions = with_condition(
        status.conditions, "Approved", ConditionStatus.TRUE, reason=APPROVED.reason, message=APPROVED.message, now=now
    )
    return msgspec.structs.replace(
        status, conditions=tuple(sorted(conditions, key=lambda condition: condition.type != "Approved"))
    )


def refusal(request: CertificateRequest, wanted: CertificateRequestStatus, said: str) -> ApprovalRefused | None:
    """Return what a refused write of that status means if it is the approval that was refused, else None."""
    if is_approved(request) or not is_true(wanted.conditions, "Approved"):
        return None
    ref = request.spec.issuer_ref
    if NO_SIGNER in said:
        sentence = (
            f"cannot approve: this cluster has no kind {ref.effective_kind} of {ref.effective_group}; install what "
            f'brings it, or correct the issuerRef "{ref.name}"'
        )
    elif NO_PERMISSION in said:
        sentence = (
            f'cannot approve: the service account of the shim has no permission for {ref.effective_kind} "{ref.name}" '
            f"of {ref.effective_group}; grant it the verb {VERB} on {RESOURCE} of group {GROUP}, resourceName "
            f'"{signer_resource(ref)}/*", or have another approver approve'
        )
    else:
        return None
    return ApprovalRefused(sentence, reason="ApprovalRefused")


def signer_resource(ref: IssuerReference) -> str:
    """Return the resource of an issuer's kind, by the rule that kinds are made plural by (apimachinery, `meta`).

    The webhook asks the API server; a kind whose plural follows no rule is not known here.

    >>> signer_resource(IssuerReference("x", "AWSPCAClusterIssuer", "awspca.example.com"))
    'awspcaclusterissuers.awspca.example.com'
    """
    kind = ref.effective_kind.lower()
    if kind.endswith("s"):
        plural = f"{kind}es"
    elif kind.endswith("y"):
        plural = f"{kind[:-1]}ies"
    else:
        plural = f"{kind}s"
    return f"{plural}.{ref.effective_group}"
