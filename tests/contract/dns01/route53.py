"""Route 53's and STS' APIs, in XML, as AWS' references describe them; signatures are looked at, not verified."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

from certs.api.issuer import DNS01Solver, Route53
from certs.api.meta import SecretKeySelector
from shim.solvers.dns01 import DNSWriter
from shim.solvers.dns01.route53 import Endpoints, build
from tests.contract.dns01 import ZONE, Fault, credentials
from tests.contract.dns01.server import Reply, Request, VendorServer
from tests.contract.dns01.vendor import NOWHERE, WITHIN

NAMESPACE: Final = "https://route53.amazonaws.com/doc/2013-04-01/"
ID: Final = "Z1PUBLIC"
KEY_ID, SECRET_KEY = "AKIDEXAMPLE", "hunter2-secret"
REF = SecretKeySelector(name="vendor", key="secret-access-key")


@dataclass(frozen=True, slots=True)
class Set:
    """A record set; simple ones have no identifier."""

    name: str
    values: frozenset[str]
    ttl: str = "60"
    identifier: str = ""


def error(status: int, code: str, message: str = "hunter2") -> Reply:
    body = (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    )
    return Reply(body.encode(), status)


class Fake:
    """A public and a private zone of the same name.  AWS has no Retry-After: throttling has a test of its own."""

    faults = frozenset(Fault) - {Fault.LIMITED}
    removes = True
    deadline = 2 * WITHIN  # boto3 reads its models first

    def __init__(self, solver: Route53 | None = None, *, ambient: bool = False) -> None:
        self.solver = solver or Route53(access_key_id=KEY_ID, secret_access_key_secret_ref=REF)
        self.ambient = ambient
        self.sets: list[Set] = []
        self.races = 0  # how many batches meet somebody else first
        self.refusal = ""  # why no batch can be
        self.server = VendorServer(
            self._handle,
            {
                Fault.REFUSED: error(403, "InvalidClientTokenId"),
                Fault.LIMITED: error(400, "Throttling"),
            },
        )
        self.url = self.server.url

    def writer(self) -> DNSWriter:
        known = credentials(ambient=self.ambient, vendor=SECRET_KEY)
        return build(DNS01Solver(route53=self.solver), known, endpoints=Endpoints(self.url, WITHIN))

    def values(self, name: str) -> frozenset[str]:
        return frozenset(value.strip('"') for one in self.sets if one.name == f"{name}." for value in one.values)

    def put(self, name: str, *values: str) -> None:
        self.sets.append(Set(f"{name}.", frozenset(f'"{value}"' for value in values), ttl="300"))

    def fail(self, fault: Fault | None) -> None:
        self.url = NOWHERE if fault is Fault.UNREACHABLE else self.server.url
        self.server.fail(fault)

    def requests(self) -> int:
        return len(self.server.seen)

    def _handle(self, request: Request) -> Reply:
        if request.path == "/":
            return self._sts(parse_qs(request.body.decode()))
        signed = re.match(r"AWS4-HMAC-SHA256 Credential=(\w+)/\d+/[\w-]+/route53/", request.headers["authorization"])
        if signed is None or signed[1] not in {KEY_ID, "ASIATAKEN"}:
            return error(403, "InvalidClientTokenId")
        match request.method, request.path:
            case "GET", "/2013-04-01/hostedzonesbyname":
                return self._zones(request.query["dnsname"])
            case "GET", path if path == f"/2013-04-01/hostedzone/{ID}/rrset":
                return self._list(request.query)
            case "POST", path if path == f"/2013-04-01/hostedzone/{ID}/rrset/":
                return self._change(request.body)
        return error(404, "NoSuchHostedZone")

    def _sts(self, form: dict[str, list[str]]) -> Reply:
        action = form["Action"][0]
        if form["RoleArn"] != ["arn:aws:iam::123456789012:role/dns"]:
            return error(403, "AccessDenied")
        if action == "AssumeRoleWithWebIdentity" and form["WebIdentityToken"] != ["token-of-dns-for-sts.amazonaws.com"]:
            return error(400, "InvalidIdentityToken")
        taken = (
            "<Credentials><AccessKeyId>ASIATAKEN</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
            "<SessionToken>t</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration></Credentials>"
        )
        return Reply(
            f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<{action}Result>{taken}</{action}Result></{action}Response>".encode()
        )

    def _zones(self, start: str) -> Reply:
        """All zones from that name on, in AWS' order; the caller must compare names."""
        listed = "".join(
            f"<HostedZone><Id>/hostedzone/{number}</Id><Name>{name}</Name><CallerReference>c</CallerReference>"
            f"<Config><PrivateZone>{private}</PrivateZone></Config></HostedZone>"
            for number, name, private in (
                ("Z0PRIVATE", f"{ZONE}.", "true"),
                (ID, f"{ZONE}.", "false"),
                ("Z2OTHER", "other.test.", "false"),
            )
        )
        return Reply(
            f'<ListHostedZonesByNameResponse xmlns="{NAMESPACE}"><HostedZones>{listed}</HostedZones>'
            f"<DNSName>{start}</DNSName><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems>"
            "</ListHostedZonesByNameResponse>".encode()
        )

    def _list(self, query: object) -> Reply:
        listed = "".join(_xml(one) for one in self.sets)
        return Reply(
            f'<ListResourceRecordSetsResponse xmlns="{NAMESPACE}"><ResourceRecordSets>{listed}</ResourceRecordSets>'
            "<IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></ListResourceRecordSetsResponse>".encode()
        )

    def _change(self, body: bytes) -> Reply:
        if self.refusal:
            return error(400, "InvalidChangeBatch", self.refusal)
        if self.races:
            self.races -= 1
            found = next(self.sets.pop(i) for i, one in enumerate(self.sets))
            self.sets.append(Set(found.name, found.values | {f'"race-{self.races}"'}, found.ttl))
        sets = list(self.sets)
        for change in ET.fromstring(body).iter(f"{{{NAMESPACE}}}Change"):  # noqa: S314  our own
            action, one = change.findtext(f"{{{NAMESPACE}}}Action"), _parsed(change)
            beside = [other for other in sets if other.name == one.name]
            if action == "DELETE":
                if one not in sets:
                    return error(400, "InvalidChangeBatch")
                sets.remove(one)
            elif action != "CREATE" or any(
                other.identifier == one.identifier or not (other.identifier and one.identifier) for other in beside
            ):
                return error(400, "InvalidChangeBatch")
            else:
                sets.append(one)
        self.sets = sets
        return Reply(
            f'<ChangeResourceRecordSetsResponse xmlns="{NAMESPACE}"><ChangeInfo><Id>/change/C1</Id>'
            "<Status>PENDING</Status><SubmittedAt>2026-11-26T00:00:00Z</SubmittedAt></ChangeInfo>"
            "</ChangeResourceRecordSetsResponse>".encode()
        )


