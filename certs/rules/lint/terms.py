"""What a Certificate asks for beside names, and its issuer's public CA does not give (`certs.rules.terms`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from certs.api.certificate import Certificate
from certs.problems import Problem, ProblemType
from certs.rules.lint.subject import SPEC, CertificateRule, CertificateSubject
from certs.rules.rule import Action, Rule
from certs.rules.terms import Breach, refused, unmet


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
)
