"""From cert-manager to certshim and back, on the real API server, with objects as cert-manager leaves them.

There are no nodes here, so Deployments have no pods: what is scaled is looked at, and the shim is started by hand.
"""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import yaml

from certs.api.certificate import CertificateSpec, KeyAlgorithm, PrivateKey
from certs.api.meta import IssuerReference
from certs.pki.csr import build_csr
from certs.pki.keys import encode_key
from certs.pki.x509 import read_chain, secret_annotations
from shim.adopt.switching import KEPT, REPLICAS
from shim.keys import generate_key
from tests.certs.decide.objects import sign
from tests.cluster import APIFailure, Cluster
from tests.product import CERTSHIM, NAMESPACE, Product
from tests.system.shop import Shop, eventually
from tests.system.test_ca import issuer

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

DAY: Final = timedelta(days=1)
MANAGER: Final = "cert-manager-certificates-issuing"
QUIET: Final = 4.0  # seconds in which a shim that wants to re-issue would have; it takes a tenth of one
DEPLOYMENTS: Final = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
VALIDATING: Final = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/cert-manager-webhook"


@pytest.fixture
def shop(product: Product, cluster: Cluster, namespace: str) -> Shop:
    one = Shop(product, cluster, namespace)
    one.apply(issuer("self-signed", selfSigned={}))
    return one


def leave(shop: Shop, name: str, *, age: timedelta) -> None:
    """Leave a Certificate, its request and its Secret as cert-manager does after the first issuance."""
    ref = {"name": "self-signed", "kind": "Issuer", "group": "cert-manager.io"}
    host = f"{name}.example.test"
    spec = CertificateSpec(
        secret_name=name,
        issuer_ref=IssuerReference(**ref),
        dns_names=(host,),
        private_key=PrivateKey(algorithm=KeyAlgorithm.ECDSA),
    )
    key = generate_key(KeyAlgorithm.ECDSA)
    csr = build_csr(spec, key)
    issued_at = datetime.now(UTC).replace(microsecond=0) - age
    chain = sign(csr, not_before=issued_at, lifetime=90 * DAY)
    leaf = read_chain(chain)[0]
    notes = {f"cert-manager.io/issuer-{part}": ref[part] for part in ref}
    notes |= {"cert-manager.io/certificate-name": name} | secret_annotations(leaf)
    data = {"tls.crt": chain, "tls.key": bytes(encode_key(key)), "ca.crt": chain}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {
            "name": name,
            "namespace": shop.namespace,
            "annotations": notes,
            "labels": {"controller.cert-manager.io/fao": "true"},
        },
        "data": {part: base64.b64encode(value).decode() for part, value in data.items()},
    }
    kubectl = shop.cluster.kubectl
    kubectl("apply", "--server-side", f"--field-manager={MANAGER}", "-f", "-", stdin=yaml.safe_dump(secret))
    certificate = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": name},
        "spec": {
            "secretName": name,
            "dnsNames": [host],
            "issuerRef": ref,
            "privateKey": {"algorithm": "ECDSA", "rotationPolicy": "Always"},
        },
    }
    shop.apply(certificate)
    made = shop.get("Certificate", name) or {}
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Ready",
        "message": "Certificate is up to date and has not expired",
    }
    moment = issued_at.isoformat().replace("+00:00", "Z")
    status = {
        "conditions": [ready | {"lastTransitionTime": moment, "observedGeneration": 1}],
        "notBefore": moment,
        "notAfter": (issued_at + 90 * DAY).isoformat().replace("+00:00", "Z"),
        "renewalTime": (issued_at + 60 * DAY).isoformat().replace("+00:00", "Z"),
        "revision": 1,
    }
    patch_status(shop, "certificate", name, status)
    owner = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "name": name, "uid": made["metadata"]["uid"]}
    request = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "CertificateRequest",
        "metadata": {
            "name": f"{name}-1",
            "annotations": {
                "cert-manager.io/certificate-name": name,
                "cert-manager.io/certificate-revision": "1",
                "cert-manager.io/private-key-secret-name": f"{name}-x7k2p",
            },
            "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": True}],
        },
        "spec": {"request": base64.b64encode(csr).decode(), "issuerRef": ref},
    }
    shop.apply(request)
    approved = {"type": "Approved", "status": "True", "reason": "cert-manager.io", "message": "x"}
    issued = {
        "type": "Ready",
        "status": "True",
        "reason": "Issued",
        "message": "Certificate fetched from issuer successfully",
    }
    conditions = [one | {"lastTransitionTime": moment} for one in (approved, issued)]
    status = {"conditions": conditions, "certificate": base64.b64encode(chain).decode()}
    patch_status(shop, "certificaterequest", f"{name}-1", status)


