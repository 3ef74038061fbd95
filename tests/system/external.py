"""An issuer of somebody else, as small as one can be, and requests that no Certificate has made.

It does what a controller of a foreign group does, when the test tells it to: it looks for requests of its group that
are approved, and writes its answer into their status, as the admin.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from certs.api.certificate import CertificateSpec, KeyAlgorithm
from certs.api.meta import IssuerReference
from certs.pki.authority import Authority, read_authority
from certs.pki.csr import build_csr
from certs.pki.keys import Key, encode_key
from certs.pki.signing import Wanted, sign_by, sign_by_itself
from shim.keys import generate_key
from tests.cluster import Cluster
from tests.system.shop import PATHS, Shop, eventually

GROUP: Final = "issuers.example.test"
KIND: Final = "ExampleIssuer"
PLURAL: Final = "exampleissuers"
REF: Final = {"name": "appliance", "kind": KIND, "group": GROUP}


def install(cluster: Cluster) -> None:
    """Give the cluster the kind of the issuer."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    body = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": KIND, "plural": PLURAL, "singular": KIND.lower()},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
    cluster.api.apply(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{PLURAL}.{GROUP}", body)
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=20s", f"crd/{PLURAL}.{GROUP}")


def uninstall(cluster: Cluster) -> None:
    """Take the kind away again: whether it is there makes a difference to who asks about approval."""
    cluster.kubectl("delete", f"crd/{PLURAL}.{GROUP}")


def condition(kind: str, *, true: bool = True, reason: str = "Test", message: str = "by hand") -> dict[str, str]:
    """Return a condition as it is written."""
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    status = "True" if true else "False"
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}


def say(shop: Shop, kind: str, name: str, *conditions: dict[str, str], **status: Any) -> None:
    """Write conditions into the status of an object, beside those that others have written."""
    body = {
        "apiVersion": "cert-manager.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "status": {"conditions": list(conditions), **status},
    }
    shop.cluster.api.apply(f"{PATHS[kind].format(shop.namespace, name)}/status", body)


def _csr(key: Key, **fields: Any) -> bytes:
    return build_csr(CertificateSpec(secret_name="x", issuer_ref=IssuerReference("x"), **fields), key)


def _authority() -> Authority:
    key, now = generate_key(KeyAlgorithm.ECDSA), datetime.now(UTC)
    csr = _csr(key, common_name="Appliance", is_ca=True)
    root = sign_by_itself(key, Wanted(csr, 1, now, timedelta(days=2), is_ca=True)).chain
    return read_authority({"tls.crt": root, "tls.key": bytes(encode_key(key))}, now)


@dataclass(frozen=True, slots=True)
class Appliance:
    """The issuer: its CA, and the namespace in which it looks."""

    shop: Shop
    authority: Authority = field(default_factory=_authority)

    def approved(self, name: str) -> dict[str, Any]:
        """Wait for that request to be approved, and return it."""

        def look() -> dict[str, Any] | None:
            found = self.shop.get("CertificateRequest", name)
            if found is None or found["spec"]["issuerRef"]["group"] != GROUP:
                return None
            conditions = found.get("status", {}).get("conditions", [])
            return found if any(one["type"] == "Approved" for one in conditions) else None

        return eventually(look, f"request {name} is approved")

    def sign(self, name: str) -> bytes:
        """Answer a request, and return the CA's certificate."""
        request = self.approved(name)
        csr = base64.b64decode(request["spec"]["request"])
        made = sign_by(self.authority, Wanted(csr, 7, datetime.now(UTC), timedelta(days=1)))
        ready = condition("Ready", reason="Issued", message="signed by the appliance")
        say(self.shop, "CertificateRequest", name, ready, certificate=encoded(made.chain), ca=encoded(made.ca))
        return made.ca

    def wait(self, name: str, why: str) -> None:
        """Say that it is not done yet."""
        say(self.shop, "CertificateRequest", name, condition("Ready", true=False, reason="Pending", message=why))


def request(name: str, ref: dict[str, str], key: Key, *hosts: str, key_secret: str = "") -> dict[str, Any]:
    """Return a request that somebody makes without a Certificate."""
    annotations = {"cert-manager.io/private-key-secret-name": key_secret} if key_secret else {}
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "CertificateRequest",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"request": encoded(_csr(key, dns_names=hosts)), "issuerRef": ref},
    }


def encoded(data: bytes) -> str:
    """Return bytes as they stand in an object."""
    return base64.b64encode(data).decode()
