"""Google Cloud DNS: record sets, by a service account's key or by whatever identity google-auth finds.

A set is read and replaced whole: a change deletes exactly what was read and adds what shall be, and fails (412, 409,
404) when somebody else was there in between; then it is read again.  That the change is done is not waited for.

From a Secret only the key of a service account is taken: the other kinds of credentials that google-auth reads may
name files, programs and addresses, which are the shim's and not the issuer's.

Source: Cloud DNS API v1, "ManagedZones: list", "ResourceRecordSets: list", "Changes: create".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import google.auth
import msgspec
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError
from google.oauth2.service_account import Credentials as ServiceAccount

from certs.api.issuer import CloudDNS, DNS01Solver
from certs.decoders import decode
from certs.outcomes import RateLimited, Transient, WaitingForUser
from shim.solvers.dns01 import TTL, Change, Credentials, DNSWriter
from shim.solvers.dns01.rest import API, HTTP, Answer, attempt_at, connections, quoted, segment, where

URL: Final = "https://dns.googleapis.com/dns/v1"
SCOPE: Final = "https://www.googleapis.com/auth/ndev.clouddns.readwrite"
NEEDS: Final = "roles/dns.admin in the project (dns.managedZones.list, dns.resourceRecordSets.*, dns.changes.create)"
_TRIES: Final = 3  # two writers of one name meet once; a third meeting is for the back-off
_RACED: Final = frozenset({404, 409, 412})
# Google answers these with 403, which is no refusal.
_LATER: Final = frozenset(("rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"))


class _Reason(msgspec.Struct, frozen=True):
    reason: str = ""


class _Error(msgspec.Struct, frozen=True):
    errors: tuple[_Reason, ...] = ()
    status: str = ""


class _Errors(msgspec.Struct, frozen=True):
    error: _Error = _Error()


class _Zone(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    dns_name: str
    visibility: str = "public"


class _Zones(msgspec.Struct, frozen=True, rename="camel"):
    managed_zones: tuple[_Zone, ...] = ()


class _Set(msgspec.Struct, frozen=True):
    name: str
    type: str
    ttl: int
    rrdatas: tuple[str, ...] = ()


class _Sets(msgspec.Struct, frozen=True):
    rrsets: tuple[_Set, ...] = ()


class _Changed(msgspec.Struct, frozen=True):
    id: str


class _Wire:
    """google-auth's way to the network: our connections, with their deadline and their bounds.

    What may pass by itself is raised here, since google-auth would sleep and try again.
    """

    def __init__(self, http: HTTP, attempt: str, who: str) -> None:
        self._api = API(http, "Google", "", who, "to get tokens")
        self._attempt = attempt

    def __call__(self, url: str, method: str = "GET", body: Any = None, headers: Any = None, **_: Any) -> _Came:
        data = body.encode() if isinstance(body, str) else body or b""
        answer = self._api.http.send(self._attempt, method, url, headers=headers, body=data)
        if answer.status in {408, 429} or answer.status >= 500:
            raise self._api.failure(self._attempt, answer)
        return _Came(answer)


class _Came:
    """An answer as google-auth looks at it."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> Any:
        return self._answer.headers

    @property
    def data(self) -> bytes:
        return self._answer.body