def patch_status(shop: Shop, kind: str, name: str, status: dict[str, Any]) -> None:
    patch = json.dumps({"status": status})
    shop.cluster.kubectl("patch", kind, name, "-n", shop.namespace, "--subresource=status", "--type=merge", "-p", patch)


def challenge(name: str) -> dict[str, Any]:
    """Return a Challenge of an issuer that is gone, with cert-manager's finalizer."""
    return {
        "apiVersion": "acme.cert-manager.io/v1",
        "kind": "Challenge",
        "metadata": {"name": name, "finalizers": ["acme.cert-manager.io/finalizer"]},
        "spec": {
            "authorizationURL": "https://ca.test/authz/1",
            "dnsName": "old.example.test",
            "issuerRef": {"name": "gone"},
            "key": "token.thumbprint",
            "solver": {"http01": {"ingress": {}}},
            "token": "token",
            "type": "HTTP-01",
            "url": "https://ca.test/chall/1",
            "wildcard": False,
        },
    }


def test_nothing_is_issued_anew(shop: Shop, product: Product) -> None:
    """What is well is not touched, what is due is renewed, what is deleted goes, and cert-manager could go on."""
    leave(shop, "well", age=10 * DAY)
    leave(shop, "due", age=70 * DAY)
    shop.apply(challenge("left"))
    before = shop.get("Secret", "well") or {}
    process = product.start_shim("--leader-elect=false")
    try:
        eventually(lambda: shop.get("CertificateRequest", "due-2"), "the second request of what is due")
        eventually(lambda: (shop.get("Certificate", "due") or {})["status"]["revision"] == 2, "its second revision")
        shop.delete("Challenge", "left")
        eventually(lambda: shop.get("Challenge", "left") is None, "the Challenge goes")
        time.sleep(QUIET)
    finally:
        process.stop()

    after = shop.get("Secret", "well") or {}
    assert after["data"] == before["data"]
    assert after["metadata"]["annotations"].items() >= before["metadata"]["annotations"].items()
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    # Of each Certificate the last request is kept, as cert-manager does.
    assert {one["metadata"]["name"] for one in shop.all("CertificateRequest")} == {"well-1", "due-2"}
    assert (shop.get("Certificate", "well") or {})["status"]["revision"] == 1
    renewed = shop.get("Secret", "due") or {}
    assert renewed["metadata"]["annotations"]["cert-manager.io/certificate-name"] == "due"
    assert renewed["metadata"]["annotations"]["cert-manager.io/issuer-name"] == "self-signed"
    request = shop.get("CertificateRequest", "due-2") or {}
    assert request["metadata"]["annotations"]["cert-manager.io/certificate-revision"] == "2"


