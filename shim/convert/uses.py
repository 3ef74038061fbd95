"""How names were proven before `solvers`: each Certificate (and Ingress) said it, and the issuer only listed means.

Today the issuer says for which names a solver is.  So the uses of all files are collected first, and the issuers
are converted with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from shim.convert.notes import Notes
from shim.convert.trees import Tree


class IssuerKey(NamedTuple):
    """Which issuer; of a ClusterIssuer the namespace is empty."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """The issuer as people name it."""
        return f"{self.kind} {self.name}"


class Method(NamedTuple):
    """DNS-01 through a provider of the issuer, or else HTTP-01 through a class or an existing Ingress, or any."""

    provider: str = ""
    ingress_class: str = ""
    ingress_name: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """These names are proven with that issuer in this way; where it was said, and in which Certificate or Ingress.

    The Ingress is there only if it chose its own class, which its Certificate kept whatever the issuer's solvers are.
    """

    issuer: IssuerKey
    names: tuple[str, ...]
    method: Method
    notes: Notes
    line: int
    certificate: Tree | None = None
    ingress: Tree | None = None
