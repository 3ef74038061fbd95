"""Azure DNS: record sets through the resource manager, with an application's secret or with the shim's own identity.

A set is read and replaced whole; its etag (or, for a new one, If-None-Match) tells when somebody else was there in
between (412), and then it is read again.  Tokens are one documented request each, so no SDK is needed: client
credentials, a federated token (workload identity, whose webhook sets AZURE_FEDERATED_TOKEN_FILE), or the instance
metadata service (managed identity).

Source: Azure REST API, "DNS: Record Sets", "Private DNS: Record Sets"; Microsoft identity platform, "OAuth 2.0 client
credentials flow"; "How to use managed identities for Azure resources on an Azure VM to acquire an access token".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from certs.api.issuer import AzureDNS, AzureManagedIdentity, DNS01Solver
from certs.decoders import decode
from certs.outcomes import Transient, WaitingForUser
from shim.solvers.dns01 import TTL, Change, Credentials, DNSWriter
from shim.solvers.dns01.rest import API, HTTP, Answer, attempt_at, connections, secret_text, segment, where

NEEDS: Final = 'the role "DNS Zone Contributor" on the zone'
NEEDS_PRIVATE: Final = 'the role "Private DNS Zone Contributor" on the zone'
METADATA: Final = "http://169.254.169.254"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TRIES: Final = 3  # two writers of one name meet once; a third meeting is for the back-off


@dataclass(frozen=True, slots=True)
class Cloud:
    """The addresses of one of Microsoft's clouds."""

    login: str
    manager: str
    metadata: str = METADATA


CLOUDS: Final[Mapping[str, Cloud]] = {
    "AzurePublicCloud": Cloud("https://login.microsoftonline.com", "https://management.azure.com"),
    "AzureChinaCloud": Cloud("https://login.chinacloudapi.cn", "https://management.chinacloudapi.cn"),
    "AzureGermanCloud": Cloud("https://login.microsoftonline.de", "https://management.microsoftazure.de"),
    "AzureUSGovernmentCloud": Cloud("https://login.microsoftonline.us", "https://management.usgovcloudapi.net"),
}


class _Code(msgspec.Struct, frozen=True):
    code: str = ""


class _ManagerError(msgspec.Struct, frozen=True):
    error: _Code = _Code()


class _LoginError(msgspec.Struct, frozen=True):
    error: str = ""


class _Token(msgspec.Struct, frozen=True):
    access_token: str


