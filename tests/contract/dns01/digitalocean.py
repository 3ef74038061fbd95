"""DigitalOcean's API v2, as its reference describes domain records."""

from __future__ import annotations

import json
import re

from certs.api.issuer import DigitalOcean, DNS01Solver
from shim.solvers.dns01 import DNSWriter
from shim.solvers.dns01.digitalocean import build
from tests.contract.dns01 import ZONE
from tests.contract.dns01.server import Reply, Request
from tests.contract.dns01.vendor import REF, SECRET, Records, Vendor, said

RECORDS = f"/domains/{ZONE}/records"


def absolute(label: str) -> str:
    return ZONE if label == "@" else f"{label}.{ZONE}"


class Fake(Vendor):
    """One domain."""

    solver = DNS01Solver(digitalocean=DigitalOcean(token_secret_ref=REF))

    def __init__(self) -> None:
        super().__init__()
        self.records = Records()

    def writer(self) -> DNSWriter:
        return build(self.solver, self.credentials, http=self.http, url=self.url)

    def values(self, name: str) -> frozenset[str]:
        return frozenset(self.records.of(name).values())

    def put(self, name: str, *values: str) -> None:
        for value in values:
            self.records.add(name, value)

    def handle(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {SECRET}":
            return said({"id": "Unauthorized", "message": "Unable to authenticate you"}, 401)
        if (request.method, request.path) == ("GET", RECORDS):
            return self._list(request.query["name"])
        if (request.method, request.path) == ("POST", RECORDS):
            record = json.loads(request.body)
            if record["type"] != "TXT" or record["ttl"] < 30 or record["name"].endswith(ZONE):
                return said({"id": "unprocessable_entity", "message": "Data is invalid."}, 422)
            number = self.records.add(absolute(record["name"]), record["data"])
            return said({"domain_record": {"id": number, **record}}, 201)
        match = re.fullmatch(rf"{RECORDS}/(\d+)", request.path)
        if request.method == "DELETE" and match and self.records.all.pop(int(match[1]), None):
            return Reply(status=204)
        return said({"id": "not_found", "message": "The resource you were accessing could not be found."}, 404)

    def _list(self, name: str) -> Reply:
        label = name.removesuffix(ZONE).rstrip(".") or "@"
        found = [
            {"id": number, "type": "TXT", "name": label, "data": value, "ttl": 60}
            for number, value in self.records.of(name).items()
        ]
        return said({"domain_records": found, "links": {}, "meta": {"total": len(found)}})
