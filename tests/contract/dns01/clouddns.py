"""Google's token endpoint and Cloud DNS' API v1, as its reference describes managed zones, sets and changes."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from functools import cache
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certs.api.issuer import CloudDNS, DNS01Solver
from shim.solvers.dns01 import DNSWriter
from shim.solvers.dns01.clouddns import SCOPE, build
from tests.contract.dns01 import ZONE, Fault, credentials
from tests.contract.dns01.server import Reply, Request
from tests.contract.dns01.vendor import REF, SECRET, Vendor, said

ZONES = "/projects/shop/managedZones"
EMAIL = "dns@shop.iam.gserviceaccount.com"


@cache
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def service_account(token_uri: str) -> str:
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "shop",
            "private_key_id": "1",
            "private_key": private_key(),
            "client_email": EMAIL,
            "token_uri": token_uri,
        }
    )


def failed(status: int, reason: str, headers: dict[str, str] | None = None) -> Reply:
    error = {"code": status, "message": "hunter2", "errors": [{"domain": "global", "reason": reason}]}
    return said({"error": error}, status, headers)


class Fake(Vendor):
    """A private and a public zone of one name."""

    solver = DNS01Solver(cloud_dns=CloudDNS(project="shop", service_account_secret_ref=REF))
    failing = {
        Fault.REFUSED: failed(403, "forbidden"),
    }

    def __init__(self) -> None:
        super().__init__()
        self.ttls: dict[str, int] = {}
        self.races = 0
        self.refusing = ""  # a reason with which everything but tokens is answered 403

    def writer(self) -> DNSWriter:
        known = credentials(vendor=service_account(f"{self.server.url}/token"))
        return build(self.solver, known, http=self.http, url=self.url)

    def handle(self, request: Request) -> Reply:
        if request.path == "/token":
            return self._token(parse_qs(request.body.decode()))
        if self.refusing:
            return failed(403, self.refusing, {"Retry-After": "30"})
        if request.headers.get("authorization") != f"Bearer {SECRET}":
            return failed(401, "authError")
        match request.method, request.path:
            case "GET", path if path == ZONES:
                return self._zones(request.query["dnsName"])
            case "GET", path if path == f"{ZONES}/shop-public/rrsets":
                return said({"kind": "dns#resourceRecordSetsListResponse", "rrsets": self._rrsets(request.query)})
            case "POST", path if path == f"{ZONES}/shop-public/changes":
                return self._change(json.loads(request.body))
        return failed(404, "notFound")

    def _token(self, form: dict[str, list[str]]) -> Reply:
        payload = form["assertion"][0].split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        if form["grant_type"] != [grant] or (claims["iss"], claims["scope"]) != (EMAIL, SCOPE):
            return said({"error": "invalid_grant", "error_description": "hunter2"}, 400)
        return said({"access_token": SECRET, "expires_in": 3600, "token_type": "Bearer"})

    def _zones(self, name: str) -> Reply:
        zones = [
            {"name": "shop-private", "dnsName": f"{ZONE}.", "visibility": "private"},
            {"name": "shop-public", "dnsName": f"{ZONE}.", "visibility": "public"},
        ]
        return said({"managedZones": [zone for zone in zones if zone["dnsName"] == name]})

    def _rrsets(self, query: object) -> list[dict[str, object]]:
        return [self._set(name) for name, values in self.sets.items() if values]

    def _set(self, name: str) -> dict[str, object]:
        rrdatas = [f'"{value}"' for value in sorted(self.sets[name])]
        return {"name": f"{name}.", "type": "TXT", "ttl": self.ttls.get(name, 300), "rrdatas": rrdatas}

    def _change(self, change: dict[str, list[dict[str, object]]]) -> Reply:
        if self.races:
            self.races -= 1
            for values in self.sets.values():
                values.add(f"race-{self.races}")
        for old in change["deletions"]:
            name = str(old["name"]).removesuffix(".")
            if not self.sets[name] or {**old, "rrdatas": sorted(_texts(old))} != self._set(name):
                return failed(412, "conditionNotMet")
        names = {old["name"] for old in change["deletions"]}
        for new in change["additions"]:
            name = str(new["name"]).removesuffix(".")
            if self.sets[name] and new["name"] not in names:
                return failed(409, "alreadyExists")
            if not _texts(new) or new["type"] != "TXT" or not all(text[0] == '"' == text[-1] for text in _texts(new)):
                return failed(400, "invalid")
        for old in change["deletions"]:
            self.sets[str(old["name"]).removesuffix(".")] = set()
        for new in change["additions"]:
            name = str(new["name"]).removesuffix(".")
            self.sets[name] = {text.strip('"') for text in _texts(new)}
            self.ttls[name] = int(str(new["ttl"]))
        return said({"kind": "dns#change", "id": "7", "status": "pending"})


def _texts(rrset: dict[str, object]) -> list[str]:
    rrdatas = rrset["rrdatas"]
    return [str(text) for text in rrdatas] if isinstance(rrdatas, list) else []
