"""Certificates without a public CA: self-signed ones, a CA of one's own, and what is said when it cannot sign."""

from __future__ import annotations

import base64
import ssl
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bench import traffic
from certs.api.certificate import CertificateSpec, KeyAlgorithm
from certs.api.meta import IssuerReference
from certs.pki.csr import build_csr
from certs.pki.keys import Key, encode_key
from certs.pki.signing import Wanted, sign_by_itself
from certs.pki.x509 import read_chain
from shim.keys import generate_key
from tests.cluster import Cluster
from tests.product import NAMESPACE, Product
from tests.system.shop import Shop, Stored, eventually

pytestmark = pytest.mark.system
ISSUER = "cert-manager.io/issuer"
CLUSTER_ISSUER = "cert-manager.io/cluster-issuer"
AT_ONCE = 3.0  # seconds; takes a tenth of one on an idle machine, and a back-off would be five at least
MOST_WRITES = 6
MOST_EVENTS = 3


def issuer(name: str, kind: str = "Issuer", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "cert-manager.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def certificate(name: str, issuer: str, **spec: Any) -> dict[str, Any]:
    """Return a Certificate whose Secret has its name."""
    wanted = {"secretName": name, "issuerRef": {"name": issuer}} | spec
    return {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": name}, "spec": wanted}


def bootstrap(shop: Shop, algorithm: str = "ECDSA", size: int = 256) -> str:
    """Apply a self-signed root and the CA issuer of it, all at once; return the issuer's name."""
    shop.apply(issuer("ca", ca={"secretName": "root"}))
    key = {"algorithm": algorithm} | ({"size": size} if size else {})
    shop.apply(certificate("root", "self-signed", isCA=True, commonName="Root", privateKey=key))
    shop.apply(issuer("self-signed", selfSigned={}))
    shop.ready("Issuer", "ca")
    return "ca"


def ca_of(shop: Shop, name: str) -> bytes:
    return base64.b64decode((shop.get("Secret", name) or {})["data"]["ca.crt"])


def verified(stored: Stored, ca: bytes, host: str, tmp_path: Any) -> bool:
    """Does `openssl` accept the chain for the host, trusting only that CA?"""
    (tmp_path / "ca.pem").write_bytes(ca)
    (tmp_path / "chain.pem").write_bytes(stored.chain)
    files = ["-CAfile", tmp_path / "ca.pem", "-untrusted", tmp_path / "chain.pem", tmp_path / "chain.pem"]
    command = ["openssl", "verify", "-purpose", "sslserver", "-verify_hostname", host, *files]
    return subprocess.run(command, check=False, capture_output=True, timeout=20).returncode == 0  # noqa: S603  ours


def pair(
    *, lifetime: timedelta = timedelta(days=1), is_ca: bool = True, other_key: Key | None = None
) -> dict[str, Any]:
    """Return the Secret `root` with a CA that somebody else made."""
    key = generate_key(KeyAlgorithm.ECDSA)
    spec = CertificateSpec(secret_name="root", issuer_ref=IssuerReference("x"), common_name="Foreign", is_ca=is_ca)
    now = datetime.now(UTC)
    chain = sign_by_itself(key, Wanted(build_csr(spec, key), 1, now, lifetime, is_ca=is_ca)).chain
    data = {"tls.crt": chain, "tls.key": bytes(encode_key(other_key or key))}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "root"},
        "type": "kubernetes.io/tls",
        "data": {name: base64.b64encode(value).decode() for name, value in data.items()},
    }


@pytest.mark.parametrize(("algorithm", "size"), [("RSA", 2048), ("ECDSA", 384), ("Ed25519", 0)])
def test_an_ingress_with_a_ca_of_ones_own(shop: Shop, tmp_path: Any, algorithm: str, size: int) -> None:
    """Self-signed root, CA issuer, Ingress: the Secret verifies against its own ca.crt, which is the root."""
    name, host = bootstrap(shop, algorithm, size), shop.host()

    shop.ingress("web", host, annotations={ISSUER: name})

    stored = shop.issued("web-tls")
    assert stored.is_pair
    assert stored.leaf.dns_names == (host,)
    assert ca_of(shop, "web-tls") == shop.issued("root").chain
    assert len(read_chain(stored.chain)) == 1
    assert verified(stored, ca_of(shop, "web-tls"), host, tmp_path)
    ssl.create_default_context(cadata=ca_of(shop, "web-tls").decode())
    assert shop.all("Order") == []


