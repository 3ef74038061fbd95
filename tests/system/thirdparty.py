"""A webhook solver of a third party, as they are written for cert-manager: an aggregated API in front of a name server.

    shim ──POST ChallengePayload──> API server (authenticates, RBAC) ──TLS, front proxy──> Solver ──TSIG──> named

It is what the API server needs to take it for an API, and the protocol: discovery of its version, one resource that
can only be created, served by TLS under the name of a Service, to nobody but the API server.  Its credentials are in
a Secret of the namespace that the payload names, as with all of them.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import dns.name
import dns.query
import dns.rcode
import dns.tsig
import dns.update

from tests.cluster import Cluster
from tests.cluster.named import Named
from tests.cluster.pki import CA
from tests.contract.dns01 import Fault
from tests.contract.dns01.server import Reply, Request, VendorServer
from tests.system.shop import PATHS

GROUP: Final = "acme.vendor.test"
VERSION: Final = "v1alpha1"
RESOURCE: Final = "vendor-dns"
API_SERVICE: Final = f"{VERSION}.{GROUP}"
PLACE: Final = "default"  # where its Service is
SERVICE: Final = "vendor-dns-webhook"

_DISCOVERY: Final = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": f"{GROUP}/{VERSION}",
    "resources": [
        {
            "name": RESOURCE,
            "singularName": "ChallengePayload",
            "namespaced": False,
            "group": "webhook.acme.cert-manager.io",
            "version": VERSION,
            "kind": "ChallengePayload",
            "verbs": ["create"],
        }
    ],
}
_API_SERVICES: Final = "/apis/apiregistration.k8s.io/v1/apiservices"


class Refused(Exception):
    """What it tells whoever asked."""


@dataclass(slots=True)
class ThirdParty:
    """The solver; `asked` has the `request` of each payload, with who sent it under `user`."""

    cluster: Cluster
    named: Named
    folder: Path
    asked: list[dict[str, Any]] = field(default_factory=list)
    server: VendorServer = field(init=False)
    ca: CA = field(default_factory=lambda: CA("vendor CA"))

    def __post_init__(self) -> None:
        pair = self.ca.server(f"{SERVICE}.{PLACE}.svc")
        certificate, key = self.folder / "tls.crt", self.folder / "tls.key"
        certificate.write_bytes(pair.certificate)
        key.write_bytes(pair.key)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.cluster.apiserver.front_proxy_ca))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(certificate, key)
        self.server = VendorServer(self._handle, tls=context)

    @contextmanager
    def serving(self) -> Iterator[ThirdParty]:
        """Serve, registered at nobody yet."""
        with self.server.serving():
            yield self

    def fail(self, *, down: bool) -> None:
        """Be out of order, or in order again."""
        self.server.fail(Fault.DOWN if down else None)

    def register(self) -> None:
        """Make it an API of the cluster, as its chart does, and wait until the API server has found it."""
        port = int(self.server.url.rpartition(":")[2])
        # EndpointSlices refuse loopback; a Service that is another name is resolved by the API server itself.
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": SERVICE},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        }
        spec = {
            "group": GROUP,
            "version": VERSION,
            "groupPriorityMinimum": 1000,
            "versionPriority": 15,
            "caBundle": base64.b64encode(self.ca.pem).decode(),
            "service": {"name": SERVICE, "namespace": PLACE, "port": port},
        }
        metadata = {"name": API_SERVICE}
        body = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": metadata, "spec": spec}
        self.cluster.api.apply(f"/api/v1/namespaces/{PLACE}/services/{SERVICE}", service)
        self.cluster.api.apply(f"{_API_SERVICES}/{API_SERVICE}", body)
        self.cluster.kubectl("wait", "--for=condition=Available", f"apiservice/{API_SERVICE}", "--timeout=30s")

    def unregister(self) -> None:
        """Take it out of the cluster."""
        self.cluster.kubectl("delete", "apiservice", API_SERVICE, "--ignore-not-found")
        self.cluster.kubectl("delete", "service", SERVICE, "-n", PLACE, "--ignore-not-found")

    def told(self, action: str) -> list[dict[str, Any]]:
        """Return the requests of that action."""
        return [one for one in self.asked if one["action"] == action]

    def _handle(self, request: Request) -> Reply:
        root = f"/apis/{GROUP}/{VERSION}"
        if (request.method, request.path) == ("GET", root):
            return _json(_DISCOVERY)
        if (request.method, request.path) != ("POST", f"{root}/{RESOURCE}"):
            return _json({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}, 404)
        payload = json.loads(request.body)
        asked = payload["request"]
        self.asked.append(asked | {"user": request.headers.get("x-remote-user", "")})
        response: dict[str, Any] = {"uid": asked["uid"], "success": True}
        try:
            self._solve(asked)
        except Refused as error:
            response["success"] = False
            response["status"] = {"status": "Failed", "message": str(error), "metadata": {}}
        return _json(payload | {"response": response}, 201)

    def _solve(self, asked: dict[str, Any]) -> None:
        """Write the value, or take out this one and no other, by a dynamic update signed with what the Secret has."""
        name = dns.name.from_text(asked["resolvedFQDN"])
        update = dns.update.UpdateMessage(asked["resolvedZone"])
        if asked["action"] == "Present":
            update.add(name, 60, "TXT", f'"{asked["key"]}"')
        else:
            update.delete(name, "TXT", f'"{asked["key"]}"')
        update.use_tsig(dns.tsig.Key("hmac-sha256", self._secret(asked), "hmac-sha256"))
        try:
            answer = dns.query.tcp(update, "127.0.0.1", timeout=3, port=self.named.port)
        except dns.tsig.PeerError as error:
            raise Refused(f"vendor: {error}") from error
        if answer.rcode() != dns.rcode.NOERROR:
            raise Refused(f"vendor: {dns.rcode.to_text(answer.rcode())}")

    def _secret(self, asked: dict[str, Any]) -> str:
        ref = asked["config"]["tsigSecretRef"]
        found = self.cluster.api.get(PATHS["Secret"].format(asked["resourceNamespace"], ref["name"]))
        return base64.b64decode(found["data"][ref["key"]]).decode()


def _json(value: object, status: int = 200) -> Reply:
    return Reply(json.dumps(value).encode(), status, {"Content-Type": "application/json"})
