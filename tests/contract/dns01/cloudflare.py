"""Cloudflare's API v4, as its reference describes zones and DNS records."""

from __future__ import annotations

import json
import re

from certs.api.issuer import Cloudflare, DNS01Solver
from shim.solvers.dns01 import DNSWriter
from shim.solvers.dns01.cloudflare import build
from tests.contract.dns01 import ZONE, Fault
from tests.contract.dns01.server import Reply, Request
from tests.contract.dns01.vendor import REF, SECRET, Records, Vendor, said

ID = "023e105f4ecef8ad9ca31a8372d0c353"
RECORDS = f"/zones/{ID}/dns_records"


def failed(status: int, code: int, message: str) -> Reply:
    return said({"success": False, "errors": [{"code": code, "message": message}], "result": None}, status)


class Fake(Vendor):
    """Two zones of the name, as when two accounts have added it; the active one counts."""

    solver = DNS01Solver(cloudflare=Cloudflare(api_token_secret_ref=REF))
    failing = {Fault.REFUSED: failed(403, 10000, f"Authentication error for {SECRET}")}

    def __init__(self) -> None:
        super().__init__()
        self.records = Records()
        self.page = 100  # how many records a page holds at most

    def writer(self) -> DNSWriter:
        return build(self.solver, self.credentials, http=self.http, url=self.url)

    def values(self, name: str) -> frozenset[str]:
        return frozenset(value.strip('"') for value in self.records.of(name).values())

    def put(self, name: str, *values: str) -> None:
        for value in values:
            self.records.add(name, value)  # without quotes, as records of before 2024 stand

    def handle(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {SECRET}":
            return failed(400, 6003, "Invalid request headers")
        if (request.method, request.path) == ("GET", "/zones"):
            return self._zones(request.query["name"])
        if (request.method, request.path) == ("GET", RECORDS):
            return self._list(request)
        if (request.method, request.path) == ("POST", RECORDS):
            return self._create(json.loads(request.body))
        if request.method == "DELETE" and (match := re.fullmatch(rf"{RECORDS}/(\d+)", request.path)):
            if self.records.all.pop(int(match[1]), None) is None:
                return failed(404, 81044, "Record does not exist.")
            return said({"result": {"id": match[1]}})
        return failed(404, 7003, "Could not route to the path")

    def _zones(self, name: str) -> Reply:
        zones = [
            {"id": "0" * 32, "name": ZONE, "status": "moved"},
            {"id": ID, "name": ZONE, "status": "active"},
        ]
        result = [zone for zone in zones if zone["name"] == name]
        return said({"success": True, "errors": [], "messages": [], "result": result, "result_info": {"page": 1}})

    def _list(self, request: Request) -> Reply:
        if request.query["type"] != "TXT":
            return failed(400, 9207, "Request body is invalid.")
        found = [
            {"id": str(number), "type": "TXT", "name": request.query["name"], "content": value, "ttl": 60}
            for number, value in self.records.of(request.query["name"]).items()
        ]
        size = min(self.page, int(request.query["per_page"]))
        start = (int(request.query["page"]) - 1) * size
        info = {"page": int(request.query["page"]), "per_page": size, "total_pages": -(-len(found) // size)}
        return said({"success": True, "errors": [], "result": found[start : start + size], "result_info": info})

    def _create(self, record: dict[str, object]) -> Reply:
        name, content = str(record["name"]), str(record["content"])
        if (
            record["type"] != "TXT"
            or record["ttl"] != 60
            or not name.endswith(ZONE)
            or content[0] + content[-1] != '""'
        ):
            return failed(400, 9207, "Request body is invalid.")
        if content in self.records.of(name).values():
            return failed(400, 81058, "An identical record already exists.")
        return said({"success": True, "errors": [], "result": {"id": str(self.records.add(name, content))}})
