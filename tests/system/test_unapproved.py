"""Without the approver nothing is signed until somebody else has approved, and a denial is an answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster import Cluster, Process
from tests.product import Product
from tests.system import external
from tests.system.commands import runner
from tests.system.external import REF, Appliance, condition, say
from tests.system.shop import Shop, eventually

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def shim(product: Product, cluster: Cluster) -> Iterator[Process]:
    """The shim as it is where a policy approves."""
    external.install(cluster)
    process = product.start_shim(
        "--log-level=debug", "--leader-elect=false", "--controllers=*,-certificaterequests-approver"
    )
    yield process
    process.stop()
    external.uninstall(cluster)


@pytest.fixture
def shop(product: Product, cluster: Cluster, shim: Process, namespace: str) -> Shop:
    found = Shop(product, cluster, namespace)
    found.apply(
        {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": "self"}, "spec": {"selfSigned": {}}}
    )
    return found


def want(shop: Shop, ref: dict[str, str] | None = None) -> None:
    """Apply a Certificate, and wait for its request."""
    spec = {
        "secretName": "tls",
        "issuerRef": ref or {"name": "self"},
        "dnsNames": [shop.host()],
        "privateKey": {"algorithm": "ECDSA"},
    }
    shop.apply({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "web"}, "spec": spec})
    eventually(lambda: shop.get("CertificateRequest", "web-1"), "there is a request")


def waiting(shop: Shop) -> list[dict[str, Any]]:
    """Return the events about a request that waits for approval."""
    return [one for one in shop.all("Event") if one["reason"] == "WaitingForApproval"]


def test_it_waits_and_says_so_once(shop: Shop, cluster: Cluster) -> None:
    """However often the request changes; then an approver's word is enough, and stays as it is."""
    want(shop)
    (event,) = eventually(lambda: waiting(shop), "that it waits is an event")
    assert (event["type"], event["message"]) == ("Normal", "Not signing CertificateRequest until it is Approved")
    for times in range(3):
        cluster.kubectl("annotate", "-n", shop.namespace, "certificaterequest", "web-1", f"example.test/{times}=seen")
    assert (shop.get("CertificateRequest", "web-1") or {}).get("status", {}) == {}

    say(shop, "CertificateRequest", "web-1", condition("Approved", reason="policy.example.test", message="fine"))

    shop.ready("Certificate", "web")
    approval = shop.condition("CertificateRequest", "web-1", "Approved")
    assert (approval["reason"], approval["message"]) == ("policy.example.test", "fine")
    assert sum(one["count"] for one in waiting(shop)) == 1


def test_a_denial_is_honoured(shop: Shop) -> None:
    """By the request, and by the Certificate in the denier's words."""
    want(shop)

    say(shop, "CertificateRequest", "web-1", condition("Denied", reason="policy.example.test", message="not you"))

    eventually(lambda: shop.condition("Certificate", "web", "Issuing").get("status") == "False", "the attempt ends")
    issuing = shop.condition("Certificate", "web", "Issuing")
    assert issuing["reason"] == "policy.example.test"
    assert "will be retried: not you (next attempt at " in issuing["message"]
    ready = eventually(lambda: shop.condition("CertificateRequest", "web-1"), "the request is denied")
    assert (ready["status"], ready["reason"]) == ("False", "Denied")
    assert ready["message"] == "The CertificateRequest was denied by an approval controller"
    assert shop.get("Secret", "tls") is None


def test_a_foreign_request_waits_without_a_word(shop: Shop) -> None:
    """It is nobody's but its controller's and the approver's; a denial reaches the Certificate all the same."""
    appliance = Appliance(shop)
    want(shop, REF)
    appliance.wait("web-1", "approve me")
    eventually(
        lambda: shop.condition("Certificate", "web", "Issuing").get("message") == "approve me", "the shim has seen it"
    )
    assert shop.condition("CertificateRequest", "web-1", "Approved") == {}
    assert waiting(shop) == []

    say(shop, "CertificateRequest", "web-1", condition("Denied", reason="policy.example.test", message="not you"))

    eventually(lambda: shop.condition("Certificate", "web", "Issuing").get("status") == "False", "the attempt ends")
    assert shop.condition("CertificateRequest", "web-1").get("reason") != "Denied"


def test_it_is_approved_by_hand_once(shop: Shop, cluster: Cluster) -> None:
    want(shop)
    run = runner(cluster, shop.namespace)
    assert f"certshim approve web-1 -n {shop.namespace}" in run("explain", "certificate", "web").stdout

    assert run("approve", "web-1").stdout == f"Approved CertificateRequest '{shop.namespace}/web-1'\n"

    shop.ready("Certificate", "web")
    approval = shop.condition("CertificateRequest", "web-1", "Approved")
    assert (approval["reason"], approval["message"]) == ("KubectlCertManager", 'manually approved by "certshim"')
    again = run("deny", "web-1")
    assert again.returncode == 1
    assert "it is Approved already, for good" in again.stderr


def test_it_is_denied_by_hand(shop: Shop, cluster: Cluster) -> None:
    want(shop)
    run = runner(cluster, shop.namespace)

    assert run("deny", "web-1", "--message", "not this name").returncode == 0

    eventually(lambda: "not this name" in str(shop.condition("Certificate", "web", "Issuing")), "it is told")
    assert "not this name" in run("explain", "certificate", "web").stdout