class _RecordSet(msgspec.Struct, frozen=True):
    etag: str = ""
    properties: dict[str, Any] = {}

    def member(self, name: str) -> Any:
        """Return a property; public zones write TTL and TXTRecords where private ones write ttl and txtRecords."""
        return next((value for key, value in self.properties.items() if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Writer:
    """One resource group under one identity, which gets a token for each change."""

    http: HTTP
    cloud: Cloud
    settings: AzureDNS
    who: str
    token: Callable[[str], str] = field(repr=False)

    def change(self, change: Change) -> None:
        """Read the set, replace it in one request."""
        attempt = attempt_at("Azure DNS", change)
        zone = self.settings.hosted_zone_name.lower().rstrip(".") or change.zone
        if change.name != zone and not change.name.endswith(f".{zone}"):
            raise WaitingForUser(f"{attempt}: it does not lie in zone {zone}: correct azureDNS.hostedZoneName")
        api = self._api(attempt)
        path = self._path(zone, Change(zone, change.name).label)
        for _ in range(_TRIES):
            old = self._read(attempt, api, path)
            records = _records(change, old)
            if records == _there(old) or self._written(attempt, api, path, old, records, zone):
                return
        raise Transient(f"{attempt}: somebody else keeps changing them")

    @property
    def _is_private(self) -> bool:
        return self.settings.zone_type == "AzurePrivateZone"

    def _api(self, attempt: str) -> API:
        headers = {"Authorization": f"Bearer {self.token(attempt)}"}
        needs = NEEDS_PRIVATE if self._is_private else NEEDS
        return API(self.http, "Azure", self.cloud.manager, self.who, needs, headers, _manager_code)

    def _path(self, zone: str, label: str) -> str:
        group = f"/subscriptions/{segment(self.settings.subscription_id)}"
        group += f"/resourceGroups/{segment(self.settings.resource_group_name)}"
        kind = "privateDnsZones" if self._is_private else "dnsZones"
        return f"{group}/providers/Microsoft.Network/{kind}/{segment(zone)}/TXT/{segment(label)}"

    def _query(self) -> dict[str, str]:
        return {"api-version": "2018-09-01" if self._is_private else "2018-05-01"}

    def _read(self, attempt: str, api: API, path: str) -> _RecordSet | None:
        answer = api.ask(attempt, "GET", path, query=self._query(), accept=frozenset({404}))
        return None if answer.status == 404 else api.read(attempt, answer, _RecordSet)

    def _written(
        self, attempt: str, api: API, path: str, old: _RecordSet | None, records: list[Any], zone: str
    ) -> bool:
        guard = {"If-Match": old.etag} if old else {"If-None-Match": "*"}
        body = {"properties": self._properties(old, records)} if records else None
        answer = api.ask(
            attempt,
            "PUT" if records else "DELETE",
            path,
            query=self._query(),
            json=body,
            headers=guard,
            accept=frozenset({404, 412}),
        )
        if answer.status == 404 and records:
            group = self.settings.resource_group_name
            raise WaitingForUser(
                f"{attempt}: resource group {group} has no zone {zone}: add it, or correct subscriptionID, "
                "resourceGroupName, hostedZoneName or zoneType"
            )
        return answer.status != 412

    def _properties(self, old: _RecordSet | None, records: list[Any]) -> dict[str, Any]:
        """Return the set's properties; what somebody else has set on it (time to live, metadata) stays."""
        names = ("ttl", "txtRecords") if self._is_private else ("TTL", "TXTRecords")
        ttl = (old.member("ttl") if old else None) or TTL
        metadata = old.member("metadata") if old else None
        return {names[0]: ttl, names[1]: records, **({"metadata": metadata} if metadata else {})}


def _there(old: _RecordSet | None) -> list[Any]:
    return (old.member("TXTRecords") if old else None) or []


def _records(change: Change, old: _RecordSet | None) -> list[Any]:
    """Return the records as they shall be; a value is a list of character strings."""
    there = {"".join(record.get("value", ())): record for record in _there(old)}
    kept = [record for value, record in there.items() if value not in change.remove]
    return kept + [{"value": [value]} for value in sorted(change.add - there.keys())]


def _manager_code(body: bytes) -> str:
    return decode(body, _ManagerError).error.code


def _login_code(body: bytes) -> str:
    return decode(body, _LoginError).error


def build(
    solver: DNS01Solver,
    credentials: Credentials,
    *,
    http: HTTP | None = None,
    cloud: Cloud | None = None,
    environment: Mapping[str, str] = os.environ,
) -> DNSWriter:
    """Return a writer; sends nothing."""
    settings = solver.azure_dns or AzureDNS(subscription_id="", resource_group_name="")
    cloud = cloud or CLOUDS[settings.environment or "AzurePublicCloud"]
    login = Login(http or connections(), cloud)
    if settings.client_id or settings.client_secret_secret_ref is not None:
        ref = settings.client_secret_secret_ref
        if ref is None or not settings.tenant_id or not settings.client_id:
            raise WaitingForUser("azureDNS needs clientID, clientSecretSecretRef and tenantID: add what is missing")
        who, secret = f"application {settings.client_id} with {where(ref)}", secret_text(credentials, ref)
        form = {"client_id": settings.client_id, "client_secret": secret}
        tenant = settings.tenant_id
        return Writer(login.http, cloud, settings, who, lambda attempt: login.of(attempt, who, tenant, form))
    if not credentials.ambient:
        raise WaitingForUser(
            "azureDNS names no credentials, and this issuer may not use the shim's own: "
            "add clientID, clientSecretSecretRef and tenantID"
        )
    identity = settings.managed_identity or AzureManagedIdentity()
    if "AZURE_FEDERATED_TOKEN_FILE" in environment:
        return Writer(login.http, cloud, settings, *login.federated(identity, environment))
    return Writer(login.http, cloud, settings, *login.managed(identity))


@dataclass(frozen=True, slots=True)
class Login:
    """The ways to a token; each returns it at once, or the class of why not."""

    http: HTTP
    cloud: Cloud

    def of(self, attempt: str, who: str, tenant: str, form: Mapping[str, str], *, login: str = "") -> str:
        """Return a token for an application that proves itself by a secret or an assertion."""
        api = API(self.http, "Microsoft", login or self.cloud.login, who, "a token", code=_login_code)
        full = {**form, "grant_type": "client_credentials", "scope": f"{self.cloud.manager}/.default"}
        answer = self.http.send(
            attempt,
            "POST",
            f"{api.url}/{segment(tenant)}/oauth2/v2.0/token",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(full).encode(),
        )
        return _token(attempt, api, answer)

    def federated(
        self, identity: AzureManagedIdentity, environment: Mapping[str, str]
    ) -> tuple[str, Callable[[str], str]]:
        """Return whose tokens these are, and how to get one: workload identity."""
        client = identity.client_id or environment.get("AZURE_CLIENT_ID", "")
        tenant = identity.tenant_id or environment.get("AZURE_TENANT_ID", "")
        file = Path(environment["AZURE_FEDERATED_TOKEN_FILE"])
        login = environment.get("AZURE_AUTHORITY_HOST", "").rstrip("/")
        who = f"the shim's workload identity {client}"

        def token(attempt: str) -> str:
            try:
                assertion = file.read_text().strip()  # the kubelet renews it
            except OSError as error:
                raise WaitingForUser(f"{attempt}: cannot read {file} of the shim's workload identity") from error
            form = {"client_id": client, "client_assertion_type": _ASSERTION, "client_assertion": assertion}
            return self.of(attempt, who, tenant, form, login=login)

        return who, token

    def managed(self, identity: AzureManagedIdentity) -> tuple[str, Callable[[str], str]]:
        """Return whose tokens these are, and how to get one: managed identity, which no proxy knows."""
        chosen = {"client_id": identity.client_id} if identity.client_id else {}
        if identity.resource_id:
            chosen = {"mi_res_id": identity.resource_id}
        who = f"the node's managed identity {identity.client_id or identity.resource_id}".rstrip()
        query = {"api-version": "2018-02-01", "resource": f"{self.cloud.manager}/", **chosen}
        url = f"{self.cloud.metadata}/metadata/identity/oauth2/token?{urlencode(query)}"

        def token(attempt: str) -> str:
            http = HTTP(within=self.http.within, proxies={})
            api = API(http, "the metadata service of Azure", url, who, "to the node", code=_login_code)
            return _token(attempt, api, http.send(attempt, "GET", url, headers={"Metadata": "true"}))

        return who, token


def _token(attempt: str, api: API, answer: Answer) -> str:
    if answer.status == 200:
        return api.read(attempt, answer, _Token).access_token
    if answer.status in {400, 401}:
        code = api.error_code(answer)
        raise WaitingForUser(f"{attempt}: {api.vendor} gives {api.who} no token ({answer.status} {code}): correct it")
    raise api.failure(attempt, answer)
