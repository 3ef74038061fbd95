"""What annotations ask for beside names, and the issuer's public CA does not give (`certs.rules.terms`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from certs.annotations import PROFILE
from certs.problems import Problem, ProblemType
from certs.publicca import public_ca
from certs.rules.ingress.subject import IngressRule, Subject
from certs.rules.rule import Action, Rule
from certs.rules.terms import Breach, misnamed_profile, refused, unmet
from certs.wanted import ANNOTATIONS

REFUSED: Final[Mapping[str, str]] = {
    "privateKey.algorithm": "cert-manager.io/private-key-algorithm",
    "privateKey.size": "cert-manager.io/private-key-size",
    "emailAddresses": "cert-manager.io/email-sans",
    "commonName": "cert-manager.io/common-name",
}
UNMET: Final[Mapping[str, str]] = {
    "duration": "cert-manager.io/duration",
    "renewBefore": "cert-manager.io/renew-before",
}
_REFUSED_KEYS: Final = frozenset(REFUSED.values())
_UNMET_KEYS: Final = frozenset(UNMET.values())


def check_refused(subject: Subject) -> Iterable[Problem]:
    """Return a key, and kinds of names, that the CA takes in no certificate."""
    acme = subject.acme
    if acme is None or _REFUSED_KEYS.isdisjoint(subject.ingress.metadata.annotations) or not subject.certificates:
        return ()
    ca = public_ca(acme.server)
    return _told(REFUSED, refused(subject.certificates[0].spec, ca)) if ca is not None else ()


def check_unmet(subject: Subject) -> Iterable[Problem]:
    """Return wishes about the lifetime that the CA cannot meet."""
    acme = subject.acme
    if acme is None or _UNMET_KEYS.isdisjoint(subject.ingress.metadata.annotations) or not subject.certificates:
        return ()
    ca = public_ca(acme.server)
    return _told(UNMET, unmet(subject.certificates[0].spec, ca, ca.profile(subject.profile))) if ca is not None else ()


def check_profile(subject: Subject) -> Iterable[Problem]:
    """Return a profile that is nearly one of the CA's."""
    acme, profile = subject.acme, subject.raw.metadata.annotations.get(PROFILE)
    ca = public_ca(acme.server) if acme is not None and profile else None
    misnamed = misnamed_profile(profile, ca) if ca is not None and profile else None
    if misnamed is None:
        return ()
    return (Problem(ANNOTATIONS @ PROFILE, ProblemType.INVALID, misnamed[0], profile, misnamed[1]),)


def _told(keys: Mapping[str, str], breaches: Iterable[Breach]) -> Iterator[Problem]:
    """Yield what is wrong with the annotations; all Certificates of an Ingress have the same of them."""
    for field, value, detail, remedy in breaches:
        yield Problem(ANNOTATIONS @ keys[field], ProblemType.INVALID, detail, value, remedy)


RULES: Final[tuple[IngressRule, ...]] = (
    Rule(
        "refused-by-ca",
        "A key, or a kind of name, that the issuer's public CA takes in no certificate.",
        check_refused,
        action=Action.WARN,
        remedy="Write the algorithm or size that is suggested; leave e-mail addresses to a CA of your own.",
        why="The hosts are proven, and then the CA answers badCSR to the request, each time anew.",
        needs_facts=True,
    ),
    Rule(
        "lifetime-unmet",
        "A lifetime, or a time of renewal, that the issuer's public CA makes impossible.",
        check_unmet,
        action=Action.WARN,
        remedy="Write what fits the CA's lifetime, or nothing: a third of it before the end is the default.",
        why="The CA issues for as long as it does, whatever the annotation says. A renewal that would be due before the"
        " beginning is ignored.",
        needs_facts=True,
    ),
    Rule(
        "profile-unknown",
        "A profile that is nearly one of the public CA's.",
        check_profile,
        action=Action.WARN,
        remedy="Write the profile that is suggested.",
        why="No order is made with a profile that the CA does not offer, so the certificate waits for a day.",
        needs_facts=True,
    ),
)
