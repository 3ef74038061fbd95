"""The way of an HTTP-01 challenge through the proxy (`certs.proxies`), where one of the hosts is proven that way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from certs.decide.solver import HTTP_01, challenge_type
from certs.problems import Problem
from certs.proxies import blockers
from certs.rules.ingress.subject import IngressRule, Subject
from certs.rules.proving import solver_for
from certs.rules.rule import Action, Rule


def check_blockers(subject: Subject) -> Iterable[Problem]:
    """Return what keeps the CA from the challenge; nothing when it does not ask over HTTP."""
    acme = subject.acme
    if acme is None or not acme.solvers:
        return ()
    found = list(blockers(subject.ingress))
    return found if found and _asks_over_http(subject) else ()


def _asks_over_http(subject: Subject) -> bool:
    acme, labels = subject.acme, subject.ingress.metadata.labels
    solvers = (solver_for(acme.solvers, named.host, labels) for named in subject.names) if acme is not None else ()
    return any(solver is not None and challenge_type(solver) == HTTP_01 for solver in solvers)


RULES: Final[tuple[IngressRule, ...]] = (
    Rule(
        "http01-blocked",
        "An Ingress that keeps the CA from the answer to its HTTP-01 challenge.",
        check_blockers,
        action=Action.WARN,
        remedy="Write the exception that is suggested, or have the host proven by a dns01 solver.",
        why="The challenge has an Ingress of its own, but this one applies to the whole host: the CA gets an error or"
        " another page, now or at the next renewal. What applies to the paths of this Ingress only, as allow-lists,"
        " passwords and redirects mostly do, is no problem.",
        needs_facts=True,
    ),
)