def _xml(one: Set) -> str:
    policy = (
        f"<SetIdentifier>{one.identifier}</SetIdentifier><MultiValueAnswer>true</MultiValueAnswer>"
        if one.identifier
        else ""
    )
    values = "".join(f"<ResourceRecord><Value>{value}</Value></ResourceRecord>" for value in sorted(one.values))
    return (
        f"<ResourceRecordSet><Name>{one.name}</Name><Type>TXT</Type>{policy}<TTL>{one.ttl}</TTL>"
        f"<ResourceRecords>{values}</ResourceRecords></ResourceRecordSet>"
    )


def _parsed(change: ET.Element) -> Set:
    def text(tag: str) -> str:
        return next((node.text or "" for node in change.iter(f"{{{NAMESPACE}}}{tag}")), "")

    if text("Type") != "TXT" or bool(text("SetIdentifier")) != (text("MultiValueAnswer") == "true"):
        return Set("", frozenset())
    values = frozenset(node.text or "" for node in change.iter(f"{{{NAMESPACE}}}Value"))
    return Set(text("Name"), values, text("TTL"), text("SetIdentifier"))


@contextmanager
def backend(solver: Route53 | None = None, *, ambient: bool = False) -> Iterator[Fake]:
    """Serve on loopback."""
    fake = Fake(solver, ambient=ambient)
    with fake.server.serving():
        yield fake
