"""The issuer: named once, there, and Ready."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from certs.annotations import CLUSTER_ISSUER, ISSUER
from certs.api.issuer import ClusterIssuer
from certs.api.meta import ConditionStatus, IssuerReference, find_condition
from certs.problems import Problem, Problems, ProblemType
from certs.rules.ingress.subject import IngressRule, Subject
from certs.rules.nearest import nearest
from certs.rules.rule import Action, Rule

ANNOTATION_OF: Final = {"Issuer": ISSUER, "ClusterIssuer": CLUSTER_ISSUER}
OTHER_KIND: Final = {"Issuer": "ClusterIssuer", "ClusterIssuer": "Issuer"}
ONE: Final = {"Issuer": "an Issuer", "ClusterIssuer": "a ClusterIssuer"}
MAX_LISTED: Final = 3


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
    if ref is None or subject.issuer is not None or ref.effective_kind not in OTHER_KIND:
        return ()
    kind, other = ref.effective_kind, OTHER_KIND[ref.effective_kind]
    names = subject.facts.issuer_names(subject.namespace, kind)
    others = subject.facts.issuer_names(subject.namespace, other)
    detail, remedy = f"there is no {kind} {ref.name}", _instead(ref.name, names)
    if ref.name in others:
        detail, remedy = f"{detail}, but {ONE[other]}", f"write {ANNOTATION_OF[other]}"
    elif (meant := nearest(ref.name, names)) is not None:
        remedy = f"did you mean {meant}?"
    elif (meant := nearest(ref.name, others)) is not None:
        remedy = f"did you mean {ANNOTATION_OF[other]}: {meant}?"
    return (Problem(subject.issuer_path, ProblemType.INVALID, detail, ref.name, remedy),)


def _instead(name: str, names: Iterable[str]) -> str:
    listed = sorted(names)
    return f"create {name}, or name one of {', '.join(listed)}" if 0 < len(listed) <= MAX_LISTED else f"create {name}"


def check_readiness(subject: Subject) -> Iterable[Problem]:
    """Return that the issuer cannot sign now, and what it says itself.  One that says nothing yet is left alone."""
    issuer = subject.issuer
    ready = find_condition(issuer.status.conditions, "Ready") if issuer is not None else None
    if issuer is None or ready is None or ready.status == ConditionStatus.TRUE:
        return ()
    kind, name = type(issuer).resource.kind, issuer.metadata.name
    detail = f"{kind} {name} is not Ready: {': '.join(filter(None, (ready.reason, ready.message))) or 'no reason'}"
    where = "" if kind == ClusterIssuer.resource.kind else f" -n {subject.namespace}"
    remedy = f"see kubectl describe {type(issuer).resource.plural[:-1]} {name}{where}"
    return (Problem(subject.issuer_path, ProblemType.INVALID, detail, name, remedy),)


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
        "issuer-not-ready",
        "An issuer that cannot sign at present.",
        check_readiness,
        action=Action.WARN,
        remedy="Mend the issuer as its condition says; the certificate follows by itself.",
        why="The request waits until the issuer is Ready.",
        needs_facts=True,
    ),
)
