"""The API of PowerDNS' authoritative server, one of those whose address lexicon takes as an option."""

from __future__ import annotations

import json

from certs.api.issuer import DNS01Solver, Lexicon
from certs.api.meta import LocalObjectReference
from shim.solvers.dns01 import DNSWriter
from shim.solvers.dns01.lexicon import build
from tests.contract.dns01 import ZONE
from tests.contract.dns01.server import Reply, Request
from tests.contract.dns01.vendor import SECRET, Vendor, said

PATH = f"/api/v1/servers/localhost/zones/{ZONE}."


class Fake(Vendor):
    """One native zone."""

    deadline = 6.0  # a process starts first
    within = 2.5

    def writer(self) -> DNSWriter:
        settings = Lexicon(
            provider="powerdns", options={"pdns-server": self.url}, secret_ref=LocalObjectReference(name="vendor")
        )
        return build(DNS01Solver(lexicon=settings), self.credentials, within=self.within)

    def handle(self, request: Request) -> Reply:
        if request.headers.get("x-api-key") != SECRET:
            return Reply(b"Unauthorized", 401)
        if request.path != PATH:
            return said({"error": "Could not find domain"}, 404)
        if request.method == "GET":
            return said({"id": f"{ZONE}.", "name": f"{ZONE}.", "kind": "Native", "rrsets": self._rrsets()})
        if request.method != "PATCH":
            return said({"error": "Method Not Allowed"}, 405)
        for rrset in json.loads(request.body)["rrsets"]:
            if (rrset["type"], rrset["changetype"]) not in {("TXT", "REPLACE"), ("TXT", "DELETE")}:
                return said({"error": "RRset is not as it should be"}, 422)
            name = rrset["name"].removesuffix(".")
            self.sets[name] = {record["content"].strip('"') for record in rrset["records"]}
        return Reply(status=204)

    def _rrsets(self) -> list[dict[str, object]]:
        return [
            {
                "name": f"{name}.",
                "type": "TXT",
                "ttl": 60,
                "records": [{"content": f'"{value}"', "disabled": False} for value in sorted(values)],
            }
            for name, values in self.sets.items()
            if values
        ]