def test_the_states_are_those_that_users_know(shop: Shop) -> None:
    """Conditions and events of both kinds of issuers and of the request."""
    name = bootstrap(shop)
    shop.ingress("web", shop.host(), annotations={ISSUER: name})
    shop.issued("web-tls")
    conditions = (shop.get("CertificateRequest", "web-tls-1") or {})["status"]["conditions"]

    assert [(one["type"], one["reason"]) for one in conditions] == [
        ("Approved", "cert-manager.io"),
        ("Ready", "Issued"),
    ]
    ready = shop.condition("Issuer", "self-signed")
    assert (ready["reason"], ready.get("message", "")) == ("IsReady", "")
    ready = shop.condition("Issuer", "ca")
    assert (ready["reason"], ready["message"]) == ("KeyPairVerified", "Signing CA verified")
    expected = {"CertificateIssued"}
    told = eventually(lambda: {reason for reason, _ in shop.events("CertificateRequest")} >= expected, "the events")
    assert told
    assert eventually(lambda: "KeyPairVerified" in dict(shop.events("Issuer")), "the issuer's event")


def test_an_intermediate_is_in_the_chain(shop: Shop, tmp_path: Any) -> None:
    """Of three levels the middle one is sent along, and the root is ca.crt."""
    root, host = bootstrap(shop), shop.host()
    shop.apply(certificate("middle", root, isCA=True, commonName="Middle"))
    shop.apply(issuer("middle", ca={"secretName": "middle"}))

    shop.ingress("web", host, annotations={ISSUER: "middle"})

    stored = shop.issued("web-tls")
    assert [one.common_name for one in read_chain(stored.chain)] == ["", "Middle"]
    assert ca_of(shop, "web-tls") == shop.issued("root").chain
    assert verified(stored, ca_of(shop, "web-tls"), host, tmp_path)


def test_a_cluster_issuer_signs_with_a_secret_of_the_cluster(shop: Shop, cluster: Cluster) -> None:
    """The Secret is in the cluster resource namespace, and nobody labelled it for us."""
    secret = pair()
    secret["metadata"] = {"name": f"{shop.namespace}-root", "namespace": NAMESPACE}
    shop.apply(secret)
    name = f"{shop.namespace}-all"
    cluster_issuer = issuer(name, "ClusterIssuer", ca={"secretName": secret["metadata"]["name"]})
    cluster_issuer["metadata"]["namespace"] = ""
    shop.apply(cluster_issuer)
    host = shop.host()

    shop.ingress("web", host, annotations={CLUSTER_ISSUER: name})

    stored = shop.issued("web-tls")
    assert stored.leaf.issuer_common_name == "Foreign"
    assert ca_of(shop, "web-tls") == base64.b64decode(secret["data"]["tls.crt"])
    cluster.kubectl("delete", "clusterissuer", name)


def test_a_missing_ca_is_told_and_its_secret_lets_all_go_on_at_once(shop: Shop) -> None:
    """Issuer, request and Certificate say what is missing; the Secret is foreign, and nothing waits for a back-off."""
    shop.apply(issuer("ca", ca={"secretName": "root"}))
    shop.ingress("web", shop.host(), annotations={ISSUER: "ca"})
    missing = f'Secret "root" not found in namespace "{shop.namespace}"'
    for kind, name, condition in (
        ("Issuer", "ca", "Ready"),
        ("CertificateRequest", "web-tls-1", "Ready"),
        ("Certificate", "web-tls", "Issuing"),
    ):
        eventually(lambda: missing in shop.condition(kind, name, condition).get("message", ""), f"{kind} says it")  # noqa: B023  looked at at once
    assert shop.condition("Issuer", "ca")["reason"] == "ErrGetKeyPair"

    shop.apply(pair())

    assert shop.issued("web-tls", AT_ONCE).leaf.issuer_common_name == "Foreign"


