"""What is known of the rest of the cluster when one object is judged.

The webhook answers from its informers, `check` from the files at hand, a process without cluster
knows nothing.  Rules that need a fact ask `synced` first: nothing is refused for lack of knowledge.
"""

from __future__ import annotations

from typing import Protocol

from certs.api.issuer import AnyIssuer
from certs.api.meta import IssuerReference


class Facts(Protocol):
    """Answers from memory; never blocks."""

    @property
    def synced(self) -> bool:
        """Is what is known complete?  If not, absence means nothing."""

    def issuer(self, namespace: str, ref: IssuerReference) -> AnyIssuer | None:
        """Return the issuer that an object of the namespace means, or None when there is none (or it is external)."""


class NothingKnown:
    """The facts of a process without a cluster."""

    synced = False

    def issuer(self, namespace: str, ref: IssuerReference) -> AnyIssuer | None:  # noqa: ARG002 - the Protocol's
        """Know no issuer."""
        return None
