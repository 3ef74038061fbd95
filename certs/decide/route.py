"""Which routes are made for a Certificate before there is an order: they are ready when the CA is asked.

    Certificate, not ready or being issued ──> MakeRoute for each name whose solver is HTTP-01 ──> Done

Which challenge a CA offers is only known once it has an order; so it is guessed that it offers both, and a wrong guess
costs a route that nobody asks.  What cannot be made now is told by the Challenge, which makes it itself.
A Certificate that lets others go first (`certs.decide.precedence`) gets none before it begins; its status tells then.
A Certificate that is valid gets none: those of an installation that was taken over come with their renewals.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from certs.api.certificate import Certificate, CertificateSpec
from certs.api.issuer import ACMEIssuer, ACMESolver, HTTP01Solver
from certs.api.meta import is_true
from certs.decide.challenge import unsupported
from certs.decide.direction import overridden
from certs.decide.solver import choose, offered_for
from certs.outcomes import DONE, Done, WaitingForUser
from certs.pki.names import canonical_dns_names, read_address


@dataclass(frozen=True, slots=True)
class ObservedRoutes:
    """A Certificate, and the names that need a route that does not stand, with their solvers.

    `begins`: it is issued, or will be at once.
    """

    certificate: Certificate
    missing: tuple[tuple[str, HTTP01Solver], ...] = ()
    begins: bool = True


@dataclass(frozen=True, slots=True)
class MakeRoute:
    """Make the route of a name."""

    name: str
    solver: HTTP01Solver


def decide(observed: ObservedRoutes) -> MakeRoute | Done:
    """Return the next step."""
    if not observed.missing or not observed.begins:
        return DONE
    name, solver = observed.missing[0]
    return MakeRoute(name, solver)


def is_issued_soon(certificate: Certificate) -> bool:
    """Is there, or will there be within seconds, an order for it?"""
    conditions = certificate.status.conditions
    is_ready, is_issuing = is_true(conditions, "Ready"), is_true(conditions, "Issuing")
    return certificate.metadata.deletion_timestamp is None and (is_issuing or not is_ready)


def routed_names(certificate: Certificate, acme: ACMEIssuer) -> Iterator[tuple[str, HTTP01Solver]]:
    """Yield the names that will be proven over HTTP, as far as is known before the order, and by which solver."""
    for name, solver in _over_http(certificate, acme):
        if solver.http01 is not None:
            yield name, solver.http01


def looked_at(certificate: Certificate, acme: ACMEIssuer) -> Iterator[str]:
    """Yield those of them at which somebody is to answer to this process: not where the issuer wants no self check."""
    return (name for name, solver in _over_http(certificate, acme) if solver.wait_instead_of_self_check is None)


def _over_http(certificate: Certificate, acme: ACMEIssuer) -> Iterator[tuple[str, ACMESolver]]:
    for name in _names(certificate.spec):
        chosen = choose(acme.solvers, name, certificate.metadata.labels, offered_for(name))
        solver = _bent(chosen.solver, certificate) if chosen is not None else None
        if solver is not None and solver.http01 is not None and not unsupported("HTTP-01", name, solver):
            yield name, solver


def _names(spec: CertificateSpec) -> Iterator[str]:
    """Yield the names as the order will have them; one that is written otherwise no Ingress takes, or is another's."""
    if not (spec.dns_names or spec.ip_addresses) and spec.common_name:
        yield spec.common_name.lower()
    yield from canonical_dns_names(spec.dns_names)
    for address in spec.ip_addresses:
        with suppress(ValueError):  # the Certificate tells
            yield str(read_address(address))


def _bent(solver: ACMESolver, certificate: Certificate) -> ACMESolver | None:
    """Return the solver as the Order will bend it, or None where it will refuse to, and say why."""
    try:
        return overridden(solver, certificate.metadata.annotations)
    except WaitingForUser:
        return None
