"""The way of an HTTP-01 challenge through the proxy (`certs.proxies`), where one of the hosts is proven that way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from certs.decide.solver import HTTP_01, challenge_type
from certs.problems import Problem
from certs.proxies import blockers, displaced, displaces
from certs.rules.ingress.subject import IngressRule, Subject
from certs.rules.proving import solver_for
from certs.rules.rule import Action, Rule


def check_blockers(subject: Subject) -> Iterable[Problem]:
    """Return what keeps the CA from the challenge; nothing when it does not ask over HTTP."""
    acme = subject.acme
    if acme is None or not acme.solvers:
        return ()
    found = list(blockers(subject.ingress))
    return found if found and any(_asked_over_http(subject)) else ()


def check_displaced(subject: Subject) -> Iterable[Problem]:
    """Return what a proxy does for a host only as long as no Ingress has it."""
    if not displaces(subject.ingress):
        return ()
    return displaced(subject.ingress, {host for host in _asked_over_http(subject) if not _is_elsewhere(subject, host)})


def _is_elsewhere(subject: Subject, host: str) -> bool:
    """Has another Ingress the host, so that nothing ends with the route?"""
    own = (subject.namespace, subject.raw.metadata.name)
    return any((claim.namespace, claim.name) != own for claim in subject.facts.ingresses_of_host(host))


def _asked_over_http(subject: Subject) -> Iterator[str]:
    """Yield the hosts that are proven over HTTP, so that there is a route for them."""
    acme, labels = subject.acme, subject.ingress.metadata.labels
    if acme is None:
        return
    for named in subject.names:
        solver = solver_for(acme.solvers, named.host, labels)
        if solver is not None and challenge_type(solver) == HTTP_01:
            yield named.host


RULES: Final[tuple[IngressRule, ...]] = (
    Rule(
        "http01-blocked",
        "An Ingress that keeps the CA from the answer to its HTTP-01 challenge.",
        check_blockers,
        action=Action.WARN,
        remedy="Write the exception that is suggested, or have the host proven by a dns01 solver.",
        why="The challenge has an Ingress of its own, but this one applies to the whole host: the CA gets an error or"
        " another page, now or at the next renewal. What applies to the paths of this Ingress only, as allow-lists,"
        " passwords and redirects mostly do, is a problem only with http01-edit-in-place, which puts the challenge"
        " there.",
        needs_facts=True,
    ),
    Rule(
        "http01-displaces",
        "A host that the proxy redirects, or serves without a rule of its own, and whose challenge will have a route.",
        check_displaced,
        action=Action.WARN,
        remedy="Give that host a rule, or an Ingress of its own that redirects; or have it proven by a dns01 solver.",
        why="The route of a challenge is an Ingress of that host. For a host that has one, ingress-nginx leaves out"
        " from-to-www-redirect, server-alias, and rules for a wildcard or for all hosts: the CA is answered, and"
        " everybody else gets 404.",
        needs_facts=True,
    ),
)
