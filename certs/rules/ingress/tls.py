"""`spec.tls`: entries that are whole, with hosts that are names, and a Secret that somebody fills."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from certs.annotations import CLUSTER_ISSUER
from certs.facts import Facts
from certs.hosts import canonical_host, is_covered_by, is_wildcard
from certs.problems import Path, Problem, ProblemType
from certs.rules.ingress.subject import RULES as SPEC_RULES
from certs.rules.ingress.subject import IngressRule, Subject
from certs.rules.rule import Action, Rule
from certs.wanted import TLS, bad_hosts, incomplete_entries, shared_secrets


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


def check_coverage(subject: Subject) -> Iterator[Problem]:
    """Yield hosts of rules that no entry of spec.tls has; a wildcard has those one label below."""
    ingress = subject.ingress
    if not ingress.spec.tls:
        return
    written = {host for entry in ingress.spec.tls for host in entry.hosts}
    missing = [(i, rule.host) for i, rule in enumerate(ingress.spec.rules) if rule.host and rule.host not in written]
    if not missing or not written:
        return
    covered = {_canonical(host) for host in written}
    wildcards = tuple(filter(is_wildcard, covered))
    for i, host in missing:
        name = _canonical(host)
        if name not in covered and not any(is_covered_by(name, wildcard) for wildcard in wildcards):
            detail, remedy = "is in no entry of spec.tls", f"add it to spec.tls[{len(ingress.spec.tls) - 1}].hosts"
            yield Problem(SPEC_RULES @ i / "host", ProblemType.INVALID, detail, host, remedy)


def _canonical(host: str) -> str:
    try:
        return canonical_host(host)
    except ValueError:
        return host


def check_unmanaged(subject: Subject) -> Iterator[Problem]:
    """Yield Secrets that an Ingress names without asking for a certificate, and that neither exist nor are made."""
    if subject.is_wanted or subject.raw.metadata.deletion_timestamp is not None:
        return
    told = set()
    for i, entry in enumerate(subject.raw.spec.tls):
        name = entry.secret_name
        if name and name not in told and not _is_provided(subject.facts, subject.namespace, name):
            told.add(name)
            yield _unmanaged(TLS @ i / "secretName", name)


def _is_provided(facts: Facts, namespace: str, secret: str) -> bool:
    return (
        facts.secret_type(namespace, secret) is not None
        or bool(facts.certificates_of_secret(namespace, secret))
        or any(claim.is_wanted for claim in facts.ingresses_of_secret(namespace, secret))
    )


def _unmanaged(path: Path, secret: str) -> Problem:
    detail = "no such Secret, and nothing makes it"
    return Problem(path, ProblemType.INVALID, detail, secret, f"create it, or annotate {CLUSTER_ISSUER}")


RULES: Final[tuple[IngressRule, ...]] = (
    Rule(
        "tls-entry-incomplete",
        "A TLS entry without host or Secret.",
        check_entries,
        remedy="List the hosts, and name the Secret that shall receive the certificate.",
        why="An entry without the one or the other gets no certificate. Where it can be filled in from the rules, it"
        " is.",
    ),
    Rule(
        "tls-secret-twice",
        "Two TLS entries with the same Secret.",
        check_secrets,
        remedy="Put the hosts of both into one entry, or name another Secret.",
        why="A Secret holds one certificate; with two claims on it the controller makes none.",
    ),
    Rule(
        "tls-host-invalid",
        "A host that is neither a DNS name, a wildcard nor an IP address.",
        check_hosts,
        remedy="Write the host alone, without scheme, port or path.",
        why="No CA issues for it.",
    ),
    Rule(
        "tls-missing",
        "Nothing to make a certificate for.",
        check_presence,
        action=Action.WARN,
        remedy="Give a rule a host, or write spec.tls.",
        why="The annotation alone has no effect: there is no name that a certificate could be for.",
    ),
    Rule(
        "host-without-tls",
        "A host in the rules that is in no TLS entry.",
        check_coverage,
        action=Action.WARN,
        remedy="Add the host to an entry of spec.tls.",
        why="The proxy serves that host with its own certificate, which no browser trusts.",
    ),
    Rule(
        "secret-missing",
        "An Ingress that asks for no certificate names a Secret that does not exist and that nothing makes.",
        check_unmanaged,
        action=Action.WARN,
        remedy=f"Create the Secret or a Certificate that writes it, or ask for one with {CLUSTER_ISSUER}.",
        why="The ingress controller serves a certificate of its own (ingress-nginx: its fake certificate) until the"
        " Secret is there.",
        always=True,
        needs_facts=True,
    ),
)
