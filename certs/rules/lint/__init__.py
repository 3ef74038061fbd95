"""Lint of Certificates and issuers: what the API takes and what will not work all the same, as warnings.

A Certificate that an Ingress asks for is left alone: what would be wrong with it was told there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from certs.api.certificate import Certificate
from certs.api.ingress import Ingress
from certs.api.issuer import AnyIssuer
from certs.api.meta import controller_of
from certs.facts import Facts
from certs.rules.findings import Findings
from certs.rules.lint import certificate, http01mode, issuer, names, terms
from certs.rules.lint.subject import CLUSTER_NAMESPACE, CertificateRule, CertificateSubject, IssuerRule, IssuerSubject
from certs.rules.rule import Policy, Rule, examine

CERTIFICATE_RULES: Final[tuple[CertificateRule, ...]] = (*certificate.RULES, *names.RULES, *terms.RULES)
ISSUER_RULES: Final[tuple[IssuerRule, ...]] = (*issuer.RULES, *http01mode.RULES)
LINT_RULES: Final[tuple[Rule[Any], ...]] = (*CERTIFICATE_RULES, *ISSUER_RULES)


def lint(
    obj: Certificate | AnyIssuer,
    old_of: Callable[[], Certificate | AnyIssuer | None],
    facts: Facts,
    policy: Policy,
    *,
    cluster_namespace: str = CLUSTER_NAMESPACE,
) -> Findings:
    """Return what is wrong with the object and was not wrong before; `old_of` is asked only if anything is.

    In `cluster_namespace` are the Secrets of ClusterIssuers.
    """
    if isinstance(obj, Certificate):
        owner = controller_of(obj.metadata) if obj.metadata.owner_references else None
        if owner is not None and owner.kind == Ingress.resource.kind:
            return Findings()

        def old_certificate() -> CertificateSubject | None:
            old = old_of()
            return CertificateSubject(old, facts) if isinstance(old, Certificate) else None

        subject = CertificateSubject(obj, facts)
        return examine(CERTIFICATE_RULES, subject, old_certificate, policy, synced=facts.synced)

    def old_issuer() -> IssuerSubject | None:
        old = old_of()
        if old is None or isinstance(old, Certificate):
            return None
        return IssuerSubject(old, facts, cluster_namespace)

    subject_of_issuer = IssuerSubject(obj, facts, cluster_namespace)
    return examine(ISSUER_RULES, subject_of_issuer, old_issuer, policy, synced=facts.synced)
