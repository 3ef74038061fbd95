"""A third-party webhook solver, behind what would be the API server."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from kubernetes.client.configuration import Configuration

from certs.api.issuer import DNS01Webhook
from shim.kube.transport import Transport
from shim.solvers.dns01 import DNSWriter
from shim.solvers.dns01.webhook import Webhook
from tests.contract.dns01 import ZONE, Fault
from tests.contract.dns01.server import Reply, Request, VendorServer

PATH = "/apis/acme.vendor.test/v1alpha1/vendor"
CONFIG = {"apiKeySecretRef": {"name": "vendor", "key": "key"}}


class Solver:
    """Keeps what it is told, as the commonest of them do."""

    faults = frozenset(Fault)
    removes = True
    deadline = 2.0

    def __init__(self) -> None:
        self._values: defaultdict[str, set[str]] = defaultdict(set)
        self.server = VendorServer(self._handle)
        self._url = self.server.url

    def writer(self) -> DNSWriter:
        configuration = Configuration(host=self._url)
        return Webhook(
            transport=Transport(configuration),
            solver=DNS01Webhook("acme.vendor.test", "vendor", CONFIG),
            dns_name=f"shop.{ZONE}",
            namespace="shop",
            ambient=False,
            within=1.5,
        )

    def values(self, name: str) -> frozenset[str]:
        return frozenset(self._values[name])

    def put(self, name: str, *values: str) -> None:
        self._values[name].update(values)

    def fail(self, fault: Fault | None) -> None:
        self._url = "http://127.0.0.1:1" if fault is Fault.UNREACHABLE else self.server.url
        self.server.fail(fault)

    def requests(self) -> int:
        return len(self.server.seen)

    def _handle(self, request: Request) -> Reply:
        if (request.method, request.path) != ("POST", PATH):
            return Reply(b'{"kind": "Status", "message": "not found"}', 404)
        payload = json.loads(request.body)
        asked = payload["request"]
        if (payload["kind"], asked["type"], asked["config"]) != ("ChallengePayload", "dns-01", CONFIG):
            return Reply(b'{"kind": "Status", "message": "bad request"}', 400)
        if asked["resolvedZone"] != f"{ZONE}.":
            status = {"message": "no such zone", "reason": "NotFound"}
            return _answered({"uid": asked["uid"], "success": False, "status": status})
        values = self._values[asked["resolvedFQDN"].removesuffix(".")]
        (values.add if asked["action"] == "Present" else values.discard)(asked["key"])
        return _answered({"uid": asked["uid"], "success": True})


def _answered(response: dict[str, object]) -> Reply:
    return Reply(json.dumps({"kind": "ChallengePayload", "response": response}).encode())


@contextmanager
def backend() -> Iterator[Solver]:
    """Serve on loopback."""
    solver = Solver()
    with solver.server.serving():
        yield solver
