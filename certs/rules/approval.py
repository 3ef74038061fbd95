"""Who may approve or deny a CertificateRequest: the question; the answer is the API server's (`webhook.approval`).

Asked when an update of the status brings an `Approved` or a `Denied` condition that was not there
(cert-manager, `internal/webhook/admission/certificaterequest/approval`).  The permission is the verb `approve` on
`signers` of cert-manager.io, for all issuers of a kind or for one: `issuers.cert-manager.io/*`,
`issuers.cert-manager.io/team.le`, `clusterissuers.cert-manager.io/le`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from certs.api.admission import UserInfo
from certs.api.certificaterequest import CertificateRequest
from certs.api.meta import IssuerReference, find_condition
from certs.problems import Path, Problem, ProblemType, show

VERB: Final = "approve"
GROUP: Final = "cert-manager.io"
RESOURCE: Final = "signers"
CONDITIONS: Final = ("Approved", "Denied")
# By these words whoever was refused knows why (`certs.decide.approval`).
NO_SIGNER: Final = "referenced signer resource does not exist"
NO_PERMISSION: Final = "does not have permissions to set approved/denied conditions"


class Signer(NamedTuple):
    """How the kind of an issuer is addressed."""

    plural: str
    group: str
    namespaced: bool


@dataclass(frozen=True, slots=True)
class Question:
    """May this user approve or deny requests for this issuer?"""

    user: UserInfo
    issuer: IssuerReference
    namespace: str


def question_of(new: CertificateRequest, old: CertificateRequest, user: UserInfo, namespace: str) -> Question | None:
    """Return what is to be asked, or None when nothing was approved or denied by this update."""
    for kind in CONDITIONS:
        if find_condition(new.status.conditions, kind) and not find_condition(old.status.conditions, kind):
            return Question(user, new.spec.issuer_ref, namespace)
    return None


def signer_names(signer: Signer, question: Question) -> tuple[str, str]:
    """Return the names under which the permission may be held, the wider one first.

    >>> from certs.api.meta import IssuerReference
    >>> question = Question(UserInfo(), IssuerReference("le"), "team")
    >>> signer_names(Signer("issuers", "cert-manager.io", namespaced=True), question)
    ('issuers.cert-manager.io/*', 'issuers.cert-manager.io/team.le')
    """
    prefix, name = f"{signer.plural}.{signer.group}", question.issuer.name
    return f"{prefix}/*", f"{prefix}/{question.namespace}.{name}" if signer.namespaced else f"{prefix}/{name}"


def unknown_signer(question: Question) -> Problem:
    """Return that there is no such kind of issuer."""
    detail = f"{NO_SIGNER}: {_shown(question.issuer)}"
    return Problem(Path("spec") / "issuerRef", ProblemType.FORBIDDEN, detail)


def not_permitted(question: Question) -> Problem:
    """Return that the user may not."""
    detail = f"user {show(question.user.username)} {NO_PERMISSION} for issuer {_shown(question.issuer)}"
    return Problem(Path("status") / "conditions", ProblemType.FORBIDDEN, detail)


def _shown(ref: IssuerReference) -> str:
    """Return the reference as Go prints the struct."""
    return f"{{{ref.name} {ref.kind} {ref.group}}}"
