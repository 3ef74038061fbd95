"""What a Certificate asks beside names, and its issuer, above all a public CA, cannot give (`certs.rules.terms`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from certs.annotations import PROFILE
from certs.api.certificate import Certificate
from certs.decide.direction import contradicting
from certs.problems import Problem, ProblemType
from certs.rules.lint.subject import SPEC, CertificateRule, CertificateSubject
from certs.rules.rule import Action, Rule
from certs.rules.terms import Breach, misnamed_profile, refused, unmet
from certs.wanted import ANNOTATIONS


def check_refused(subject: CertificateSubject) -> Iterable[Problem]:
    """Return a key, and kinds of names, that the CA takes in no certificate."""
    ca = subject.ca
    return _told(refused(subject.spec, ca)) if ca is not None else ()


def check_unmet(subject: CertificateSubject) -> Iterable[Problem]:
    """Return wishes about the lifetime that the CA cannot meet."""
    ca, spec = subject.ca, subject.spec
    if ca is None or (spec.duration is None and spec.renew_before is None):
        return ()
    return _told(unmet(spec, ca, subject.profile))


def check_profile(subject: CertificateSubject) -> Iterable[Problem]:
    """Return a profile, chosen by annotation, that is nearly one of the CA's."""
    ca, profile = subject.ca, subject.certificate.metadata.annotations.get(PROFILE)
    misnamed = misnamed_profile(profile, ca) if ca is not None and profile else None
    if misnamed is None:
        return ()
    return (Problem(ANNOTATIONS @ PROFILE, ProblemType.INVALID, misnamed[0], profile, misnamed[1]),)


def check_overrides(subject: CertificateSubject) -> Iterable[Problem]:
    """Return that annotations bend the solver in more than one way, which no Challenge can follow."""
    if not subject.may_be_acme:
        return ()
    given = contradicting(subject.certificate.metadata.annotations)
    if not given:
        return ()
    first, second, *_ = given
    detail = f"excludes {first}"
    return (Problem(ANNOTATIONS @ second, ProblemType.FORBIDDEN, detail, remedy="remove all but one"),)


def _told(breaches: Iterable[Breach]) -> Iterator[Problem]:
    for field, value, detail, remedy in breaches:
        yield Problem(SPEC / field, ProblemType.INVALID, detail, value, remedy)


KINDS: Final = (Certificate.resource.kind,)
RULES: Final[tuple[CertificateRule, ...]] = (
    Rule(
        "certificate-refused-by-ca",
        "A key, or a kind of name, that the issuer's public CA takes in no certificate.",
        check_refused,
        action=Action.WARN,
        remedy="Write the algorithm or size that is suggested; leave e-mail addresses and URIs to a CA of your own.",
        why="The names are proven, and then the CA answers badCSR to the request, each time anew.",
        needs_facts=True,
        kinds=KINDS,
    ),
    Rule(
        "certificate-lifetime-unmet",
        "A lifetime, or a time of renewal, that the issuer's public CA makes impossible.",
        check_unmet,
        action=Action.WARN,
        remedy="Write what fits the CA's lifetime, or nothing: a third of it before the end is the default.",
        why="The CA issues for as long as it does, whatever the Certificate says. A renewal that would be due before"
        " the beginning is ignored.",
        needs_facts=True,
        kinds=KINDS,
    ),
    Rule(
        "certificate-profile-unknown",
        "A profile that is nearly one of the public CA's.",
        check_profile,
        action=Action.WARN,
        remedy="Write the profile that is suggested.",
        why="No order is made with a profile that the CA does not offer, so the certificate waits for a day.",
        needs_facts=True,
        kinds=KINDS,
    ),
    Rule(
        "certificate-solver-override-twice",
        "More than one annotation that changes how the challenge is routed.",
        check_overrides,
        action=Action.WARN,
        remedy="Keep one of the annotations http01-override-ingress-name, -class and -ingressclassname.",
        why="Each says alone where the challenge is routed, so the Order waits until one is left.",
        kinds=KINDS,
    ),
)
