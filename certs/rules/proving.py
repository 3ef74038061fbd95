"""Which names the solvers of an issuer can prove: the same choice that the Order makes later.

Asked alike of Ingresses and Certificates, and by the plan of a dry run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from certs.api.issuer import ACMEIssuer, ACMESolver
from certs.api.meta import IssuerReference
from certs.decide.solver import DNS_01, HTTP_01, challenge_type, choose, offered_for, why_not
from certs.hosts import is_ip_address, is_wildcard


def unproven(
    names: Iterable[str], ref: IssuerReference, acme: ACMEIssuer, labels: dict[str, str]
) -> Iterator[tuple[int, str, str]]:
    """Yield the place of each name that no solver of the issuer can prove, why that is so, and what to do about it.

    An ACME issuer with no solvers at all is left alone: some CAs take names that were proven elsewhere before.
    """
    if not acme.solvers:
        return
    general = {challenge_type(solver) for solver in acme.solvers if solver.selector is None}
    over_http, over_dns = HTTP_01 in general, DNS_01 in general
    for i, name in enumerate(names):
        if (over_http and not is_wildcard(name)) or (over_dns and not is_ip_address(name)):
            continue  # as nearly always: a solver for every name
        if solver_for(acme.solvers, name, labels) is None:
            yield i, *_unprovable(name, ref, acme.solvers)


def solver_for(solvers: tuple[ACMESolver, ...], name: str, labels: dict[str, str]) -> ACMESolver | None:
    """Return the solver that would be chosen for the name, or None."""
    chosen = choose(solvers, name, labels, offered_for(name))
    return chosen.solver if chosen is not None else None


def _unprovable(name: str, ref: IssuerReference, solvers: tuple[ACMESolver, ...]) -> tuple[str, str]:
    issuer = f"{ref.effective_kind} {ref.name}"
    types = tuple(challenge.type for challenge in offered_for(name))
    tried = ", ".join(f"solvers[{i}] {why_not(solver, name, types)}" for i, solver in enumerate(solvers))
    zone = name.removeprefix("*.")
    missing = "dns01 solver" if is_wildcard(name) else "solver"
    remedy = f"add a {missing} for {zone} to {issuer}, or name an issuer that has one"
    return f"no solver of {issuer} can prove it: {tried}", remedy
