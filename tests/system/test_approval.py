"""Who may approve a CertificateRequest, on the real API server: asked of it for each issuer."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator

import pytest
import requests as http
from cryptography.hazmat.primitives.asymmetric import ec

from certs.api.certificate import CertificateSpec
from certs.api.meta import IssuerReference
from certs.pki.csr import build_csr
from tests.cluster import Cluster, KubectlFailed, Process
from tests.product import Product

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

REQUESTS = "certificaterequests.cert-manager.io"


@pytest.fixture(scope="module")
def webhook(product: Product) -> Iterator[Process]:
    """A webhook, and no shim: nobody else approves."""
    process = product.start_webhook()
    yield process
    process.stop()
    product.withdraw_admission()


@pytest.fixture
def approve(webhook: Process, cluster: Cluster, namespace: str) -> Callable[..., str]:
    """Create a request for an issuer, approve it as a user with that permission, and return what is answered."""
    user = f"{namespace}-approver"
    role = ["create", "role", "may-approve", "--verb=get,patch", f"--resource={REQUESTS},{REQUESTS}/status"]
    cluster.kubectl("-n", namespace, *role)
    cluster.kubectl("-n", namespace, "create", "rolebinding", "may-approve", "--role=may-approve", f"--user={user}")
    kubeconfig = cluster.kubeconfig(user)

    def approve(ref: dict[str, str], *, name: str, condition: str = "Approved") -> str:
        create(cluster, namespace, name, ref)
        conditions = [{"type": condition, "status": "True", "reason": "Test", "message": "by hand"}]
        patch = json.dumps({"status": {"conditions": conditions}})
        command = ["-n", namespace, "patch", REQUESTS, name, "--subresource=status", "--type=merge", f"--patch={patch}"]
        try:
            return cluster.kubectl(*command, kubeconfig=kubeconfig)
        except KubectlFailed as error:
            return error.stderr

    return approve


def create(cluster: Cluster, namespace: str, name: str, ref: dict[str, str]) -> None:
    """Create a request."""
    spec = CertificateSpec(secret_name="x", issuer_ref=IssuerReference("x"), dns_names=("shop.example.com",))
    csr = build_csr(spec, ec.generate_private_key(ec.SECP256R1())).decode()
    body = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "CertificateRequest",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"request": encoded(csr), "issuerRef": ref},
    }
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(body))


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def grant(cluster: Cluster, namespace: str, *names: str) -> None:
    """Let the approver of the namespace approve under those names; by manifest, since kubectl knows no `signers`."""
    kind, version = "ClusterRole", "rbac.authorization.k8s.io/v1"
    rule = {"apiGroups": ["cert-manager.io"], "resources": ["signers"], "verbs": ["approve"], "resourceNames": names}
    role = {"apiVersion": version, "kind": kind, "metadata": {"name": f"{namespace}-signers"}, "rules": [rule]}
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(role))
    binding = ["clusterrolebinding", f"{namespace}-signers", f"--clusterrole={namespace}-signers"]
    cluster.kubectl("create", *binding, f"--user={namespace}-approver")


@pytest.mark.parametrize("condition", ["Approved", "Denied"])
def test_without_permission(approve: Callable[..., str], namespace: str, condition: str) -> None:
    answer = approve({"name": "le"}, name="x", condition=condition)

    expected = (
        f'status.conditions: Forbidden: user "{namespace}-approver" does not have permissions to set approved/denied'
        " conditions for issuer {le  }"
    )
    assert expected in answer


@pytest.mark.parametrize(
    ("ref", "permission"),
    [
        ({"name": "le"}, "issuers.cert-manager.io/*"),
        ({"name": "le", "kind": "Issuer"}, "issuers.cert-manager.io/{namespace}.le"),
        ({"name": "le", "kind": "ClusterIssuer"}, "clusterissuers.cert-manager.io/le"),
    ],
)
def test_with_permission(
    approve: Callable[..., str], cluster: Cluster, namespace: str, ref: dict[str, str], permission: str
) -> None:
    """For all of a kind, for one of a namespace, for one ClusterIssuer."""
    grant(cluster, namespace, permission.format(namespace=namespace))

    assert "patched" in approve(ref, name="x")


def test_permission_for_another_issuer_does_not_count(
    approve: Callable[..., str], cluster: Cluster, namespace: str
) -> None:
    grant(cluster, namespace, f"issuers.cert-manager.io/{namespace}.other", "clusterissuers.cert-manager.io/*")

    assert "does not have permissions" in approve({"name": "le"}, name="x")


@pytest.mark.parametrize(
    "ref", [{"name": "x", "kind": "Nothing"}, {"name": "x", "kind": "Pod", "group": "nobody.example.com"}]
)
def test_kind_that_does_not_exist(
    approve: Callable[..., str], cluster: Cluster, namespace: str, ref: dict[str, str]
) -> None:
    """An external issuer is found by discovery; where there is none, nobody can approve for it."""
    grant(cluster, namespace, "issuers.cert-manager.io/*")
    ref = {"group": "acme.cert-manager.io", **ref}

    answer = approve(ref, name="x")

    expected = (
        f"spec.issuerRef: Forbidden: referenced signer resource does not exist: {{x {ref['kind']} {ref['group']}}}"
    )
    assert expected in answer


def test_external_kind_is_discovered(approve: Callable[..., str], cluster: Cluster, namespace: str) -> None:
    grant(cluster, namespace, f"orders.acme.cert-manager.io/{namespace}.x")

    assert "patched" in approve({"name": "x", "kind": "Order", "group": "acme.cert-manager.io"}, name="x")


def test_other_changes_of_the_status_are_not_asked_about(
    approve: Callable[..., str], cluster: Cluster, namespace: str, product: Product
) -> None:
    """The API server counts no look-up for them."""
    mark = cluster.audit_mark()
    assert "patched" in approve({"name": "le"}, name="x", condition="Ready")

    asked = [event for event in cluster.audit(mark) if event.object_ref.resource == "subjectaccessreviews"]
    assert not asked
    assert http.get(f"{product.webhook_health}/readyz", timeout=2).ok


@pytest.mark.usefixtures("webhook")
def test_the_shim_may_approve_with_what_it_is_granted(product: Product, cluster: Cluster, namespace: str) -> None:
    """The API server answers the webhook, under the shipped roles of both."""
    mark = cluster.audit_mark()
    shim = product.start_shim("--leader-elect=false")
    try:
        create(cluster, namespace, "x", {"name": "le"})
        cluster.kubectl("-n", namespace, "wait", "--for=condition=Approved", f"{REQUESTS}/x", "--timeout=20s")
    finally:
        shim.stop()

    reviews = [event for event in cluster.audit(mark) if event.object_ref.resource == "subjectaccessreviews"]
    assert reviews
    assert {event.user.username for event in reviews} == {"system:serviceaccount:cert-manager:certshim-webhook"}
