"""Issuers that say in no word that we know who answers HTTP-01 (`certs.decide.http01mode`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from certs.api.issuer import ClusterIssuer, HTTP01Solver, Issuer
from certs.decide.http01mode import MODE, Mode, is_mode, said_by_solver
from certs.problems import Path, Problem, ProblemType
from certs.rules.lint.subject import SPEC, IssuerRule, IssuerSubject
from certs.rules.rule import Action, Rule
from certs.wanted import MAX_TOLD

SOLVERS: Final = SPEC / "acme" / "solvers"


def check_mode(subject: IssuerSubject) -> Iterator[Problem]:
    """Yield annotations about the mode, of the issuer and of its solvers, that are none of the words."""
    acme = subject.acme
    if acme is None:
        return
    said = subject.issuer.metadata.annotations.get(MODE)
    if said is not None and not is_mode(said):
        yield _problem(Path("metadata") / "annotations" @ MODE, said)
    for i, solver in enumerate(acme.solvers[:MAX_TOLD]):
        http01 = solver.http01
        of_solver = said_by_solver(http01) if http01 is not None else None
        if http01 is not None and of_solver is not None and not is_mode(of_solver):
            yield _problem(SOLVERS @ i / "http01" / _way(http01) / "podTemplate.metadata.annotations" @ MODE, of_solver)


def _way(http01: HTTP01Solver) -> str:
    return "ingress" if http01.ingress is not None else "gatewayHTTPRoute"


def _problem(path: Path, said: str) -> Problem:
    return Problem(path, ProblemType.INVALID, "is none of the modes", said, f"write {' or '.join(Mode)}")


RULES: Final[tuple[IssuerRule, ...]] = (
    Rule(
        "issuer-http01-mode",
        "An annotation about who answers HTTP-01 that is neither responder nor pod.",
        check_mode,
        action=Action.WARN,
        remedy=f"Write responder or pod as {MODE}, or leave it out.",
        why="Nothing is guessed, so no challenge of the issuer is answered.",
        kinds=(Issuer.resource.kind, ClusterIssuer.resource.kind),
    ),
)
