"""What a Certificate refers to: an issuer that is there and Ready, a Secret that it may write, passwords that exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from certs.api.certificate import Certificate
from certs.api.issuer import Issuer
from certs.facts import OTHER_SECRET
from certs.problems import Problem, ProblemType
from certs.rules.lint.subject import SPEC, CertificateRule, CertificateSubject
from certs.rules.references import OTHER_KIND, Words, missing_issuer, mistaken_group, unready_issuer
from certs.rules.rule import Action, Rule

ISSUER_REF: Final = SPEC / "issuerRef"
SECRET_NAME: Final = SPEC / "secretName"
WORDS: Final = Words(
    kind={kind: f"kind: {kind}" for kind in OTHER_KIND}, whole={kind: f"{kind} {{}}" for kind in OTHER_KIND}
)


def check_existence(subject: CertificateSubject) -> Iterable[Problem]:
    """Return that the issuer does not exist, with the one that was probably meant; one of others is left alone."""
    ref = subject.spec.issuer_ref
    if subject.issuer is not None or not ref.name:
        return ()
    if ref.effective_group != Issuer.resource.group or ref.effective_kind not in OTHER_KIND:
        return ()
    detail, remedy = missing_issuer(subject.facts, subject.namespace, ref, WORDS)
    return (Problem(ISSUER_REF / "name", ProblemType.INVALID, detail, ref.name, remedy),)


def check_group(subject: CertificateSubject) -> Iterable[Problem]:
    """Return a group that is nearly ours."""
    group = subject.spec.issuer_ref.effective_group
    if group == Issuer.resource.group or not mistaken_group(group):
        return ()
    detail = "no controller has issuers in this group"
    return (Problem(ISSUER_REF / "group", ProblemType.INVALID, detail, group, f"write {Issuer.resource.group}"),)


def check_readiness(subject: CertificateSubject) -> Iterable[Problem]:
    """Return that the issuer cannot sign now, and what it says itself."""
    issuer = subject.issuer
    unready = unready_issuer(issuer, subject.namespace) if issuer is not None else None
    if issuer is None or unready is None:
        return ()
    detail, remedy = unready
    return (Problem(ISSUER_REF / "name", ProblemType.INVALID, detail, issuer.metadata.name, remedy),)


def check_claims(subject: CertificateSubject) -> Iterable[Problem]:
    """Return that another Certificate writes the Secret; of two that are known, the first has it."""
    own, secret = subject.certificate.metadata.name, subject.spec.secret_name
    others = subject.facts.certificates_of_secret(subject.namespace, secret) if secret else ()
    if not others or others[0].metadata.name == own:
        return ()
    detail = f"Certificate {others[0].metadata.name} writes it already"
    return (Problem(SECRET_NAME, ProblemType.INVALID, detail, secret, "name another Secret, or use that Certificate"),)


def check_type(subject: CertificateSubject) -> Iterable[Problem]:
    """Return that the Secret exists with another type, which no update can change."""
    secret = subject.spec.secret_name
    if not secret or subject.facts.secret_type(subject.namespace, secret) != OTHER_SECRET:
        return ()
    detail = "exists with another type than kubernetes.io/tls, and keeps it"
    return (Problem(SECRET_NAME, ProblemType.INVALID, detail, secret, "name another Secret, or delete that one"),)


def check_passwords(subject: CertificateSubject) -> Iterator[Problem]:
    """Yield Secrets with passwords of keystores that do not exist."""
    keystores = subject.spec.keystores
    if keystores is None:
        return
    for name, keystore in (("jks", keystores.jks), ("pkcs12", keystores.pkcs12)):
        ref = keystore.password_secret_ref if keystore is not None and keystore.create else None
        if ref is not None and ref.name and subject.facts.secret_type(subject.namespace, ref.name) is None:
            path = SPEC / "keystores" / name / "passwordSecretRef" / "name"
            remedy = f"create it, with the key {ref.key}" if ref.key else "create it"
            yield Problem(path, ProblemType.INVALID, f"there is no Secret {ref.name}", ref.name, remedy)


KINDS: Final = (Certificate.resource.kind,)
RULES: Final[tuple[CertificateRule, ...]] = (
    Rule(
        "certificate-issuer-not-found",
        "An issuer that does not exist, or is of the other kind.",
        check_existence,
        action=Action.WARN,
        remedy="Write the name or kind that is suggested, or create the issuer; the certificate follows by itself.",
        why="The request waits until somebody creates that issuer.",
        needs_facts=True,
        kinds=KINDS,
    ),
    Rule(
        "certificate-issuer-group",
        "An issuer of a group that is nearly cert-manager.io.",
        check_group,
        action=Action.WARN,
        remedy="Write cert-manager.io, or leave the group out.",
        why="Controllers look only at requests of their own group, so nobody answers this one.",
        kinds=KINDS,
    ),
    Rule(
        "certificate-issuer-not-ready",
        "An issuer that cannot sign at present.",
        check_readiness,
        action=Action.WARN,
        remedy="Mend the issuer as its condition says; the certificate follows by itself.",
        why="The request waits until the issuer is Ready.",
        needs_facts=True,
        kinds=KINDS,
    ),
    Rule(
        "certificate-secret-claimed",
        "A Secret that another Certificate writes.",
        check_claims,
        action=Action.WARN,
        remedy="Name another Secret, or use the Certificate that is there.",
        why="Only one of the two may write it: the other never becomes Ready.",
        needs_facts=True,
        kinds=KINDS,
    ),
    Rule(
        "certificate-secret-type",
        "A Secret that exists with another type.",
        check_type,
        action=Action.WARN,
        remedy="Name another Secret, or delete the one that is there.",
        why="Kubernetes does not let the type of a Secret be changed. The certificate is put beside what is there, and"
        " a proxy that takes only kubernetes.io/tls does not serve it.",
        needs_facts=True,
        kinds=KINDS,
    ),
    Rule(
        "certificate-keystore-password",
        "A keystore whose password is in a Secret that does not exist.",
        check_passwords,
        action=Action.WARN,
        remedy="Create the Secret with the password.",
        why="The keystore cannot be made without it.",
        needs_facts=True,
        kinds=KINDS,
    ),
)