@dataclass(frozen=True, slots=True)
class Writer:
    """One project under one identity, whose token google-auth keeps until it expires."""

    http: HTTP
    url: str
    settings: CloudDNS
    who: str
    identity: Callable[[], Any] = field(repr=False)

    def change(self, change: Change) -> None:
        """Find the zone, read the set, replace it in one change."""
        attempt = attempt_at("Cloud DNS", change)
        token = self._token(attempt)
        url = f"{self.url}/projects/{segment(self.settings.project)}/managedZones"
        api = API(self.http, "Cloud DNS", url, self.who, NEEDS, {"Authorization": f"Bearer {token}"}, _code)
        zone = f"/{segment(self.settings.hosted_zone_name or self._zone_name(attempt, api, change.zone))}"
        for _ in range(_TRIES):
            old = self._set(attempt, api, zone, change.name)
            new = _replaced(change, old)
            if new == old or self._changed(attempt, api, zone, old, new):
                return
        raise Transient(f"{attempt}: somebody else keeps changing them")

    def _token(self, attempt: str) -> str:
        try:
            identity = self.identity()
            identity.refresh(_Wire(self.http, attempt, self.who))
            token: str = identity.token
        except DefaultCredentialsError as error:
            raise WaitingForUser(
                f"{attempt}: {self.who} is not set: add serviceAccountSecretRef, or give the shim a service account"
            ) from error
        except RefreshError as error:
            raise WaitingForUser(
                f"{attempt}: Google gives {self.who} no token: make a new key, or allow its use"
            ) from error
        except (GoogleAuthError, ValueError, TypeError) as error:
            raise Transient(f"{attempt}: Google answered {self.who} with something unexpected") from error
        return token

    def _zone_name(self, attempt: str, api: API, zone: str) -> str:
        answer = _asked(attempt, api, "GET", "", query={"dnsName": f"{zone}."})
        zones = [found for found in api.read(attempt, answer, _Zones).managed_zones if found.dns_name == f"{zone}."]
        if public := [found for found in zones if found.visibility != "private"]:
            return public[0].name
        only = ": it has a private one, which no CA can see" if zones else ""
        raise WaitingForUser(
            f"{attempt}: project {self.settings.project} has no public zone {zone}{only}: "
            "add it, or correct project or hostedZoneName"
        )

    def _set(self, attempt: str, api: API, zone: str, name: str) -> _Set | None:
        query = {"name": f"{name}.", "type": "TXT"}
        answer = _asked(attempt, api, "GET", f"{zone}/rrsets", query=query, accept=frozenset({404}))
        if answer.status == 404:
            named = self.settings.hosted_zone_name
            raise WaitingForUser(f"{attempt}: project {self.settings.project} has no zone {named}: correct it")
        sets = api.read(attempt, answer, _Sets).rrsets
        return next((found for found in sets if (found.name, found.type) == (f"{name}.", "TXT")), None)

    def _changed(self, attempt: str, api: API, zone: str, old: _Set | None, new: _Set | None) -> bool:
        wanted = {"additions": [new] if new else [], "deletions": [old] if old else []}
        answer = _asked(attempt, api, "POST", f"{zone}/changes", json=wanted, accept=_RACED)
        if answer.status in _RACED:
            return False
        api.read(attempt, answer, _Changed)
        return True


def _replaced(change: Change, old: _Set | None) -> _Set | None:
    """Return the set as it shall be, None for none."""
    there = old.rrdatas if old else ()
    add, remove = ({quoted(value) for value in values} for values in (change.add, change.remove))
    values = (*(value for value in there if value not in remove), *sorted(add.difference(there)))
    if old is not None and values:
        return msgspec.structs.replace(old, rrdatas=values)
    return _Set(f"{change.name}.", "TXT", TTL, values) if values else None


def _asked(attempt: str, api: API, method: str, path: str, **more: Any) -> Answer:
    """Ask, and tell a rate limit from a refusal; both are 403."""
    accept = more.pop("accept", frozenset())
    answer = api.ask(attempt, method, path, accept=accept | {403}, **more)
    if answer.status != 403:
        return answer
    failure = api.failure(attempt, answer)
    code = api.error_code(answer)
    if code not in _LATER:
        raise failure
    slower = api.failure(attempt, Answer(429, answer.headers, answer.body))
    raise slower if isinstance(slower, RateLimited) else Transient(f"{attempt}: Cloud DNS asks to slow down ({code})")


def _code(body: bytes) -> str:
    error = decode(body, _Errors).error
    return error.errors[0].reason if error.errors else error.status


def build(solver: DNS01Solver, credentials: Credentials, *, http: HTTP | None = None, url: str = URL) -> DNSWriter:
    """Return a writer; sends nothing."""
    settings = solver.cloud_dns or CloudDNS(project="")
    ref = settings.service_account_secret_ref
    if ref is None:
        if not credentials.ambient:
            raise WaitingForUser(
                "cloudDNS names no credentials, and this issuer may not use the shim's own: add serviceAccountSecretRef"
            )
        return Writer(http or connections(), url, settings, "the shim's own Google identity", _own)
    identity = _service_account(credentials.secret(ref), where(ref))
    return Writer(http or connections(), url, settings, f"the service account in {where(ref)}", lambda: identity)


def _own() -> Any:
    identity, _ = google.auth.default(scopes=(SCOPE,))
    return identity


def _service_account(text: str, named: str) -> Any:
    try:
        key = decode(text, dict[str, Any])
        if key.get("type") == "service_account":
            made: Any = ServiceAccount  # it has no types
            return made.from_service_account_info(key, scopes=(SCOPE,))
    except (msgspec.MsgspecError, ValueError, TypeError, GoogleAuthError):
        # Without its cause, which may quote the Secret.
        raise WaitingForUser(f"{named} must be the JSON key of a service account: this one cannot be read") from None
    raise WaitingForUser(f"{named} must be the JSON key of a service account (type service_account)")
