"""What cert-manager leaves in a cluster and at a CA when it is stopped, from the facts of its API.

Each object is written by whom it would be: the field managers are those of cert-manager's controllers (`MANAGER`), the
Secrets are server-side applied, statuses are updated on their subresource, and what a user wrote came by `kubectl
apply`.  The ACME account, its orders and its certificates are real ones, made by another client than ours.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import yaml
from acme import messages
from cryptography.hazmat.primitives.serialization import Encoding

from certs.api.challenge import ChallengeSpec
from certs.api.meta import IssuerReference
from certs.api.order import OrderSpec
from certs.names import challenge_name, order_name
from certs.pki.csr import read_csr
from certs.pki.keys import Key, encode_key
from certs.pki.x509 import read_chain
from tests.cluster.interposer import Interposer
from tests.product import NAMESPACE
from tests.system.acmeaccount import Account, Issued, offered
from tests.system.external import encoded
from tests.system.shop import PATHS, Shop

MANAGER: Final = "cert-manager-"  # and the name of a controller, as `certificates-issuing`
ISSUER: Final = "letsencrypt"
EMAIL: Final = "ops@example.test"
REF: Final = {"name": ISSUER, "kind": "ClusterIssuer", "group": "cert-manager.io"}
OURS: Final = "cert-manager.io/"
CLUSTER_ISSUER: Final = f"/apis/cert-manager.io/v1/clusterissuers/{ISSUER}"
_FINALIZER: Final = "acme.cert-manager.io/finalizer"


@dataclass(slots=True)
class CertManager:
    """An installation at work in a namespace, as far as what it writes goes."""

    shop: Shop
    ca: Interposer
    account: Account
    solver: dict[str, Any]

    # -- the issuer ------------------------------------------------------------------------------------------------

    def set_up(self) -> None:
        """Store the key of the account, and leave a ClusterIssuer that is ready."""
        metadata = {"name": f"{ISSUER}-account", "labels": {"app.kubernetes.io/managed-by": "cert-manager"}}
        secret = {"metadata": metadata, "type": "Opaque", "data": {"tls.key": encoded(self.account.key(Encoding.PEM))}}
        path = PATHS["Secret"].format(NAMESPACE, "").rstrip("/")
        self.shop.cluster.api.post(path, secret, f"{MANAGER}clusterissuers")
        acme = self.shop.product.acme(ISSUER, self.ca, email=EMAIL)  # type: ignore[arg-type]  # URL and root
        acme["solvers"] = [self.solver]
        body = {"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": {"name": ISSUER}}
        self.apply(body | {"spec": {"acme": acme}})
        status = {
            "acme": {
                "uri": self.account.uri,
                "lastRegisteredEmail": EMAIL,
                "lastPrivateKeyHash": encoded(hashlib.sha256(self.account.key(Encoding.DER)).digest()),
            },
            "conditions": [
                condition("Ready", "ACMEAccountRegistered", "The ACME account was registered with the ACME server")
                | {"observedGeneration": 1}
            ],
        }
        manager = f"{MANAGER}clusterissuers"
        self.shop.cluster.api.merge(f"{CLUSTER_ISSUER}/status", {"status": status}, manager)

    def tear_down(self) -> None:
        """Take away what is in no namespace of the test."""
        self.shop.cluster.kubectl("delete", "clusterissuer", ISSUER, "--ignore-not-found")
        self.shop.cluster.kubectl("delete", "secret", f"{ISSUER}-account", "-n", NAMESPACE, "--ignore-not-found")

    def verified(self, name: str) -> None:
        """Leave that a CA issuer is ready."""
        ready = condition("Ready", "KeyPairVerified", "Signing CA verified") | {"observedGeneration": 1}
        self._status("Issuer", name, {"conditions": [ready]}, "issuers")

    # -- a Certificate that is done --------------------------------------------------------------------------------

    def leave(self, certificate: dict[str, Any], issued: Issued, data: Mapping[str, bytes] | None = None) -> None:
        """Leave a Certificate with its request and its Secret, which has more than chain, key and CA in `data`."""
        made = self._create(certificate)
        name, spec = made["metadata"]["name"], made["spec"]
        self._store(name, spec, issued, data or {})
        leaf = read_chain(issued.chain)[0]
        third = (leaf.not_after - leaf.not_before) / 3
        ready = condition("Ready", "Ready", "Certificate is up to date and has not expired") | {"observedGeneration": 1}
        times = {"notBefore": leaf.not_before, "notAfter": leaf.not_after, "renewalTime": leaf.not_after - third}
        status = {"conditions": [ready], **{key: _moment(value) for key, value in times.items()}}
        self._status("Certificate", name, status, "certificates-readiness")
        self._status("Certificate", name, {"revision": 1}, "certificates-issuing")
        self._request(made, issued.csr, f"{name}-k9xwz")
        kind = "ca" if issued.ca else "acme"
        told = condition("Ready", "Issued", "Certificate fetched from issuer successfully")
        signed = {"certificate": encoded(issued.chain)} | ({"ca": encoded(issued.ca)} if issued.ca else {})
        status = {"conditions": [approved(), told], **signed}
        self._status("CertificateRequest", f"{name}-1", status, f"certificaterequests-issuer-{kind}")

    def leave_order(self, name: str, status: Mapping[str, Any] | None = None) -> str:
        """Leave the Order of a Certificate's request, in that status, and return its name."""
        request = self.shop.get("CertificateRequest", f"{name}-1") or {}
        csr, ref = base64.b64decode(request["spec"]["request"]), request["spec"]["issuerRef"]
        hosts = read_csr(csr).names.dns_names
        spec = {"request": encoded(csr), "issuerRef": ref, "dnsNames": list(hosts)}
        called = order_name(f"{name}-1", OrderSpec(request=csr, issuer_ref=IssuerReference(**ref), dns_names=hosts))
        metadata = {
            "name": called,
            "annotations": request["metadata"]["annotations"],
            "ownerReferences": [owner("CertificateRequest", request)],
        }
        self._post("Order", {"metadata": metadata, "spec": spec}, "certificaterequests-issuer-acme")
        if status:
            self._status("Order", called, status, "orders")
        return called

    # -- one that is under way -------------------------------------------------------------------------------------

    def begin(self, certificate: dict[str, Any], csr: bytes, key: Key) -> None:
        """Leave a Certificate whose request has been made and approved, and waits for its Order."""
        made = self._create(certificate)
        name = made["metadata"]["name"]
        message = "Issuing certificate as Secret does not exist"
        issuing = condition("Issuing", "DoesNotExist", message) | {"observedGeneration": 1}
        ready = issuing | {"type": "Ready", "status": "False"}
        self._status("Certificate", name, {"conditions": [issuing]}, "certificates-trigger")
        self._status("Certificate", name, {"conditions": [issuing, ready]}, "certificates-readiness")
        labels = {f"{OURS}next-private-key": "true", "controller.cert-manager.io/fao": "true"}
        metadata = {"name": f"{name}-x7k2p", "labels": labels, "ownerReferences": [owner("Certificate", made)]}
        data = {"tls.key": encoded(bytes(encode_key(key)))}
        self._post("Secret", {"metadata": metadata, "type": "Opaque", "data": data}, "certificates-key-manager")
        self._status("Certificate", name, {"nextPrivateKeySecretName": f"{name}-x7k2p"}, "certificates-key-manager")
        self._request(made, csr, f"{name}-x7k2p")
        waiting = f'Waiting on certificate issuance from order {self.shop.namespace}/{name}-1: "pending"'
        pending = condition("Ready", "Pending", waiting) | {"status": "False"}
        status = {"conditions": [approved(), pending]}
        self._status("CertificateRequest", f"{name}-1", status, "certificaterequests-issuer-acme")

    def challenge(self, order_name: str, order: messages.OrderResource) -> dict[str, Any]:
        """Leave the Challenge of an Order, as it is while cert-manager looks whether it can be seen; return it.

        Over HTTP a pod has presented it, with all that cert-manager makes for one; what is in the DNS is not written.
        """
        (authorization,) = order.authorizations
        kind = "DNS-01" if "dns01" in self.solver else "HTTP-01"
        challenge = offered(authorization, kind.lower())
        host, token = authorization.body.identifier.value, challenge.chall.encode("token")
        spec = {
            "authorizationURL": authorization.uri,
            "dnsName": host,
            "issuerRef": REF,
            "key": self.account.value(challenge),
            "solver": self.solver,
            "token": token,
            "type": kind,
            "url": challenge.uri,
            "wildcard": False,
        }
        of = self.shop.get("Order", order_name) or {}
        name = challenge_name(order_name, msgspec.convert(spec, ChallengeSpec))
        metadata = {"name": name, "finalizers": [_FINALIZER], "ownerReferences": [owner("Order", of)]}
        self._post("Challenge", {"metadata": metadata, "spec": spec}, "orders")
        why = (
            "wrong status code '404', expected '200'"
            if kind == "HTTP-01"
            else f'DNS record for "{host}" not yet propagated'
        )
        reason = f"Waiting for {kind} challenge propagation: {why}"
        status = {"processing": True, "presented": True, "state": "pending", "reason": reason}
        self._status("Challenge", name, status, "challenges")
        left = self.shop.get("Challenge", name) or {}
        if kind == "HTTP-01":
            self._present(left)
        return left

    def _present(self, challenge: dict[str, Any]) -> None:
        """Leave Service and Ingress of a solver pod; the pod itself has gone with its node."""
        token = challenge["spec"]["token"]
        labels = {"acme.cert-manager.io/http01-solver": "true"}
        metadata = {
            "name": "cm-acme-http-solver-q5z7n",
            "labels": labels,
            "ownerReferences": [owner("Challenge", challenge)],
        }
        port = {"name": "http", "port": 8089, "targetPort": 8089}
        service = {"metadata": metadata, "spec": {"type": "ClusterIP", "selector": labels, "ports": [port]}}
        backend = {"service": {"name": metadata["name"], "port": {"number": 8089}}}
        path = {"path": f"/.well-known/acme-challenge/{token}", "pathType": "Exact", "backend": backend}
        rule = {"host": challenge["spec"]["dnsName"], "http": {"paths": [path]}}
        whitelist = {"nginx.ingress.kubernetes.io/whitelist-source-range": "0.0.0.0/0,::/0"}
        spec = {"ingressClassName": self.shop.cluster.ingress_class, "rules": [rule]}
        ingress = {"metadata": metadata | {"annotations": whitelist}, "spec": spec}
        api, manager = self.shop.cluster.api, f"{MANAGER}challenges"
        api.post(f"/api/v1/namespaces/{self.shop.namespace}/services", service, manager)
        self._post("Ingress", ingress, "challenges")

    # -- writing ---------------------------------------------------------------------------------------------------

    def apply(self, body: dict[str, Any]) -> None:
        """Apply as a user does, without server-side apply."""
        self.shop.cluster.kubectl("apply", "-n", self.shop.namespace, "-f", "-", stdin=yaml.safe_dump(body))

    def _create(self, certificate: dict[str, Any]) -> dict[str, Any]:
        """Have a Certificate made, by the user or, if an Ingress owns it, by the ingress-shim."""
        name = certificate["metadata"]["name"]
        body = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate"} | certificate
        if "ownerReferences" in certificate["metadata"]:
            self._post("Certificate", body, "ingress-shim")
        else:
            self.apply(body)
        return self.shop.get("Certificate", name) or {}

    def _store(self, name: str, spec: Mapping[str, Any], issued: Issued, more: Mapping[str, bytes]) -> None:
        leaf, template = read_chain(issued.chain)[0], spec.get("secretTemplate", {})
        notes = {
            "certificate-name": name,
            **{f"issuer-{part}": spec["issuerRef"].get(part, "") for part in ("name", "kind", "group")},
            "common-name": leaf.common_name,
            "alt-names": ",".join(spec["dnsNames"]),
            "ip-sans": "",
            "uri-sans": "",
        }
        pair = {"tls.crt": issued.chain, "tls.key": bytes(encode_key(issued.key))}
        data = {**pair, **({"ca.crt": issued.ca} if issued.ca else {}), **more}
        metadata = {
            "name": spec["secretName"],
            "namespace": self.shop.namespace,
            "annotations": template.get("annotations", {}) | {f"{OURS}{key}": value for key, value in notes.items()},
            "labels": template.get("labels", {}) | {"controller.cert-manager.io/fao": "true"},
        }
        body = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata}
        body["data"] = {key: encoded(value) for key, value in data.items()}
        path = PATHS["Secret"].format(self.shop.namespace, spec["secretName"])
        self.shop.cluster.api.apply(path, body, f"{MANAGER}certificates-issuing")

    def _request(self, certificate: dict[str, Any], csr: bytes, key_secret: str) -> None:
        name, spec = certificate["metadata"]["name"], certificate["spec"]
        notes = {"certificate-name": name, "certificate-revision": "1", "private-key-secret-name": key_secret}
        metadata = {
            "name": f"{name}-1",
            "annotations": {f"{OURS}{key}": value for key, value in notes.items()},
            "ownerReferences": [owner("Certificate", certificate)],
        }
        copied = {key: spec[key] for key in ("issuerRef", "usages", "duration", "isCA") if key in spec}
        body = {"metadata": metadata, "spec": {"request": encoded(csr), **copied}}
        self._post("CertificateRequest", body, "certificates-request-manager")
        conditions = {"conditions": [approved()]}
        self._status("CertificateRequest", f"{name}-1", conditions, "certificaterequests-approver")

    def _post(self, kind: str, body: dict[str, Any], controller: str) -> None:
        path = PATHS[kind].format(self.shop.namespace, "").rstrip("/")
        self.shop.cluster.api.post(path, {"apiVersion": _version(kind), "kind": kind} | body, MANAGER + controller)

    def _status(self, kind: str, name: str, status: Mapping[str, Any], controller: str) -> None:
        path = f"{PATHS[kind].format(self.shop.namespace, name)}/status"
        self.shop.cluster.api.merge(path, {"status": status}, MANAGER + controller)


def condition(kind: str, reason: str, message: str) -> dict[str, Any]:
    """Return a condition that holds."""
    since = _moment(datetime.now(UTC))
    return {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": since}


def approved() -> dict[str, Any]:
    """Return what cert-manager's approver writes."""
    message = "Certificate request has been approved by cert-manager.io"
    return condition("Approved", "cert-manager.io", message)


def owner(kind: str, obj: dict[str, Any]) -> dict[str, Any]:
    """Return the reference to the controller of an object."""
    return {
        "apiVersion": _version(kind),
        "kind": kind,
        "name": obj["metadata"]["name"],
        "uid": obj["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _version(kind: str) -> str:
    """Return the apiVersion of a kind."""
    parts = PATHS[kind].removeprefix("/apis").removeprefix("/").split("/")
    return "v1" if parts[0] == "api" else "/".join(parts[:2])


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
