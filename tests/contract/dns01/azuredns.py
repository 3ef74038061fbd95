"""Microsoft's token endpoint, the metadata service, and Azure DNS' REST API with its etags."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs

from certs.api.issuer import AzureDNS, DNS01Solver
from shim.solvers.dns01 import DNSWriter
from shim.solvers.dns01.azuredns import Cloud, build
from tests.contract.dns01 import ZONE, Fault
from tests.contract.dns01.server import Reply, Request
from tests.contract.dns01.vendor import REF, SECRET, Vendor, said

GROUP = "/subscriptions/sub/resourceGroups/dns/providers/Microsoft.Network"
TENANT, CLIENT = "tenant-1", "client-1"


def failed(status: int, code: str) -> Reply:
    return said({"error": {"code": code, "message": "hunter2"}}, status)


class Fake(Vendor):
    """A public and a private zone of one name."""

    settings = AzureDNS(
        subscription_id="sub",
        resource_group_name="dns",
        client_id=CLIENT,
        client_secret_secret_ref=REF,
        tenant_id=TENANT,
    )
    failing = {Fault.REFUSED: failed(403, "AuthorizationFailed")}

    def __init__(self) -> None:
        super().__init__()
        self.environment: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.extra: dict[str, dict[str, object]] = {}  # time to live and metadata by name
        self.races = 0

    def writer(self) -> DNSWriter:
        cloud = Cloud(self.url, self.url, self.url)
        solver = DNS01Solver(azure_dns=self.settings)
        return build(solver, self.credentials, http=self.http, cloud=cloud, environment=self.environment)

    def put(self, name: str, *values: str) -> None:
        super().put(name, *values)
        self.versions[name] = self.versions.get(name, 0) + 1

    def handle(self, request: Request) -> Reply:
        if request.path == f"/{TENANT}/oauth2/v2.0/token":
            return self._login({name: values[0] for name, values in parse_qs(request.body.decode()).items()})
        if request.path == "/metadata/identity/oauth2/token":
            return self._metadata(request)
        if request.headers.get("authorization") != f"Bearer token-for-{self.server.url}":
            return failed(401, "AuthenticationFailed")
        private = request.query.get("api-version") == "2018-09-01"
        kind = "privateDnsZones" if private else "dnsZones"
        match = re.fullmatch(rf"{re.escape(GROUP)}/{kind}/([^/]+)/TXT/([^/]+)", request.path)
        if match is None:
            return failed(404, "ResourceGroupNotFound")
        if match[1] != ZONE:
            return failed(404, "ParentResourceNotFound")
        name = ZONE if match[2] == "@" else f"{match[2]}.{ZONE}"
        return self._records(request, name, ("ttl", "txtRecords") if private else ("TTL", "TXTRecords"))

    def _login(self, form: dict[str, str]) -> Reply:
        grant = (form.get("client_id"), form.get("grant_type"))
        proof = form.get("client_secret"), form.get("client_assertion")
        if grant != (CLIENT, "client_credentials") or proof not in {(SECRET, None), (None, "federated")}:
            return said({"error": "invalid_client", "error_description": "hunter2", "error_codes": [7000215]}, 401)
        audience = form["scope"].removesuffix("/.default")
        return said({"token_type": "Bearer", "expires_in": 3599, "access_token": f"token-for-{audience}"})

    def _metadata(self, request: Request) -> Reply:
        if request.headers.get("metadata") != "true" or request.query["api-version"] != "2018-02-01":
            return said({"error": "bad_request_102", "error_description": "hunter2"}, 400)
        if request.query.get("client_id", CLIENT) != CLIENT:
            return said({"error": "invalid_request", "error_description": "Identity not found"}, 400)
        audience = request.query["resource"].removesuffix("/")
        return said({"access_token": f"token-for-{audience}", "token_type": "Bearer", "expires_in": "3599"})

    def _records(self, request: Request, name: str, members: tuple[str, str]) -> Reply:
        if self.races and request.method != "GET":
            self.races -= 1
            self.put(name, f"race-{self.races}")
        etag = f"etag-{self.versions.get(name)}" if self.sets[name] else None
        if request.method == "GET":
            if etag is None:
                return failed(404, "NotFound")
            values = [{"value": [value]} for value in sorted(self.sets[name])]
            properties = {members[0]: 300, members[1]: values, **self.extra.get(name, {})}
            return said({"name": name, "etag": etag, "properties": properties})
        if request.headers.get("if-none-match") == "*" and etag is not None:
            return failed(412, "PreconditionFailed")
        if request.headers.get("if-match", etag) != etag:
            return failed(412, "PreconditionFailed")
        if request.method == "DELETE":
            self.sets[name] = set()
            return Reply(status=200)
        properties = json.loads(request.body)["properties"]
        if not properties[members[1]]:
            return failed(400, "BadRequest")
        self.extra[name] = {key: value for key, value in properties.items() if key not in members}
        self.extra[name]["seen-ttl"] = properties[members[0]]
        self.sets[name] = {"".join(record["value"]) for record in properties[members[1]]}
        self.versions[name] = self.versions.get(name, 0) + 1
        return said({"etag": f"etag-{self.versions[name]}", "properties": properties}, 200 if etag else 201)
