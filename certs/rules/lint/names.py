"""The names of a Certificate: written as a CA wants them, each once, and such as the issuer can sign.

What is wrong with the form of a name is told once; the rules about CAs and solvers look at the other names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final
from urllib.parse import urlsplit

from certs.api.certificate import CertificateSpec
from certs.hosts import canonical_host, host_problem, is_covered_by, is_ip_address, is_wildcard
from certs.pki.literal import InvalidLiteralSubject, common_name_of, parse_literal
from certs.problems import Path, Problem, ProblemType
from certs.rules.lint.subject import DNS_NAMES, IP_ADDRESSES, SPEC, CertificateRule, CertificateSubject
from certs.rules.proving import unproven
from certs.rules.rule import Action, Rule
from certs.wanted import MAX_TOLD


def check_form(subject: CertificateSubject) -> Iterator[Problem]:
    """Yield names that are right but for the way in which they are written."""
    for i, name in subject.odd_names[:MAX_TOLD]:
        meant = _meant(name)
        if meant != name:
            yield _problem(DNS_NAMES @ i, name, _oddity(name), f"write {meant}")


def _meant(name: str) -> str:
    """Return the name as it should be written; the name itself when nobody can tell."""
    try:
        meant = canonical_host(name.strip().rstrip("."))
    except ValueError:
        return name
    return name if host_problem(meant) or is_ip_address(meant) else meant


def _oddity(name: str) -> str:
    if name.strip() != name:
        return "has spaces around it"
    if name.endswith("."):
        return "ends with a dot"
    return "has capital letters" if name.isascii() else "is not in ASCII form"


def check_validity(subject: CertificateSubject) -> Iterator[Problem]:
    """Yield names that are no DNS names at all, however written."""
    for i, name in subject.odd_names[:MAX_TOLD]:
        detail = host_problem(name)
        if not detail or _meant(name) != name or is_ip_address(name.strip()):
            continue
        what, _, remedy = detail.partition("; ")
        yield _problem(DNS_NAMES @ i, name, what, _host_of(name) or remedy)


def _host_of(name: str) -> str:
    """Return what to write instead of a URL, or of a name with a port."""
    try:
        host = urlsplit(name if "://" in name else f"//{name}").hostname or ""
    except ValueError:
        return ""
    return f"write {host}" if host and host != name.lower() and not host_problem(host) else ""


def check_addresses(subject: CertificateSubject) -> Iterator[Problem]:
    """Yield IP addresses among the DNS names, which no client looks for there (RFC 5280 §4.2.1.6)."""
    for i, name in subject.odd_names[:MAX_TOLD]:
        if is_ip_address(name.strip()):
            yield _problem(DNS_NAMES @ i, name, "is an IP address", "move it to spec.ipAddresses")


def check_repetition(subject: CertificateSubject) -> Iterator[Problem]:
    """Yield names that stand there twice; how they are written does not matter."""
    spec = subject.spec
    for path, names in ((DNS_NAMES, spec.dns_names), (IP_ADDRESSES, spec.ip_addresses)):
        if len(names) > 1 and len(set(map(str.lower, names))) != len(names):
            yield from islice(_twice(path, names), MAX_TOLD)


def _twice(path: Path, names: tuple[str, ...]) -> Iterator[Problem]:
    seen = set()
    for i, name in enumerate(names):
        if name.lower() in seen:
            yield _problem(path @ i, name, "stands there twice", "remove one of the two")
        seen.add(name.lower())


def check_coverage(subject: CertificateSubject) -> Iterable[Problem]:
    """Return names for which a wildcard of the same Certificate stands, too; a CA of one's own signs both."""
    names = subject.spec.dns_names
    if len(names) < 2 or not subject.may_be_acme:
        return ()
    wildcards = {name.lower()[2:]: name for name in names if is_wildcard(name)}
    return islice(_covered(names, wildcards), MAX_TOLD) if wildcards else ()


def _covered(names: tuple[str, ...], wildcards: dict[str, str]) -> Iterator[Problem]:
    for i, name in enumerate(names):
        wildcard = wildcards.get(name.lower().partition(".")[2], "")
        if wildcard and is_covered_by(name, wildcard):
            yield _problem(DNS_NAMES @ i, name, f"is covered by {wildcard}, and a CA refuses both", "remove it")


def check_common_name(subject: CertificateSubject) -> Iterable[Problem]:
    """Return a common name that is none of the names, with an ACME issuer (as `certs.decide.request` refuses it)."""
    spec = subject.spec
    if not (spec.common_name or spec.literal_subject) or spec.common_name in spec.dns_names or subject.acme is None:
        return ()
    name = (spec.common_name or _literal_common_name(spec)).lower()
    if not name or not (spec.dns_names or spec.ip_addresses):
        return ()
    if any(name == other.lower() for other in (*spec.dns_names, *spec.ip_addresses)):
        return ()
    detail, remedy = "is none of the names, as ACME demands", "add it to spec.dnsNames, or remove it"
    if spec.common_name:
        return (_problem(SPEC / "commonName", spec.common_name, detail, remedy),)
    return (_problem(SPEC / "literalSubject", spec.literal_subject, f"its CN {detail}", remedy),)


def _literal_common_name(spec: CertificateSpec) -> str:
    """Return the common name of a literal subject; empty when there is none, or the API refuses the whole."""
    try:
        return common_name_of(parse_literal(spec.literal_subject)) or ""
    except InvalidLiteralSubject:
        return ""


