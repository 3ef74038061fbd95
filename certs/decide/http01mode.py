"""Who answers an HTTP-01 challenge: the responder in the shim, or a pod of its own.

What stands nearest to the challenge decides, each time the same annotation:

    the solver's podTemplate.metadata.annotations     for the names of this solver
    the Issuer's or ClusterIssuer's annotations       for all its solvers
    --acme-http01-mode                                for the cluster

A solver has no annotations but those of its templates, and the template of the pod is the one that speaks of this.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from certs.api.issuer import AnyIssuer, HTTP01Solver

MODE: Final = "acme.certshim.io/http01-mode"


class Mode(StrEnum):
    """Who answers."""

    RESPONDER = "responder"
    POD = "pod"


def mode_of(solver: HTTP01Solver, issuer: AnyIssuer | None, default: Mode) -> Mode:
    """Return who answers; raises ValueError with what is wrong and what to write."""
    said = said_by_solver(solver)
    if said is not None:
        return _mode(said, "the solver's podTemplate")
    if issuer is not None and MODE in issuer.metadata.annotations:
        which = f'{type(issuer).resource.kind} "{issuer.metadata.name}"'
        return _mode(issuer.metadata.annotations[MODE], which)
    return default


def said_by_solver(solver: HTTP01Solver) -> str | None:
    """Return what the solver's template says, or None."""
    templates = [one.pod_template for one in (solver.ingress, solver.gateway_http_route) if one is not None]
    found = (one.metadata.annotations.get(MODE) for one in templates if one is not None and one.metadata is not None)
    return next((said for said in found if said is not None), None)


def is_mode(said: str) -> bool:
    """Is it one of the words?"""
    return said in tuple(Mode)


def _mode(said: str, where: str) -> Mode:
    if not is_mode(said):
        raise ValueError(f'the annotation {MODE} of {where} is "{said}"; write {" or ".join(Mode)}')
    return Mode(said)
