"""Akamai Edge DNS: record sets, with requests signed as EdgeGrid wants it.

A set is read and replaced whole.  Edge DNS has no etags: a new set is created (409 when somebody else was faster, and
then it is read again), but a change between reading and replacing is overwritten.  The signature is an HMAC over one
line, so no SDK is needed.

Source: Akamai Edge DNS API v2, "Zone recordsets"; Akamai, "Authenticate with EdgeGrid", "Signing the request".
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import msgspec

from certs.api.issuer import DNS01Solver
from certs.outcomes import Transient, WaitingForUser
from shim.solvers.dns01 import TTL, Change, Credentials, DNSWriter
from shim.solvers.dns01.rest import API, HTTP, Answer, attempt_at, connections, quoted, secret_text, segment, where

NEEDS: Final = "READ-WRITE access to the API DNS—Zone Record Management, and the zone's group and contract"
_TRIES: Final = 3  # two writers of one name meet once; a third meeting is for the back-off
_HASHED: Final = 131072  # bytes of a body that a signature covers


@dataclass(frozen=True, slots=True)
class EdgeGrid:
    """The three parts of an API client's credentials."""

    client_token: str
    client_secret: str = field(repr=False)
    access_token: str = field(repr=False)

    def authorization(self, method: str, url: str, body: bytes, *, at: datetime, nonce: str) -> str:
        """Return the Authorization header of a request; `at` is aware UTC, `nonce` is used once."""
        stamp = at.strftime("%Y%m%dT%H:%M:%S+0000")
        unsigned = (
            f"EG1-HMAC-SHA256 client_token={self.client_token};access_token={self.access_token};"
            f"timestamp={stamp};nonce={nonce};"
        )
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        # Of all methods only POST has its body in the signature.
        hashed = b64encode(hashlib.sha256(body[:_HASHED]).digest()).decode() if method == "POST" and body else ""
        line = f"{method}\t{parts.scheme}\t{parts.netloc}\t{target}\t\t{hashed}\t{unsigned}"
        return f"{unsigned}signature={_hmac(line, _hmac(stamp, self.client_secret))}"


def _hmac(text: str, key: str) -> str:
    return b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


class _Set(msgspec.Struct, frozen=True):
    name: str
    type: str
    ttl: int
    rdata: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Writer:
    """One API client."""

    api: API
    grid: EdgeGrid
    now: Callable[[], datetime]

    def change(self, change: Change) -> None:
        """Read the set, then create, replace or delete it."""
        attempt = attempt_at("Akamai", change)
        path = f"/zones/{segment(change.zone)}/names/{segment(change.name)}/types/TXT"
        for _ in range(_TRIES):
            old = self._read(attempt, path)
            values = _values(change, old)
            if values == (old.rdata if old else ()) or self._written(attempt, path, change, old, values):
                return
        raise Transient(f"{attempt}: somebody else keeps changing them")

    def _read(self, attempt: str, path: str) -> _Set | None:
        answer = self._ask(attempt, "GET", path, accept=frozenset({404}))
        return None if answer.status == 404 else self.api.read(attempt, answer, _Set)

    def _written(self, attempt: str, path: str, change: Change, old: _Set | None, values: tuple[str, ...]) -> bool:
        if not values:
            self._ask(attempt, "DELETE", path, accept=frozenset({404}))
            return True
        new = _Set(change.name, "TXT", old.ttl if old else TTL, values)
        answer = self._ask(attempt, "PUT" if old else "POST", path, new, accept=frozenset({404, 409}))
        if answer.status == 404 and old is None:
            raise WaitingForUser(
                f"{attempt}: {self.api.who} sees no zone {change.zone}: add it there, or allow it {NEEDS}"
            )
        return answer.status < 400

    def _ask(self, attempt: str, method: str, path: str, body: _Set | None = None, *, accept: frozenset[int]) -> Answer:
        content = b"" if body is None else msgspec.json.encode(body)
        url = f"{self.api.url}{path}"
        signed = self.grid.authorization(method, url, content, at=self.now(), nonce=str(uuid.uuid4()))
        return self.api.ask(
            attempt,
            method,
            path,
            json=msgspec.Raw(content) if content else None,
            headers={"Authorization": signed},
            accept=accept,
        )


def _values(change: Change, old: _Set | None) -> tuple[str, ...]:
    there = old.rdata if old else ()
    add, remove = ({quoted(value) for value in values} for values in (change.add, change.remove))
    return (*(value for value in there if value not in remove), *sorted(add.difference(there)))


def _utc_now() -> datetime:
    return datetime.now(UTC)


def build(
    solver: DNS01Solver,
    credentials: Credentials,
    *,
    http: HTTP | None = None,
    url: str = "",
    now: Callable[[], datetime] = _utc_now,
) -> DNSWriter:
    """Return a writer; sends nothing."""
    settings = solver.akamai
    if settings is None:
        raise WaitingForUser("akamai is not configured")
    host = settings.service_consumer_domain.removeprefix("https://").rstrip("/")
    if not host or "/" in host or "@" in host:
        raise WaitingForUser("akamai.serviceConsumerDomain must be a host, as akab-….luna.akamaiapis.net: correct it")
    grid = EdgeGrid(
        client_token=secret_text(credentials, settings.client_token_secret_ref),
        client_secret=secret_text(credentials, settings.client_secret_secret_ref),
        access_token=secret_text(credentials, settings.access_token_secret_ref),
    )
    who = f"the API client in {where(settings.client_token_secret_ref)}"
    address = f"{url or f'https://{host}'}/config-dns/v2"
    return Writer(API(http or connections(), "Akamai", address, who, NEEDS), grid, now)
