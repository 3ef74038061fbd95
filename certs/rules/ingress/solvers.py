"""Hosts that the issuer's solvers can prove: the same choice that the Order makes later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from certs.problems import Problem, ProblemType
from certs.rules.ingress.subject import IngressRule, Subject
from certs.rules.proving import unproven
from certs.rules.rule import Rule


def check_provable(subject: Subject) -> Iterator[Problem]:
    """Yield hosts that no solver of the issuer can prove."""
    ref, acme = subject.reference, subject.acme
    if ref is None or acme is None:
        return
    names = subject.names
    hosts = (named.host for named in names)
    for i, detail, remedy in unproven(hosts, ref, acme, subject.ingress.metadata.labels):
        yield Problem(names[i].path, ProblemType.INVALID, detail, names[i].host, remedy)


RULES: Final[tuple[IngressRule, ...]] = (
    Rule(
        "host-unprovable",
        "A host that no solver of the issuer can prove.",
        check_provable,
        remedy="Add a solver whose selector matches the host (dns01 for a wildcard), or name an issuer that has one.",
        why="The Order would stay pending for ever, with an event on an object that nobody looks at.",
        needs_facts=True,
    ),
)
