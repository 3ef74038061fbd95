"""The issuer: named once, there, and Ready."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from certs.annotations import CLUSTER_ISSUER, ISSUER, ISSUER_GROUP
from certs.api.issuer import Issuer
from certs.api.meta import IssuerReference
from certs.problems import Problem, Problems, ProblemType
from certs.rules.ingress.subject import IngressRule, Subject
from certs.rules.references import Words, missing_issuer, mistaken_group, unready_issuer
from certs.rules.rule import Action, Rule
from certs.wanted import ANNOTATIONS

ANNOTATION_OF: Final = {"Issuer": ISSUER, "ClusterIssuer": CLUSTER_ISSUER}
WORDS: Final = Words(kind=ANNOTATION_OF, whole={kind: f"{key}: {{}}" for kind, key in ANNOTATION_OF.items()})


def check_missing(subject: Subject) -> Iterable[Problem]:
    """Return why no issuer is named."""
    annotations = subject.ingress.metadata.annotations
    if ISSUER in annotations or CLUSTER_ISSUER in annotations:
        return _problems(subject, ProblemType.REQUIRED)
    if isinstance(subject.named_issuer, IssuerReference):
        return ()
    detail = "asks for a certificate of the default issuer, and this cluster has none"
    remedy = f"name an issuer with {CLUSTER_ISSUER} or {ISSUER}"
    return (Problem(subject.issuer_path, ProblemType.REQUIRED, detail, remedy=remedy),)


def check_contradictions(subject: Subject) -> Iterable[Problem]:
    """Return the pairs of issuer annotations that exclude each other."""
    return _problems(subject, ProblemType.FORBIDDEN)


def _problems(subject: Subject, kind: ProblemType) -> Iterable[Problem]:
    issuer = subject.named_issuer
    return [problem for problem in issuer if problem.type is kind] if isinstance(issuer, Problems) else ()


def check_existence(subject: Subject) -> Iterable[Problem]:
    """Return that the issuer does not exist, with the one that was probably meant."""
    ref = subject.reference
    if ref is None or subject.issuer is not None or ref.effective_kind not in ANNOTATION_OF:
        return ()
    detail, remedy = missing_issuer(subject.facts, subject.namespace, ref, WORDS)
    return (Problem(subject.issuer_path, ProblemType.INVALID, detail, ref.name, remedy),)


def check_group(subject: Subject) -> Iterable[Problem]:
    """Return a group that is nearly ours."""
    group = subject.ingress.metadata.annotations.get(ISSUER_GROUP, "")
    if not group or group == Issuer.resource.group or not mistaken_group(group):
        return ()
    detail, remedy = "no controller has issuers in this group", f"write {Issuer.resource.group}"
    return (Problem(ANNOTATIONS @ ISSUER_GROUP, ProblemType.INVALID, detail, group, remedy),)


def check_readiness(subject: Subject) -> Iterable[Problem]:
    """Return that the issuer cannot sign now, and what it says itself."""
    issuer = subject.issuer
    unready = unready_issuer(issuer, subject.namespace) if issuer is not None else None
    if issuer is None or unready is None:
        return ()
    detail, remedy = unready
    return (Problem(subject.issuer_path, ProblemType.INVALID, detail, issuer.metadata.name, remedy),)


RULES: Final[tuple[IngressRule, ...]] = (
    Rule(
        "issuer-missing",
        "The annotations ask for a certificate, but of no issuer.",
        check_missing,
        remedy=f"Name an issuer with {CLUSTER_ISSUER} or {ISSUER}, or have the cluster's admin set a default issuer.",
        why="Without an issuer no Certificate can be made.",
    ),
    Rule(
        "issuer-contradiction",
        "Annotations that choose different issuers.",
        check_contradictions,
        remedy="Keep one of the two annotations.",
        why="The controller does not choose for you: no Certificate is made.",
    ),
    Rule(
        "issuer-not-found",
        "An issuer that does not exist.",
        check_existence,
        action=Action.WARN,
        remedy="Write the name that is suggested, or create the issuer; the certificate follows by itself.",
        why="The request waits until somebody creates that issuer. It is no reason to refuse, since the issuer may come"
        " later.",
        needs_facts=True,
    ),
    Rule(
        "issuer-group",
        "An issuer of a group that is nearly cert-manager.io.",
        check_group,
        action=Action.WARN,
        remedy="Write cert-manager.io, or remove the annotation.",
        why="Controllers look only at requests of their own group, so nobody answers this one.",
    ),
    Rule(
        "issuer-not-ready",
        "An issuer that cannot sign at present.",
        check_readiness,
        action=Action.WARN,
        remedy="Mend the issuer as its condition says; the certificate follows by itself.",
        why="The request waits until the issuer is Ready.",
        needs_facts=True,
    ),
)
