"""Names: those that no Secret can have, and those that a certificate does not need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from certs.api.ingress import IngressTLS
from certs.hosts import is_covered_by, is_wildcard
from certs.mark import is_ours, read_mark
from certs.problems import Path, Problem, ProblemType
from certs.rules.ingress.subject import IngressRule, Subject
from certs.rules.rule import Action, Rule
from certs.wanted import MAX_TOLD, TLS, bad_secrets


def check_secret_names(subject: Subject) -> Iterable[Problem]:
    """Return the entries whose Secret has a name that no Secret can have."""
    return bad_secrets(subject.ingress.spec.tls)


def check_redundant(subject: Subject) -> Iterator[Problem]:
    """Yield hosts of an entry that stand there twice or under a wildcard of it; not those that we took from the rules.

    The Certificate is made without them (`certs.wanted.certificate_names`), `spec.tls` keeps them: some proxies serve
    just the hosts that are listed there.
    """
    for i, entry in enumerate(subject.ingress.spec.tls):
        hosts = entry.hosts
        if len(hosts) > 1 and (len(set(hosts)) != len(hosts) or any(map(is_wildcard, hosts))):
            yield from islice(_redundant(subject, TLS @ i / "hosts", entry), MAX_TOLD)


def _redundant(subject: Subject, path: Path, entry: IngressTLS) -> Iterator[Problem]:
    if is_ours(entry.secret_name, entry.hosts, read_mark(subject.raw.metadata.annotations)):
        return
    wildcards = {host.lower().removeprefix("*."): host for host in entry.hosts if is_wildcard(host)}
    seen = set()
    for j, host in enumerate(entry.hosts):
        wildcard = wildcards.get(host.lower().partition(".")[2], "")
        if host in seen:
            yield Problem(path @ j, ProblemType.INVALID, "stands there twice", host, "remove one of the two")
        elif wildcard and is_covered_by(host, wildcard):
            detail = f"is covered by {wildcard}, so the certificate leaves it out"
            yield Problem(path @ j, ProblemType.INVALID, detail, host, "remove it, unless your proxy wants it listed")
        seen.add(host)


RULES: Final[tuple[IngressRule, ...]] = (
    Rule(
        "tls-secret-invalid",
        "A TLS entry with a Secret whose name no Secret can have.",
        check_secret_names,
        remedy="Write small letters, digits, hyphens and dots, at most 253 of them.",
        why="The API server takes no Certificate and no Secret of that name.",
    ),
    Rule(
        "tls-host-redundant",
        "A host that stands twice in a TLS entry, or under a wildcard of the same entry.",
        check_redundant,
        action=Action.WARN,
        remedy="Remove it; where the proxy serves only hosts that are listed, leave it and switch this rule off.",
        why="A CA refuses an order with such names, so the Certificate is made without them.",
    ),
)
