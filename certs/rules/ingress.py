"""Ingress: everything in `certs.wanted` that would fail later, told at once and with what to write instead.

The rules are data: an id (it stands in the audit annotation, and settings will name it), a default
action, a sentence, and a function that yields problems.  They look at the Ingress as it will be once
completed (`certs.completion`), and on update only at what the change brought: an object that broke
a rule before the rule existed can still get a label.
The one rule that needs facts is left out when the cluster is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from certs.api.ingress import Ingress
from certs.api.issuer import ACMESolver
from certs.api.meta import IssuerReference
from certs.api.order import ACMEChallenge
from certs.completion import complete
from certs.decide.solver import DNS_01, HTTP_01, challenge_type, choose
from certs.facts import Facts
from certs.hosts import is_ip_address, is_wildcard
from certs.problems import Path, Problem, Problems, ProblemType
from certs.rules.findings import Findings
from certs.rules.rule import Action, Policy, Rule, examine
from certs.rules.spelling import misspelled
from certs.wanted import (
    ANNOTATIONS,
    TLS,
    Settings,
    bad_hosts,
    incomplete_entries,
    is_wanted,
    issuer_of,
    shared_secrets,
    translate,
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule looks at: the completed Ingress, the issuer that it names, and what is known of the cluster."""

    ingress: Ingress
    issuer: IssuerReference | Problems
    facts: Facts


def judge_ingress(
    ingress: Ingress, old_of: Callable[[], Ingress | None], facts: Facts, settings: Settings, policy: Policy
) -> Findings:
    """Return what is wrong with the Ingress and was not wrong before; `old_of` is asked only if anything is."""
    wanted = is_wanted(ingress, settings)
    if not wanted and not ingress.metadata.annotations:
        return Findings()

    def old_subject() -> Subject | None:
        old = old_of()
        return _subject(old, facts, settings) if old is not None else None

    rules = RULES if wanted else ALWAYS
    return examine(rules, _subject(ingress, facts, settings), old_subject, policy, synced=facts.synced)


def _subject(ingress: Ingress, facts: Facts, settings: Settings) -> Subject:
    if is_wanted(ingress, settings):
        ingress = complete(ingress, settings).ingress
    return Subject(ingress, issuer_of(ingress, settings), facts)


def check_spelling(subject: Subject) -> Iterable[Problem]:
    """Return keys that nobody reads, with the known key that was probably meant."""
    return [
        Problem(ANNOTATIONS @ key, ProblemType.INVALID, mistake.detail, key, mistake.remedy)
        for key in subject.ingress.metadata.annotations
        if (mistake := misspelled(key)) is not None
    ]


def check_issuer_name(subject: Subject) -> Iterable[Problem]:
    """Return why no issuer is named."""
    return _issuer_problems(subject, ProblemType.REQUIRED)


def check_issuer_contradictions(subject: Subject) -> Iterable[Problem]:
    """Return the pairs of issuer annotations that exclude each other."""
    return _issuer_problems(subject, ProblemType.FORBIDDEN)


def _issuer_problems(subject: Subject, kind: ProblemType) -> Iterable[Problem]:
    issuer = subject.issuer
    return [problem for problem in issuer if problem.type is kind] if isinstance(issuer, Problems) else ()


def check_values(subject: Subject) -> Iterable[Problem]:
    """Return the annotations whose values cannot become a Certificate."""
    problems = Problems()
    translate(subject.ingress.metadata.annotations, problems)
    return problems


def check_entries(subject: Subject) -> Iterable[Problem]:
    """Return what entries of spec.tls lack and could not be filled in."""
    return incomplete_entries(subject.ingress.spec.tls)


def check_secrets(subject: Subject) -> Iterable[Problem]:
    """Return the entries whose Secret an earlier entry names too."""
    return shared_secrets(subject.ingress.spec.tls)


def check_hosts(subject: Subject) -> Iterable[Problem]:
    """Return hosts of spec.tls that are no names."""
    return [problem for i, entry in enumerate(subject.ingress.spec.tls) for problem in bad_hosts(i, entry.hosts)]


