"""DigitalOcean: single records, by a token.

Source: DigitalOcean API v2, "Domain Records".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from certs.api.issuer import DNS01Solver
from certs.decoders import decode
from certs.outcomes import WaitingForUser
from shim.solvers.dns01 import TTL, Change, Credentials, DNSWriter
from shim.solvers.dns01.rest import API, HTTP, attempt_at, connections, secret_text, segment, where

URL: Final = "https://api.digitalocean.com/v2"
NEEDS: Final = "domain:read, domain:create, domain:update and domain:delete"
_PER_PAGE: Final = 200  # the most that the API takes


class _Error(msgspec.Struct, frozen=True):
    id: str = ""


class _Record(msgspec.Struct, frozen=True):
    id: int
    type: str
    name: str
    data: str = ""


class _Records(msgspec.Struct, frozen=True):
    domain_records: tuple[_Record, ...]


@dataclass(frozen=True, slots=True)
class Writer:
    """One account."""

    api: API

    def change(self, change: Change) -> None:
        """Read the records of that name, then one request for each that differs."""
        attempt = attempt_at("DigitalOcean", change)
        records = f"/domains/{segment(change.zone)}/records"
        found = self._found(attempt, records, change)
        for record in found:
            if record.data in change.remove:
                self.api.ask(attempt, "DELETE", f"{records}/{record.id}", accept=frozenset({404}))
        for value in sorted(change.add - {record.data for record in found}):
            new = {"type": "TXT", "name": change.label, "data": value, "ttl": TTL}
            self.api.ask(attempt, "POST", records, json=new)

    def _found(self, attempt: str, records: str, change: Change) -> list[_Record]:
        query = {"type": "TXT", "name": change.name, "per_page": str(_PER_PAGE)}
        answer = self.api.ask(attempt, "GET", records, query=query, accept=frozenset({404}))
        if answer.status == 404:
            raise WaitingForUser(
                f"{attempt}: the account of {self.api.who} has no domain {change.zone}: add it there, or use its token"
            )
        found = self.api.read(attempt, answer, _Records).domain_records
        return [record for record in found if record.type == "TXT" and record.name == change.label]


def _code(body: bytes) -> str:
    return decode(body, _Error).id


def build(solver: DNS01Solver, credentials: Credentials, *, http: HTTP | None = None, url: str = URL) -> DNSWriter:
    """Return a writer; sends nothing."""
    if solver.digitalocean is None:
        raise WaitingForUser("digitalocean is not configured")
    ref = solver.digitalocean.token_secret_ref
    headers = {"Authorization": f"Bearer {secret_text(credentials, ref)}"}
    return Writer(API(http or connections(), "DigitalOcean", url, f"the token in {where(ref)}", NEEDS, headers, _code))