def deployment(name: str, component: str, image: str, replicas: int) -> dict[str, Any]:
    labels = {
        "app.kubernetes.io/name": "cert-manager" if component == "controller" else component,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/version": "v1.21.1",
    }
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": image, "image": image}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod}
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def configuration() -> dict[str, Any]:
    """Return cert-manager's, which lets pass whatever it is asked."""
    webhook = {
        "name": "webhook.cert-manager.io",
        "clientConfig": {"service": {"name": "cert-manager-webhook", "namespace": NAMESPACE, "path": "/validate"}},
        "rules": [
            {"apiGroups": ["cert-manager.io"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["none"]}
        ],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Fail",
    }
    notes = {"cert-manager.io/inject-ca-from-secret": f"{NAMESPACE}/cert-manager-webhook-ca"}
    metadata = {"name": "cert-manager-webhook", "annotations": notes}
    kind = "ValidatingWebhookConfiguration"
    return {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": metadata, "webhooks": [webhook]}


@pytest.fixture
def installations(product: Product, cluster: Cluster) -> Iterator[None]:
    """Both are installed, ours with no replicas."""
    objects = [
        deployment("cert-manager", "controller", "cert-manager-controller", 2),
        deployment("cert-manager-webhook", "webhook", "cert-manager-webhook", 1),
        deployment("cert-manager-cainjector", "cainjector", "cert-manager-cainjector", 1),
        deployment("certshim-webhook", "webhook", "certshim", 0),
        deployment("certshim-shim", "shim", "certshim", 0),
        configuration(),
    ]
    product.withdraw_admission()
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(objects))
    yield
    cluster.kubectl("delete", "deployment", "--all", "-n", NAMESPACE)
    product.withdraw_admission()


def replicas(cluster: Cluster) -> dict[str, int]:
    items = cluster.api.get(DEPLOYMENTS)["items"]
    return {one["metadata"]["name"]: one["spec"]["replicas"] for one in items}


THEIRS: Final = {"cert-manager": 2, "cert-manager-webhook": 1, "cert-manager-cainjector": 1}
OURS: Final = {"certshim-webhook": 2, "certshim-shim": 2}
STOPPED: Final = dict.fromkeys((*THEIRS, *OURS), 0)


def adopt(cluster: Cluster, *arguments: str) -> tuple[int, str]:
    command = [str(CERTSHIM), "adopt", "--kubeconfig", str(cluster.admin), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)  # noqa: S603  our own
    return done.returncode, done.stdout + done.stderr


def test_there_and_back(installations: None, cluster: Cluster) -> None:
    """A look changes nothing; each step may be repeated; what was kept is taken back."""
    code, told = adopt(cluster)
    assert code == 0, told
    assert f"Deployment {NAMESPACE}/cert-manager: cert-manager's controller v1.21.1, replicas: 2" in told
    assert replicas(cluster) == STOPPED | THEIRS
    was = cluster.api.get(VALIDATING)

    code, told = adopt(cluster, "--switch", "--yes")
    assert code == 0, told
    assert replicas(cluster) == STOPPED | OURS
    with pytest.raises(APIFailure):
        cluster.api.get(VALIDATING)
    kept = cluster.api.get(f"/api/v1/namespaces/{NAMESPACE}/configmaps/{KEPT}")
    assert "validatingwebhookconfigurations" in kept["data"]

    code, told = adopt(cluster, "--switch", "--yes")
    assert code == 0, told
    assert replicas(cluster) == STOPPED | OURS

    code, told = adopt(cluster, "--back", "--yes")
    assert code == 0, told
    assert replicas(cluster) == STOPPED | THEIRS
    now = cluster.api.get(VALIDATING)
    assert now["webhooks"] == was["webhooks"]
    assert now["metadata"]["annotations"] == was["metadata"]["annotations"]
    controller = cluster.api.get(f"{DEPLOYMENTS}/cert-manager")
    assert REPLICAS not in controller["metadata"].get("annotations", {})


def test_what_blocks(installations: None, shop: Shop, cluster: Cluster) -> None:
    """Nothing is changed until somebody insists."""
    vault = {
        "server": "https://vault.test",
        "path": "pki/sign/x",
        "auth": {"tokenSecretRef": {"name": "t", "key": "t"}},
    }
    shop.apply(issuer("vault", vault=vault))
    try:
        code, told = adopt(cluster, "-o", "json")
        assert code == 1, told
        first = json.loads(told)[0]
        assert (first["level"], first["object"]) == ("blocking", f"Issuer {shop.namespace}/vault")

        code, told = adopt(cluster, "--switch", "--yes")
        assert code == 1
        assert "something is blocking (see above); nothing was changed" in told
        assert replicas(cluster) == STOPPED | THEIRS
    finally:
        shop.delete("Issuer", "vault")


def test_a_lease_that_is_held(installations: None, cluster: Cluster) -> None:
    """The switch waits until it has run out, so that the two never work at once."""
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    spec = {"holderIdentity": "their-pod", "leaseDurationSeconds": 8, "acquireTime": now, "renewTime": now}
    metadata = {"name": "cert-manager-controller", "namespace": "kube-system"}
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=yaml.safe_dump(lease))
    began = time.monotonic()

    code, told = adopt(cluster, "--switch", "--yes")

    assert code == 0, told
    assert time.monotonic() - began > 5
    adopt(cluster, "--back", "--yes")
    cluster.kubectl("delete", "lease", "cert-manager-controller", "-n", "kube-system")
