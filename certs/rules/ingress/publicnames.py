"""Names for a public CA: what it issues for, how many in one certificate, and one that fits into the common name.

Asked only where the issuer is an ACME CA that is known to be public (`certs.publicca`); a private one may take any
name.  The rules look at the Certificates that would be made, so at hosts of `spec.tls` and annotations alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from certs.annotations import MAX_COMMON_NAME
from certs.problems import Path, Problem, ProblemType
from certs.publicca import Profile, PublicCA, public_ca
from certs.rules.ingress.subject import IngressRule, Subject
from certs.rules.rule import Action, Rule
from certs.wanted import TLS


def check_public(subject: Subject) -> Iterator[Problem]:
    """Yield names that the CA will refuse, whoever proves them."""
    ca, profile = _ca(subject)
    if ca is None:
        return
    told = set()
    for named in subject.names:
        host = named.host
        refusal = ca.refusal(host, profile)
        if refusal is not None and host not in told:
            told.add(host)
            detail, remedy = refusal
            yield Problem(named.path, ProblemType.INVALID, detail, host, remedy)


def check_number(subject: Subject) -> Iterator[Problem]:
    """Yield entries with more names than the CA puts into one certificate."""
    ca, profile = _ca(subject)
    if ca is None or profile is None or len(subject.names) <= profile.max_names:
        return
    places = {entry.secret_name: i for i, entry in enumerate(subject.ingress.spec.tls)}
    for certificate in subject.certificates:
        count = len(certificate.spec.dns_names) + len(certificate.spec.ip_addresses)
        if count > profile.max_names:
            detail = f"{count} names, and {ca.name} takes {profile.max_names}"
            path = TLS @ places[certificate.metadata.name] / "hosts"
            yield Problem(path, ProblemType.INVALID, detail, count, "divide them among several entries")


def check_common_name(subject: Subject) -> Iterable[Problem]:
    """Return entries all of whose names are too long for the common name that the CA would take from them."""
    ca, profile = _ca(subject)
    if ca is None or profile is None or not profile.has_common_name:
        return ()
    if all(len(named.host) <= MAX_COMMON_NAME for named in subject.names):  # as nearly always
        return ()
    places = {entry.secret_name: i for i, entry in enumerate(subject.ingress.spec.tls)}
    return [
        _without_common_name(TLS @ places[made.metadata.name] / "hosts", made.spec.dns_names)
        for made in subject.certificates
        if made.spec.dns_names
        and not made.spec.common_name
        and all(len(name) > MAX_COMMON_NAME for name in made.spec.dns_names)
    ]


def _without_common_name(path: Path, names: tuple[str, ...]) -> Problem:
    detail = f"no name has at most {MAX_COMMON_NAME} bytes, so none can be the common name"
    return Problem(path, ProblemType.INVALID, detail, names[0], "add a shorter name")


def _ca(subject: Subject) -> tuple[PublicCA | None, Profile | None]:
    """Return the public CA of the issuer, and the profile under which it would issue, as far as they are known."""
    acme = subject.acme
    ca = public_ca(acme.server) if acme is not None else None
    if acme is None or ca is None:
        return None, None
    return ca, ca.profile(subject.profile)


RULES: Final[tuple[IngressRule, ...]] = (
    Rule(
        "name-not-public",
        "A name that the issuer's CA will refuse: it is a public CA, and the name is not.",
        check_public,
        action=Action.WARN,
        remedy="Use a name below a public suffix, or an issuer of your own CA. For IP addresses choose a profile that"
        " takes them.",
        why="The CA answers rejectedIdentifier, and each attempt counts against its limits.",
        needs_facts=True,
    ),
    Rule(
        "names-too-many",
        "More names in one certificate than the CA's profile takes.",
        check_number,
        action=Action.WARN,
        remedy="Divide the hosts among several entries of spec.tls, each with a Secret of its own.",
        why="The CA refuses the order.",
        needs_facts=True,
    ),
    Rule(
        "common-name-impossible",
        "Only names that are too long to be the common name, under a profile that wants one.",
        check_common_name,
        action=Action.WARN,
        remedy=f"Add a name of at most {MAX_COMMON_NAME} bytes, or choose a profile without a common name.",
        why="A common name has at most 64 bytes (RFC 5280, appendix A.1). Some CAs then refuse the order, and older"
        " clients see no name at all.",
        needs_facts=True,
    ),
)