def check_public(subject: CertificateSubject) -> Iterator[Problem]:
    """Yield names that the issuer's CA will refuse, whoever proves them."""
    ca, spec = subject.ca, subject.spec
    if ca is None:
        return
    profile = subject.profile
    refused = [(i, name, refusal) for i, name in _asked(subject) if (refusal := ca.refusal(name, profile)) is not None]
    for i, name, refusal in refused[:MAX_TOLD]:
        yield _problem(_place(spec, i), name, *refusal)
    if spec.common_name and not spec.dns_names and not spec.ip_addresses:
        refusal = ca.refusal(spec.common_name, profile)
        if refusal is not None:
            yield _problem(SPEC / "commonName", spec.common_name, *refusal)


def _asked(subject: CertificateSubject) -> Iterable[tuple[int, str]]:
    """Return the names that can be asked about, with their places in the list of all."""
    spec = subject.spec
    names = enumerate(spec.dns_names + spec.ip_addresses)
    if not subject.odd_names and not spec.ip_addresses:  # as nearly always
        return names
    odd, count = {i for i, _ in subject.odd_names}, len(spec.dns_names)
    return [(i, name) for i, name in names if i not in odd and (i < count or is_ip_address(name))]


def _place(spec: CertificateSpec, i: int) -> Path:
    """Return the field of a name by its place in the list of all."""
    count = len(spec.dns_names)
    return DNS_NAMES @ i if i < count else IP_ADDRESSES @ (i - count)


def check_number(subject: CertificateSubject) -> Iterable[Problem]:
    """Return that there are more names than the CA puts into one certificate."""
    spec = subject.spec
    count = len(spec.dns_names) + len(spec.ip_addresses)
    profile = subject.profile if count > 1 else None
    if profile is None or subject.ca is None or count <= profile.max_names:
        return ()
    detail = f"{count} names, and {subject.ca.name} takes {profile.max_names}"
    return (_problem(DNS_NAMES, count, detail, "divide them among several Certificates"),)


def check_provable(subject: CertificateSubject) -> Iterator[Problem]:
    """Yield names that no solver of the issuer can prove."""
    acme = subject.acme
    if acme is None:
        return
    spec, labels = subject.spec, subject.certificate.metadata.labels
    names = spec.dns_names + spec.ip_addresses
    odd = {i for i, _ in subject.odd_names}
    for i, detail, remedy in islice(unproven(names, spec.issuer_ref, acme, labels), MAX_TOLD):
        if i not in odd:
            yield _problem(_place(spec, i), names[i], detail, remedy)


def _problem(path: Path, value: object, detail: str, remedy: str) -> Problem:
    return Problem(path, ProblemType.INVALID, detail, value, remedy)


KINDS: Final = ("Certificate",)
RULES: Final[tuple[CertificateRule, ...]] = (
    Rule(
        "certificate-name-form",
        "A DNS name with capital letters, spaces, a final dot or letters beyond ASCII.",
        check_form,
        action=Action.WARN,
        remedy="Write it in small letters, without the final dot, umlauts and the like as A-labels (xn--…).",
        why="A CA refuses what is not the plain form of a name; capital letters alone are made small on the way.",
        kinds=KINDS,
    ),
    Rule(
        "certificate-name-invalid",
        "A DNS name that is none.",
        check_validity,
        action=Action.WARN,
        remedy="Write the host alone, without scheme, port or path; a star stands for the whole first label.",
        why="No CA issues for it, and the one bad name keeps the others from their certificate.",
        kinds=KINDS,
    ),
    Rule(
        "certificate-name-address",
        "An IP address among the DNS names.",
        check_addresses,
        action=Action.WARN,
        remedy="Move it to spec.ipAddresses.",
        why="Clients compare an address with the IP addresses of a certificate only, and CAs refuse it as a name.",
        kinds=KINDS,
    ),
    Rule(
        "certificate-name-twice",
        "A name that stands there twice.",
        check_repetition,
        action=Action.WARN,
        remedy="Remove one of the two.",
        why="It is left out on the way; other tools that read the Certificate may stumble over it.",
        kinds=KINDS,
    ),
    Rule(
        "certificate-name-covered",
        "A name for which a wildcard of the same Certificate stands, too.",
        check_coverage,
        action=Action.WARN,
        remedy="Remove the name, or the wildcard.",
        why="Let's Encrypt refuses such an order as redundant. One's own CA signs both, so nothing is said of that.",
        kinds=KINDS,
    ),
    Rule(
        "certificate-common-name-apart",
        "A common name that is none of the names, with an ACME issuer.",
        check_common_name,
        action=Action.WARN,
        remedy="Add it to spec.dnsNames, or remove it.",
        why="The order names what the certificate shall have; what is in the common name alone was never proven, so the"
        " request fails.",
        needs_facts=True,
        kinds=KINDS,
    ),
    Rule(
        "certificate-name-not-public",
        "A name that the issuer's CA will refuse: it is a public CA, and the name is not.",
        check_public,
        action=Action.WARN,
        remedy="Use a name below a public suffix, or an issuer of your own CA. For IP addresses choose a profile that"
        " takes them.",
        why="The CA answers rejectedIdentifier, and each attempt counts against its limits.",
        needs_facts=True,
        kinds=KINDS,
    ),
    Rule(
        "certificate-names-too-many",
        "More names than the CA's profile takes.",
        check_number,
        action=Action.WARN,
        remedy="Divide the names among several Certificates, each with a Secret of its own.",
        why="The CA refuses the order.",
        needs_facts=True,
        kinds=KINDS,
    ),
    Rule(
        "certificate-name-unprovable",
        "A name that no solver of the issuer can prove.",
        check_provable,
        action=Action.WARN,
        remedy="Add a solver whose selector matches the name (dns01 for a wildcard), or name an issuer that has one.",
        why="The Order would stay pending for ever, with an event on an object that nobody looks at.",
        needs_facts=True,
        kinds=KINDS,
    ),
)
