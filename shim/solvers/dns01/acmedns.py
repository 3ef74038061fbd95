"""acme-dns: a small server that knows nothing but two TXT values for each account.

`_acme-challenge.<domain>` is a CNAME to the account's `fulldomain` there.  So the account is found by the name without
that label, which is how the JSON map of accounts is keyed, or by its `fulldomain` when CNAMEs have been followed.
The server keeps the last two values and forgets older ones; values cannot be read or taken out.

Source: acme-dns, README, "API" and "Usage".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import msgspec

from certs.api.issuer import DNS01Solver
from certs.decoders import decode
from certs.outcomes import WaitingForUser
from shim.solvers.dns01 import Change, Credentials, DNSWriter
from shim.solvers.dns01.rest import API, HTTP, attempt_at, connections, where

PREFIX: Final = "_acme-challenge."
NEEDS: Final = "updates of its subdomain: register it anew there, or correct the account"
_KEEPS: Final = 2  # values


class Account(msgspec.Struct, frozen=True):
    """An account as the server's answer to a registration has it."""

    username: str
    password: str
    subdomain: str
    fulldomain: str = ""

    def __repr__(self) -> str:
        return "Account()"  # passwords do not print


class _Error(msgspec.Struct, frozen=True):
    error: str = ""


@dataclass(frozen=True, slots=True)
class Writer:
    """One server, and the accounts there."""

    http: HTTP
    host: str
    who: str
    accounts: Mapping[str, Account] = field(repr=False)

    def change(self, change: Change) -> None:
        """Send each new value.  There is nothing to take out: the next values push these ones out."""
        attempt = attempt_at("acme-dns", change)
        domain, account = self._account(attempt, change)
        if len(change.add) > _KEEPS:
            raise WaitingForUser(
                f"{attempt}: {len(change.add)} values at once, and acme-dns keeps two: use other names"
            )
        headers = {"X-Api-User": account.username, "X-Api-Key": account.password}
        who = f'the account "{domain}" in {self.who}'
        api = API(self.http, f"acme-dns ({urlsplit(self.host).hostname})", self.host, who, NEEDS, headers, _code)
        for value in sorted(change.add):
            api.read(attempt, api.ask(attempt, "POST", "/update", json=_Update(account.subdomain, value)), _Updated)

    def _account(self, attempt: str, change: Change) -> tuple[str, Account]:
        domain = change.name.removeprefix(PREFIX)
        if (account := self.accounts.get(domain)) is not None:
            return domain, account
        for known, account in self.accounts.items():
            if account.fulldomain.lower().rstrip(".") == change.name:
                return known, account
        raise WaitingForUser(
            f"{attempt}: {self.who} has no account for {domain}: register one at {self.host} and add it there"
        )


class _Update(msgspec.Struct, frozen=True):
    subdomain: str
    txt: str


class _Updated(msgspec.Struct, frozen=True):
    txt: str


def _code(body: bytes) -> str:
    return decode(body, _Error).error


def build(solver: DNS01Solver, credentials: Credentials, *, http: HTTP | None = None) -> DNSWriter:
    """Return a writer; sends nothing."""
    if solver.acme_dns is None:
        raise WaitingForUser("acmeDNS is not configured")
    ref = solver.acme_dns.account_secret_ref
    host = _url(solver.acme_dns.host)
    try:
        accounts = decode(credentials.secret(ref), dict[str, Account])
    except msgspec.MsgspecError:
        # Without its cause, which may quote the Secret.
        raise WaitingForUser(
            f"{where(ref)} must be a JSON object of accounts by domain, each with username, password and subdomain"
        ) from None
    known = {domain.lower().removeprefix("*.").rstrip("."): account for domain, account in accounts.items()}
    return Writer(http or connections(), host, where(ref), known)


def _url(host: str) -> str:
    """Return the server's URL without a final slash; https where it says nothing else."""
    url = host if "://" in host else f"https://{host}"
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        is_url = False
    if not is_url:
        raise WaitingForUser("acmeDNS.host must be an http or https URL: correct it")
    return url.rstrip("/")
