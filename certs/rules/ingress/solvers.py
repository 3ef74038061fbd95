"""Hosts that the issuer's solvers can prove: the same choice that the Order makes later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from certs.api.issuer import ACMESolver
from certs.api.meta import IssuerReference
from certs.api.order import ACMEChallenge
from certs.decide.solver import DNS_01, HTTP_01, challenge_type, choose
from certs.hosts import is_ip_address, is_wildcard
from certs.problems import Path, Problem, ProblemType
from certs.rules.ingress.subject import IngressRule, Subject
from certs.rules.rule import Rule

_ACMEChallenges = tuple[ACMEChallenge, ...]
_HTTP: Final = ACMEChallenge(url="", token="", type=HTTP_01)
_DNS: Final = ACMEChallenge(url="", token="", type=DNS_01)


def check_provable(subject: Subject) -> Iterator[Problem]:
    """Yield hosts that no solver of the issuer can prove.

    An ACME issuer with no solvers at all is left alone: some CAs take names that were proven elsewhere before.
    """
    ref, acme = subject.reference, subject.acme
    if ref is None or acme is None or not acme.solvers:
        return
    general = {challenge_type(solver) for solver in acme.solvers if solver.selector is None}
    for named in subject.names:
        host = named.host
        if any(challenge.type in general for challenge in _offered(host)):
            continue  # as nearly always: a solver for every name
        if solver_for(acme.solvers, host, subject.ingress.metadata.labels) is None:
            yield _unprovable(named.path, host, ref, acme.solvers)


def solver_for(solvers: tuple[ACMESolver, ...], host: str, labels: dict[str, str]) -> ACMESolver | None:
    """Return the solver that would be chosen for the host, or None."""
    chosen = choose(solvers, host, labels, _offered(host))
    return chosen.solver if chosen is not None else None


def _offered(host: str) -> _ACMEChallenges:
    """Return which challenges a CA can offer for such a name: RFC 8555 §7.1.3 (wildcards), RFC 8738 §4 (addresses)."""
    if is_wildcard(host):
        return (_DNS,)
    return (_HTTP,) if is_ip_address(host) else (_HTTP, _DNS)


def _unprovable(path: Path, host: str, ref: IssuerReference, solvers: tuple[ACMESolver, ...]) -> Problem:
    name = f"{ref.effective_kind} {ref.name}"
    tried = ", ".join(f"solvers[{i}] {why_not(solver, host)}" for i, solver in enumerate(solvers))
    zone = host.removeprefix("*.")
    missing = "dns01 solver" if is_wildcard(host) else "solver"
    remedy = f"add a {missing} for {zone} to {name}, or name an issuer that has one"
    return Problem(path, ProblemType.INVALID, f"no solver of {name} can prove it: {tried}", host, remedy)


def why_not(solver: ACMESolver, host: str) -> str:
    """Return why the solver does not fit the host."""
    kind = challenge_type(solver)
    if all(challenge.type != kind for challenge in _offered(host)):
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