def check_presence(subject: Subject) -> Iterable[Problem]:
    """Return that there is nothing to make a certificate for."""
    if subject.ingress.spec.tls:
        return ()
    detail = "asks for a certificate, but no rule names a host"
    return (Problem(TLS, ProblemType.REQUIRED, detail, remedy="give a rule a host, or write spec.tls"),)


def check_provable(subject: Subject) -> Iterator[Problem]:
    """Yield hosts that no solver of the issuer can prove.

    An ACME issuer with no solvers at all is left alone: some CAs take names that were proven elsewhere before.
    """
    ref = subject.issuer
    if isinstance(ref, Problems):
        return
    issuer = subject.facts.issuer(subject.ingress.metadata.namespace, ref)
    if issuer is None or issuer.spec.acme is None or not issuer.spec.acme.solvers:
        return
    solvers, labels = issuer.spec.acme.solvers, subject.ingress.metadata.labels
    for path, host in _named_hosts(subject.ingress):
        offered = tuple(ACMEChallenge(url="", token="", type=kind) for kind in _offered(host))
        if choose(solvers, host, labels, offered) is None:
            yield _unprovable(path, host, ref, solvers)


def _named_hosts(ingress: Ingress) -> Iterator[tuple[Path, str]]:
    for i, entry in enumerate(ingress.spec.tls):
        for j, host in enumerate(entry.hosts):
            yield TLS @ i / "hosts" @ j, host
    key = "cert-manager.io/alt-names"
    for name in ingress.metadata.annotations.get(key, "").split(","):
        if name.strip():
            yield ANNOTATIONS @ key, name.strip()


def _offered(host: str) -> tuple[str, ...]:
    """Return which challenges a CA can offer for such a name: RFC 8555 §7.1.3 (wildcards), RFC 8738 §4 (addresses)."""
    if is_wildcard(host):
        return (DNS_01,)
    return (HTTP_01,) if is_ip_address(host) else (HTTP_01, DNS_01)


def _unprovable(path: Path, host: str, ref: IssuerReference, solvers: tuple[ACMESolver, ...]) -> Problem:
    name = f"{ref.effective_kind} {ref.name}"
    tried = ", ".join(f"solvers[{i}] {_why_not(solver, host)}" for i, solver in enumerate(solvers))
    zone = host.removeprefix("*.")
    missing = "dns01 solver" if is_wildcard(host) else "solver"
    remedy = f"add a {missing} for {zone} to {name}, or name an issuer that has one"
    return Problem(path, ProblemType.INVALID, f"no solver of {name} can prove it: {tried}", host, remedy)


def _why_not(solver: ACMESolver, host: str) -> str:
    kind = challenge_type(solver)
    if kind not in _offered(host):
        what = "a wildcard" if is_wildcard(host) else "an IP address"
        return f"({kind or 'no type'}) cannot prove {what}"
    selector = solver.selector
    parts = [
        f"{field} {', '.join(values)}"
        for field, values in (
            ("dnsNames", selector.dns_names if selector else ()),
            ("dnsZones", selector.dns_zones if selector else ()),
            ("matchLabels", tuple(f"{k}={v}" for k, v in selector.match_labels.items()) if selector else ()),
        )
        if values
    ]
    return f"({kind}) is for {' and '.join(parts)}"


RULES: Final[tuple[Rule[Subject], ...]] = (
    Rule(
        "unknown-annotation",
        "A key that nobody reads, under one of our prefixes or near a known key.",
        check_spelling,
        always=True,
    ),
    Rule("issuer-missing", "The annotations ask for a certificate, but of no issuer.", check_issuer_name),
    Rule("issuer-contradiction", "Annotations that choose different issuers.", check_issuer_contradictions),
    Rule("annotation-value", "A value that cannot become part of a valid Certificate.", check_values),
    Rule("tls-entry-incomplete", "A TLS entry without host or Secret.", check_entries),
    Rule("tls-secret-twice", "Two TLS entries with the same Secret.", check_secrets),
    Rule("tls-host-invalid", "A host that is neither a DNS name, a wildcard nor an IP address.", check_hosts),
    Rule("tls-missing", "Nothing to make a certificate for.", check_presence, action=Action.WARN),
    Rule("host-unprovable", "A host that no solver of the issuer can prove.", check_provable, needs_facts=True),
)
ALWAYS: Final = tuple(rule for rule in RULES if rule.always)
