"""acme-dns' API, as its README describes it: two values an account, which push each other out."""

from __future__ import annotations

import json

from certs.api.issuer import AcmeDNS, DNS01Solver
from shim.solvers.dns01 import DNSWriter
from shim.solvers.dns01.acmedns import build
from tests.contract.dns01 import ZONE, credentials
from tests.contract.dns01.server import Reply, Request
from tests.contract.dns01.vendor import REF, Vendor, said

USER, PASSWORD = "eabcdb41-d89f-4580-826f-3e62e9755ef2", "hunter2-pbAXVjlIOE01xbut7YnAbkhMQIkcwoHO0ek2"
SUBDOMAINS = {
    f"_acme-challenge.shop.{ZONE}": "d420c923-bbd7-4056-ab64-c3ca54c9b3cf",
    f"_acme-challenge.shop2.{ZONE}": "a097455b-52cc-4569-90c8-7a4b97c6eba8",
    ZONE: "bb97455b-52ca-4569-90c8-7a4b97c6eba8",
}


def account(name: str, subdomain: str) -> dict[str, object]:
    """Of the zone itself one knows by its full domain: the target of a CNAME."""
    full = name if name == ZONE else f"{subdomain}.auth.example.org"
    return {"username": USER, "password": PASSWORD, "fulldomain": full, "subdomain": subdomain, "allowfrom": []}


class Fake(Vendor):
    """Accounts for three names."""

    removes = False

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, list[str]] = {}
        accounts = {
            ("target.test" if name == ZONE else name.removeprefix("_acme-challenge.")): account(name, subdomain)
            for name, subdomain in SUBDOMAINS.items()
        }
        self.credentials = credentials(vendor=json.dumps(accounts))

    def writer(self) -> DNSWriter:
        settings = AcmeDNS(host=self.url, account_secret_ref=REF)
        return build(DNS01Solver(acme_dns=settings), self.credentials, http=self.http)

    def values(self, name: str) -> frozenset[str]:
        return frozenset(self.kept.get(name, ()))

    def put(self, name: str, *values: str) -> None:
        self.kept[name] = [*self.kept.get(name, ()), *values][-2:]

    def handle(self, request: Request) -> Reply:
        if (request.method, request.path) != ("POST", "/update"):
            return Reply(b"404 page not found", 404)
        asked = json.loads(request.body)
        name = next((name for name, subdomain in SUBDOMAINS.items() if subdomain == asked["subdomain"]), None)
        if (request.headers.get("x-api-user"), request.headers.get("x-api-key")) != (USER, PASSWORD) or name is None:
            return said({"error": "forbidden"}, 401)
        if len(asked["txt"]) != 43:  # what a key authorization's digest has
            return said({"error": "bad_txt"}, 400)
        self.put(name, asked["txt"])
        return said({"txt": asked["txt"]})