@pytest.mark.parametrize(
    ("secret", "sentence"),
    [
        pytest.param(lambda: pair(is_ca=False), "certificate is not a CA", id="leaf"),
        pytest.param(
            lambda: pair(other_key=generate_key(KeyAlgorithm.ECDSA)),
            "the private key does not belong to the certificate",
            id="other key",
        ),
        pytest.param(lambda: pair(lifetime=timedelta(seconds=1)), "the CA certificate has expired", id="expired"),
    ],
)
def test_a_ca_that_must_not_sign_is_told_and_a_good_one_taken(shop: Shop, secret: Any, sentence: str) -> None:
    shop.apply(secret())
    shop.apply(issuer("ca", ca={"secretName": "root"}))

    def told() -> str | None:
        message = str(shop.condition("Issuer", "ca").get("message", ""))
        return message if sentence in message else None

    assert "Error getting keypair for CA issuer" in eventually(told, "the issuer says it", 5)
    assert shop.condition("Issuer", "ca")["reason"] == "ErrInvalidKeyPair"

    shop.apply(pair())

    shop.ready("Issuer", "ca", AT_ONCE)


def test_the_end_of_a_ca_is_told_at_its_second(shop: Shop) -> None:
    """Ready until then, and nobody had to touch anything."""
    shop.apply(pair(lifetime=timedelta(seconds=5)))
    shop.apply(issuer("ca", ca={"secretName": "root"}))
    ends = time.time() + 5
    shop.ready("Issuer", "ca", AT_ONCE)

    eventually(lambda: shop.condition("Issuer", "ca").get("status") == "False", "it is told", 8)

    assert ends - 2 <= time.time() <= ends + 2
    assert "has expired" in shop.condition("Issuer", "ca")["message"]


def test_a_certificate_costs_few_writes(shop: Shop, cluster: Cluster) -> None:
    """From the Certificate that somebody applied to its tidy end, counted in the API server's audit log."""
    name, number = bootstrap(shop), 10
    shop.issued("root")
    time.sleep(1)  # the audit log's last lines
    mark = cluster.audit_mark()
    for index in range(number):
        shop.apply(certificate(f"shop-{index}", name, dnsNames=[shop.host()]))
    for index in range(number):
        shop.issued(f"shop-{index}")
    secrets = {"root", *(f"shop-{index}" for index in range(number))}
    eventually(lambda: {one["metadata"]["name"] for one in shop.all("Secret")} == secrets, "the next keys are gone")
    time.sleep(1)
    # Elsewhere issuers may still say that their namespace is being taken down.
    counted = traffic.count(event for event in cluster.audit(mark) if event.object_ref.namespace == shop.namespace)
    print({f"{verb} {resource}": times / number for (verb, resource), times in counted.writes.items()})  # noqa: T201

    assert counted.writes.total() / number <= MOST_WRITES
    assert counted.writes["update", "certificaterequests/status"] == number
    about = [one for one in shop.all("Event") if one["involvedObject"]["name"].startswith("shop-")]
    told = Counter(one["reason"] for one in about)
    assert told == {"Issuing": 2 * number, "CertificateIssued": number}
    assert told.total() / number <= MOST_EVENTS


def test_admission_takes_approval_and_signature_together(shop: Shop, product: Product) -> None:
    """The webhook is asked whether the shim may approve, and sees the certificate in the same write."""
    webhook = product.start_webhook()
    try:
        name, host = bootstrap(shop), shop.host()
        shop.ingress("web", host, annotations={ISSUER: name})

        assert shop.issued("web-tls").leaf.dns_names == (host,)
    finally:
        webhook.stop()
        product.withdraw_admission()
