"""Cloudflare: single records, by token or by the account's global key.

The zone's id is looked up by name each time, with a token that may be for that zone alone; then the TXT records of
the name are read once, and what is missing or too much is added or deleted one by one.

Source: Cloudflare API v4, "Zones: list", "DNS Records for a Zone", "Cloudflare API: error codes".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from certs.api.issuer import Cloudflare, DNS01Solver
from certs.decoders import decode
from certs.outcomes import WaitingForUser
from shim.solvers.dns01 import TTL, Change, Credentials, DNSWriter
from shim.solvers.dns01.rest import API, HTTP, Answer, attempt_at, connections, quoted, secret_text, segment, where

URL: Final = "https://api.cloudflare.com/client/v4"
NEEDS: Final = "Zone:Zone:Read and Zone:DNS:Edit on the zone"
_PER_PAGE: Final = 100  # the most that every version of the API takes
_EXISTS: Final = frozenset(("81057", "81058"))  # the record, or an identical one, is there already
# The header of the credentials is malformed (6003, 6111), or they are unknown (9103, 9109, 10000): not all come as 403.
_CREDENTIALS: Final = frozenset(("6003", "6103", "6111", "9103", "9106", "9109", "10000"))


class _Said(msgspec.Struct, frozen=True):
    code: int = 0


class _Errors(msgspec.Struct, frozen=True):
    errors: tuple[_Said, ...] = ()


class _Zone(msgspec.Struct, frozen=True):
    id: str
    name: str = ""
    status: str = ""


class _Zones(msgspec.Struct, frozen=True):
    result: tuple[_Zone, ...]


class _Record(msgspec.Struct, frozen=True):
    id: str
    name: str
    content: str


class _Pages(msgspec.Struct, frozen=True):
    total_pages: int = 1


class _Records(msgspec.Struct, frozen=True):
    result: tuple[_Record, ...]
    result_info: _Pages = _Pages()


@dataclass(frozen=True, slots=True)
class Writer:
    """One account."""

    api: API

    def change(self, change: Change) -> None:
        """Look up the zone, read its records of that name, then one request for each that differs."""
        attempt = attempt_at("Cloudflare", change)
        records = f"/zones/{segment(self._zone_id(attempt, change.zone))}/dns_records"
        found = self._found(attempt, records, change.name)
        for record in found:
            if record.content in {form for value in change.remove for form in (value, quoted(value))}:
                self._ask(attempt, "DELETE", f"{records}/{segment(record.id)}", accept=frozenset({404}))
        there = {record.content for record in found}
        for value in sorted(change.add):
            if value not in there and quoted(value) not in there:
                self._add(attempt, records, change.name, value)

    def _zone_id(self, attempt: str, zone: str) -> str:
        answer = self._ask(attempt, "GET", "/zones", query={"name": zone})
        zones = [found for found in self.api.read(attempt, answer, _Zones).result if found.name == zone]
        # Two accounts may both have added a zone; the one it is delegated to is active.
        zones.sort(key=lambda found: found.status != "active")
        if not zones:
            raise WaitingForUser(
                f"{attempt}: {self.api.who} shows no zone {zone}: add the zone to its account, or allow it {NEEDS}"
            )
        return zones[0].id

    def _found(self, attempt: str, records: str, name: str) -> list[_Record]:
        found: list[_Record] = []
        page = pages = 1
        while page <= min(pages, 50):  # no name has five thousand values
            query = {"type": "TXT", "name": name, "per_page": str(_PER_PAGE), "page": str(page)}
            got = self.api.read(attempt, self._ask(attempt, "GET", records, query=query), _Records)
            found += [record for record in got.result if record.name == name]
            pages = got.result_info.total_pages
            page += 1
        return found

    def _add(self, attempt: str, records: str, name: str, value: str) -> None:
        record = {"type": "TXT", "name": name, "content": quoted(value), "ttl": TTL}
        answer = self._ask(attempt, "POST", records, json=record, accept=frozenset({400, 409}))
        if answer.status >= 400 and self.api.error_code(answer) not in _EXISTS:
            raise self.api.failure(attempt, answer)

    def _ask(
        self,
        attempt: str,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        json: object = None,
        accept: frozenset[int] = frozenset(),
    ) -> Answer:
        answer = self.api.ask(attempt, method, path, query=query, json=json, accept=accept | {400})
        if answer.status == 400 and 400 not in accept:
            code = self.api.error_code(answer)
            raise (
                WaitingForUser(f"{attempt}: Cloudflare refuses {self.api.who} (400 {code}): write a valid one there")
                if code in _CREDENTIALS
                else self.api.failure(attempt, answer)
            )
        return answer


def _code(body: bytes) -> str:
    errors = decode(body, _Errors).errors
    return str(errors[0].code) if errors else ""


def build(solver: DNS01Solver, credentials: Credentials, *, http: HTTP | None = None, url: str = URL) -> DNSWriter:
    """Return a writer; sends nothing."""
    settings = solver.cloudflare or Cloudflare()
    headers, who = _headers(settings, credentials)
    return Writer(API(http or connections(), "Cloudflare", url, who, NEEDS, headers, _code))


def _headers(settings: Cloudflare, credentials: Credentials) -> tuple[dict[str, str], str]:
    if (token := settings.api_token_secret_ref) is not None:
        return {"Authorization": f"Bearer {secret_text(credentials, token)}"}, f"the API token in {where(token)}"
    if (key := settings.api_key_secret_ref) is not None:
        headers = {"X-Auth-Email": settings.email, "X-Auth-Key": secret_text(credentials, key)}
        return headers, f"the API key in {where(key)} of {settings.email}"
    raise WaitingForUser("cloudflare names no credentials: add apiTokenSecretRef")
