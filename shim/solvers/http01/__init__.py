"""HTTP-01: ways of leading a CA's request for a token to who answers it, one module each, the same Protocol.

    client ──> proxy ──(a route: host, /.well-known/acme-challenge/)──> Service ──> who answers

A way knows what has to be in the cluster for that.  When to make it, to look whether it works and to tell the CA is
the controller's, and which way a Challenge takes is said in `solver`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from certs.api.challenge import Challenge
from certs.api.issuer import HTTP01Solver
from certs.api.meta import OwnerReference

FIELD_MANAGER: Final = "cert-manager-challenges"
SOLVER_LABEL: Final = "acme.cert-manager.io/http01-solver"
DOMAIN_LABEL: Final = "acme.cert-manager.io/http-domain"


class Way(Protocol):
    """How the token of a Challenge becomes reachable.  All questions are answered from the stores."""

    def is_ready(self, challenge: Challenge) -> bool:
        """Does everything stand that is ours to make?  Not whether it works: that is the self check's."""

    def ensure(self, challenge: Challenge) -> None:
        """Make what is missing or differs; idempotent, and no write when nothing does.

        Raises WaitingForUser where somebody must mend something first (and `shim.controllers.watches` must have the
        change of it wake the Challenge), KubeError for the rest.
        """

    def obstacle(self, challenge: Challenge) -> str:
        """Return what the API server tells about why the token cannot be reached, as a sentence; or nothing.

        Asked when a look at the token has failed.
        """

    def is_clear(self, challenge: Challenge) -> bool:
        """Is nothing left that must not outlive the Challenge?  Asked once it is final."""

    def take_away(self, challenge: Challenge) -> None:
        """Take away what must not outlive the Challenge; idempotent, and safe when `ensure` was never called.

        Nothing holds a deleted Challenge up, so this may never be called: what is left then must be harmless, or be
        owned by the Challenge.
        """


@dataclass(frozen=True, slots=True)
class RoutedHost:
    """A name that needs a route: by which solver, and who needs it (and takes the route with it when it goes)."""

    namespace: str
    name: str
    solver: HTTP01Solver
    owner: OwnerReference | None = None


class Lasting(Way, Protocol):
    """A way whose route is there for all challenges of a host, so that it can be made before there is one."""

    def stands(self, host: RoutedHost) -> bool:
        """Does the route of the host stand as it should?  Answered from the stores."""

    def make(self, host: RoutedHost) -> None:
        """Make what is missing or differs; as `Way.ensure`."""
