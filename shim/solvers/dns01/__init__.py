"""DNS-01: ways of writing a TXT record, one module each, the same Protocol.

A module knows one vendor's API and nothing else: not what a challenge is, which zone it lies in, or when the value
can be seen.  Those are the controller's and `propagation`'s.  It keeps nothing between calls but what it may lose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from certs.api.issuer import DNS01Solver
from certs.api.meta import SecretKeySelector

# Seconds that resolvers may keep a value: short, since a corrected one must not wait for an old one to go.
TTL = 60


@dataclass(frozen=True, slots=True)
class Change:
    """What is to change at one name: values to be there afterwards, and values to be gone.

    `name` and `zone` are lower case, without a final dot, in A-labels, and after CNAMEs have been followed: the name
    at which the record is really written, and the zone of it that its authoritative servers have (RFC 1035 §2.3.1).
    Values that are in neither set are somebody else's and stay.
    """

    zone: str
    name: str
    add: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """The name relative to the zone, `@` for the zone itself."""
        return self.name.removesuffix(self.zone).rstrip(".") or "@"


class DNSWriter(Protocol):
    """One vendor's API under one solver's configuration."""

    def change(self, change: Change) -> None:
        """Make it so, in as few requests as the vendor's API allows; blocks, with a deadline for each request.

        Idempotent: what is there already is not added twice, what is gone already is no error.  All changes of one
        name come one after another.  Raises `certs.outcomes`: Transient (network, 5xx), RateLimited,
        WaitingForUser (credentials refused, zone not in this account: say which), Permanent (never will).
        """


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where a writer has its secrets from.

    `secret` returns the text under a key of a Secret in the issuer's namespace, and raises WaitingForUser with a
    sentence that names Secret and key; `keys` returns all texts of a Secret by their keys.  `ambient` tells whether
    the process' own identity (instance metadata, environment, mounted tokens) may be used where the configuration
    names no secret.  `token` requests a token for a service account of the issuer's namespace, with these audiences.
    """

    secret: Callable[[SecretKeySelector], str]
    keys: Callable[[str], Mapping[str, str]]
    ambient: bool
    token: Callable[[str, tuple[str, ...]], str]


Build = Callable[[DNS01Solver, Credentials], DNSWriter]
Registry = Mapping[str, Build]  # by the name of the field in `certs.api.issuer.DNS01Solver` that is set
