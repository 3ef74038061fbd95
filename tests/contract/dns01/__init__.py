"""What the contract of DNS-01 writers asks of a backend: a fake of the vendor's server, and a writer against it.

A module of this folder brings one backend: a context manager that starts the server on loopback and yields a `Backend`.
`tests/contract/test_dns01.py` has the table of them.  Vendors that speak HTTP find their server in `server`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Protocol

from certs.api.meta import SecretKeySelector
from certs.outcomes import WaitingForUser
from shim.solvers.dns01 import Credentials, DNSWriter

ZONE: Final = "example.test"  # a zone that the account has; `foreign.test` is one that it has not


class Fault(StrEnum):
    """How the server can be made to fail."""

    REFUSED = "refused"  # the credentials are wrong (401, 403, a bad TSIG key)
    LIMITED = "limited"  # 429, or whatever this vendor says instead, with a Retry-After of RETRY_AFTER seconds
    DOWN = "down"  # 5xx, SERVFAIL
    SILENT = "silent"  # takes the request and never answers
    GARBAGE = "garbage"  # answers 200 with what is no answer
    UNREACHABLE = "unreachable"  # nobody listens


RETRY_AFTER: Final = 30


class Backend(Protocol):
    """A vendor's server that knows the zone `ZONE`, and what stands in it."""

    # Which faults this vendor's protocol can show; the suite runs those.
    faults: frozenset[Fault]
    # Whether values can be taken out again; acme-dns only forgets.
    removes: bool
    # Seconds after which a change must have ended when the server is silent: build the writer with a short deadline.
    deadline: float

    def writer(self) -> DNSWriter:
        """Return a writer with valid credentials, as `Build` makes it, but against this server."""

    def values(self, name: str) -> frozenset[str]:
        """Return the TXT values that stand at a name, without quotes; read behind the writer's back."""

    def put(self, name: str, *values: str) -> None:
        """Write values of somebody else's beside what is there, behind the writer's back."""

    def fail(self, fault: Fault | None) -> None:
        """Fail in that way from now on; None: work again."""

    def requests(self) -> int:
        """Return how many requests have come since the start: the suite counts what a change costs."""


def credentials(ambient: bool = False, **secrets: str) -> Credentials:  # noqa: FBT001, FBT002  as in the Protocol
    """Return credentials of Secrets that hold these values, by name with `_` for `-`, under any key."""

    def secret(ref: SecretKeySelector) -> str:
        try:
            return secrets[ref.name.replace("-", "_")]
        except KeyError:
            raise WaitingForUser(f'Secret "{ref.name}" (key "{ref.key}") does not exist') from None

    def token(account: str, audiences: tuple[str, ...]) -> str:
        return f"token-of-{account}-for-{','.join(audiences)}"

    def keys(name: str) -> Mapping[str, str]:
        return {"auth_token": secret(SecretKeySelector(name=name, key=""))}

    return Credentials(secret=secret, keys=keys, ambient=ambient, token=token)
