"""What the system tests create and look at: issuers, Ingresses, and what becomes of them."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import yaml

from certs.pki.keys import decode_key, matches
from certs.pki.x509 import Leaf, read_chain
from tests.cluster import APIFailure, Cluster
from tests.product import Product

T = TypeVar("T")
PATIENCE: Final = 30.0  # seconds; what is waited for takes one or two on an idle machine

PATHS: Final = {
    "Ingress": "/apis/networking.k8s.io/v1/namespaces/{}/ingresses/{}",
    "Issuer": "/apis/cert-manager.io/v1/namespaces/{}/issuers/{}",
    "Certificate": "/apis/cert-manager.io/v1/namespaces/{}/certificates/{}",
    "CertificateRequest": "/apis/cert-manager.io/v1/namespaces/{}/certificaterequests/{}",
    "Order": "/apis/acme.cert-manager.io/v1/namespaces/{}/orders/{}",
    "Challenge": "/apis/acme.cert-manager.io/v1/namespaces/{}/challenges/{}",
    "Secret": "/api/v1/namespaces/{}/secrets/{}",
    "Event": "/api/v1/namespaces/{}/events/{}",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices/{}",
    "HTTPRoute": "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes/{}",
}


def eventually(look: Callable[[], T | None], what: str, seconds: float = PATIENCE) -> T:
    """Return the first truthy result; AssertionError with what was waited for when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds:g} s: {what}")


@dataclass(frozen=True, slots=True)
class Stored:
    """A TLS Secret as read back: its leaf, and the bytes."""

    leaf: Leaf
    key: bytes
    chain: bytes
    metadata: dict[str, Any]

    @property
    def is_pair(self) -> bool:
        """Does the key belong to the certificate?"""
        return matches(decode_key(self.key), self.leaf)


@dataclass(frozen=True, slots=True)
class Shop:
    """A namespace and what a developer does in it."""

    product: Product
    cluster: Cluster
    namespace: str

    def host(self) -> str:
        """Return a host that nobody has used."""
        return f"{secrets.token_hex(4)}.example.test"

    def apply(self, obj: dict[str, Any]) -> None:
        """Server-side apply, as the admin."""
        obj["metadata"].setdefault("namespace", self.namespace)
        self.cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(obj))

    def issuer(self, name: str = "pebble") -> str:
        """Create an ACME Issuer for the kit's Pebble and wait until it is ready; return its name."""
        self.apply(self.product.issuer(name, self.namespace))
        self.ready("Issuer", name)
        return name

    def ingress(
        self, name: str, *hosts: str, annotations: dict[str, str], tls: list[dict[str, Any]] | None = None
    ) -> None:
        """Apply an Ingress with one rule a host."""
        backend = {"service": {"name": "shop", "port": {"number": 80}}}
        rules = [
            {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
            for host in hosts
        ]
        spec: dict[str, Any] = {"ingressClassName": self.cluster.ingress_class, "rules": rules}
        if tls is not None:
            spec["tls"] = tls
        metadata = {"name": name, "annotations": annotations}
        self.apply({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec})

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return an object, or None."""
        try:
            found: dict[str, Any] = self.cluster.api.get(PATHS[kind].format(self.namespace, name))
        except APIFailure as error:
            if error.code == 404:
                return None
            raise
        return found

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Return all objects of a kind in the namespace."""
        path = PATHS[kind].format(self.namespace, "").rstrip("/")
        found: list[dict[str, Any]] = self.cluster.api.get(path)["items"]
        return found

    def delete(self, kind: str, name: str) -> None:
        """Delete an object."""
        self.cluster.api.delete(PATHS[kind].format(self.namespace, name))

    def condition(self, kind: str, name: str, condition: str = "Ready") -> dict[str, Any]:
        """Return a condition of an object, empty when it has none."""
        obj = self.get(kind, name) or {}
        conditions = obj.get("status", {}).get("conditions", [])
        return next((one for one in conditions if one["type"] == condition), {})

    def ready(self, kind: str, name: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """Wait until an object is Ready, and return it."""
        eventually(lambda: self.condition(kind, name).get("status") == "True", f"{kind} {name} is ready", seconds)
        return self.get(kind, name) or {}

    def stored(self, name: str) -> Stored | None:
        """Return a TLS Secret, or None."""
        secret = self.get("Secret", name)
        if secret is None or "tls.crt" not in secret.get("data", {}):
            return None
        chain = base64.b64decode(secret["data"]["tls.crt"])
        key = base64.b64decode(secret["data"]["tls.key"])
        return Stored(read_chain(chain)[0], key, chain, secret["metadata"])

    def issued(self, name: str, seconds: float = PATIENCE) -> Stored:
        """Wait until a TLS Secret is there and its Certificate is ready, and return the Secret."""
        self.ready("Certificate", name, seconds)
        return eventually(lambda: self.stored(name), f"Secret {name}", seconds)

    def events(self, kind: str) -> list[tuple[str, str]]:
        """Return (reason, message) of the events about objects of a kind."""
        return [(one["reason"], one["message"]) for one in self.all("Event") if one["involvedObject"]["kind"] == kind]
