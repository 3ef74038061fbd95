"""Akamai's Edge DNS API v2; signatures are verified by Akamai's own signer."""

from __future__ import annotations

import json
import re

import requests
from akamai.edgegrid.edgegrid import EdgeGridAuthHeaders

from certs.api.issuer import Akamai, DNS01Solver
from certs.api.meta import SecretKeySelector
from shim.solvers.dns01 import DNSWriter
from shim.solvers.dns01.akamai import build
from tests.contract.dns01 import ZONE, credentials
from tests.contract.dns01.server import Reply, Request
from tests.contract.dns01.vendor import Vendor, said

TOKEN, SECRET, ACCESS = "akab-client", "hunter2-secret", "akab-access"


def ref(name: str) -> SecretKeySelector:
    return SecretKeySelector(name=name, key="value")


class Fake(Vendor):
    """One primary zone."""

    solver = DNS01Solver(
        akamai=Akamai(
            service_consumer_domain="akab-host.luna.akamaiapis.net",
            client_token_secret_ref=ref("client"),
            client_secret_secret_ref=ref("secret"),
            access_token_secret_ref=ref("access"),
        )
    )

    def __init__(self) -> None:
        super().__init__()
        self.credentials = credentials(client=TOKEN, secret=SECRET, access=ACCESS)
        self.ttls: dict[str, int] = {}
        self.races = 0

    def writer(self) -> DNSWriter:
        return build(self.solver, self.credentials, http=self.http, url=self.url)

    def handle(self, request: Request) -> Reply:
        if not self._is_signed(request):
            return said({"type": "https://problems.luna.akamaiapis.net/-/pep-authn/deny", "title": "hunter2"}, 401)
        match = re.fullmatch(r"/config-dns/v2/zones/([^/]+)/names/([^/]+)/types/TXT", request.path)
        if match is None or match[1] != ZONE:
            return said({"title": "Not Found", "status": 404}, 404)
        name = match[2]
        if self.races and request.method != "GET":
            self.races -= 1
            self.put(name, f"race-{self.races}")
        if request.method == "POST":
            return self._written(name, request) if not self.sets[name] else said({"title": "Conflict"}, 409)
        if not self.sets[name]:
            return said({"title": "Not Found", "status": 404}, 404)
        if request.method == "PUT":
            return self._written(name, request)
        if request.method == "DELETE":
            self.sets[name] = set()
            return Reply(status=204)
        rdata = [f'"{value}"' for value in sorted(self.sets[name])]
        return said({"name": name, "type": "TXT", "ttl": self.ttls.get(name, 300), "rdata": rdata})

    def _written(self, name: str, request: Request) -> Reply:
        record = json.loads(request.body)
        is_quoted = all(text[0] == '"' == text[-1] for text in record["rdata"])
        if (record["name"], record["type"]) != (name, "TXT") or not record["rdata"] or not is_quoted:
            return said({"title": "Invalid record data"}, 400)
        self.ttls[name] = record["ttl"]
        self.sets[name] = {text.strip('"') for text in record["rdata"]}
        return said(record, 201 if request.method == "POST" else 200)

    def _is_signed(self, request: Request) -> bool:
        found = re.search(r"timestamp=([^;]+);nonce=([^;]+);", request.headers.get("authorization", ""))
        if found is None:
            return False
        url = f"{self.server.url}{request.path}"
        sent = requests.Request(request.method, url, data=request.body).prepare()
        expected = EdgeGridAuthHeaders(TOKEN, SECRET, ACCESS).make_auth_header(sent, found[1], found[2])
        return bool(request.headers["authorization"] == expected)
