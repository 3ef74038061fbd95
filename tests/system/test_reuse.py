"""What the CA has signed is used again in another Secret of the same Certificate, and never where a new one is wanted.

All orders of this module are at CAs of its own, so what was spent is counted in their logs.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml

from tests.cluster import Cluster, PebbleSettings, Process
from tests.cluster.ca import Pebble
from tests.product import Product
from tests.system.shop import Shop, Stored, eventually
from tests.system.spent import NOTHING, ONE, spent

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
RENEW = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "renewed by hand"}


@pytest.fixture(scope="module")
def ca(cluster: Cluster) -> Pebble:
    return cluster.pebble("reuse", PebbleSettings())


@pytest.fixture
def shop(product: Product, cluster: Cluster, shim: Process, namespace: str, ca: Pebble) -> Shop:
    """A namespace with an issuer of that CA, and a shim that works."""
    assert shim.running
    shop = Shop(product, cluster, namespace)
    shop.apply(shop.product.issuer("pebble", namespace, ca=ca))
    shop.ready("Issuer", "pebble")
    return shop


def ask(shop: Shop, host: str, secret: str, **spec: Any) -> None:
    """Apply the Certificate `web`, with further fields of its spec."""
    wanted = {"secretName": secret, "dnsNames": [host], "issuerRef": {"name": "pebble"}, **spec}
    shop.apply({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "web"}, "spec": wanted})


def settled(shop: Shop, secret: str) -> Stored:
    """Wait until the Certificate is ready as its spec stands now, and return that Secret."""

    def look() -> Stored | None:
        certificate = shop.get("Certificate", "web") or {}
        ready = shop.condition("Certificate", "web")
        is_of_this_spec = ready.get("observedGeneration") == certificate.get("metadata", {}).get("generation")
        stored = shop.stored(secret)
        return stored if ready.get("status") == "True" and is_of_this_spec and stored is not None else None

    return eventually(look, f"web is ready, with Secret {secret}")


def revision(shop: Shop) -> int:
    return int((shop.get("Certificate", "web") or {})["status"]["revision"])


def test_a_new_secret_name_gets_the_certificate_that_is_there(shop: Shop, cluster: Cluster, ca: Pebble) -> None:
    """Key, chain and revision stay, nothing is ordered or requested, and the old Secret is left alone."""
    host = shop.host()
    ask(shop, host, "old-tls")
    first, before = settled(shop, "old-tls"), spent(cluster, ca)

    ask(shop, host, "new-tls", secretTemplate={"labels": {"team": "web"}})
    second = settled(shop, "new-tls")

    assert (second.key, second.chain) == (first.key, first.chain)
    assert second.metadata["annotations"] == first.metadata["annotations"]
    assert second.metadata["labels"] == {"controller.cert-manager.io/fao": "true", "team": "web"}
    assert spent(cluster, ca) - before == NOTHING
    assert revision(shop) == 1
    assert [one["metadata"]["name"] for one in shop.all("CertificateRequest")] == ["web-1"]
    assert shop.stored("old-tls") == first
    sentence = 'Reusing the certificate in Secret "old-tls", which is as asked for, for Secret "new-tls"'
    told = eventually(lambda: [one for one in shop.events("Certificate") if one[0] == "CertificateReused"], "an event")
    assert told == [("CertificateReused", sentence)]


def test_who_deletes_the_secret_gets_a_new_key(shop: Shop, cluster: Cluster, ca: Pebble) -> None:
    """Be it since the key is known to others: that an older Secret still has it changes nothing."""
    host = shop.host()
    ask(shop, host, "old-tls")
    first = settled(shop, "old-tls")
    ask(shop, host, "new-tls")
    settled(shop, "new-tls")
    before = spent(cluster, ca)

    shop.delete("Secret", "new-tls")
    eventually(lambda: revision(shop) == 2, "it is issued anew")
    second = settled(shop, "new-tls")

    assert second.key != first.key
    assert spent(cluster, ca) - before == ONE


def test_a_renewal_by_hand_and_a_new_place_at_once_are_a_renewal(shop: Shop, cluster: Cluster, ca: Pebble) -> None:
    host = shop.host()
    ask(shop, host, "old-tls")
    first, before = settled(shop, "old-tls"), spent(cluster, ca)
    certificate = shop.get("Certificate", "web") or {}
    certificate["status"]["conditions"].append({**RENEW, "lastTransitionTime": "2026-01-01T00:00:00Z"})

    cluster.kubectl("replace", "--subresource=status", "-f", "-", stdin=yaml.safe_dump(certificate))
    ask(shop, host, "new-tls")
    eventually(lambda: revision(shop) == 2, "it is issued anew")

    assert settled(shop, "new-tls").key != first.key
    assert spent(cluster, ca) - before == ONE


def test_other_names_in_another_place_are_ordered(shop: Shop, cluster: Cluster, ca: Pebble) -> None:
    host = shop.host()
    ask(shop, host, "old-tls")
    first, before = settled(shop, "old-tls"), spent(cluster, ca)

    ask(shop, host, "new-tls", dnsNames=[host, f"www.{host}"])
    second = settled(shop, "new-tls")

    assert second.leaf.dns_names == (host, f"www.{host}")
    assert second.key != first.key
    assert spent(cluster, ca) - before == ONE


def test_another_ca_behind_the_same_issuer_is_asked(shop: Shop, cluster: Cluster, ca: Pebble) -> None:
    """From staging to production by the directory URL: what staging has signed is not what is wanted."""
    other, host = cluster.pebble("reuse-production", PebbleSettings()), shop.host()
    ask(shop, host, "old-tls")
    first, before = settled(shop, "old-tls"), spent(cluster, ca)

    shop.apply(shop.product.issuer("pebble", shop.namespace, ca=other))
    ask(shop, host, "new-tls")
    second = settled(shop, "new-tls")

    assert second.leaf.issuer_der != first.leaf.issuer_der
    assert spent(cluster, other) == ONE
    assert spent(cluster, ca) - before == NOTHING


def test_a_new_place_that_cannot_be_written_yet_costs_no_order(shop: Shop, cluster: Cluster, ca: Pebble) -> None:
    """Its keystore has no password yet: that is told, and it goes on the moment the password is there."""
    host = shop.host()
    ask(shop, host, "old-tls")
    first, before = settled(shop, "old-tls"), spent(cluster, ca)
    keystores = {"pkcs12": {"create": True, "passwordSecretRef": {"name": "password", "key": "password"}}}

    ask(shop, host, "new-tls", keystores=keystores)
    eventually(lambda: shop.condition("Certificate", "web").get("reason") == "DoesNotExist", "it is not ready")
    reasons = eventually(
        lambda: [one for one in shop.events("Certificate") if one[0] == "KeystorePasswordSecretNotFound"], "an event"
    )
    data = {"password": base64.b64encode(b"changeit").decode()}
    shop.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "password"}, "data": data})
    second = settled(shop, "new-tls")

    assert 'Secret "password" of passwordSecretRef does not exist' in reasons[0][1]
    assert (second.key, second.chain) == (first.key, first.chain)
    assert "keystore.p12" in (shop.get("Secret", "new-tls") or {})["data"]
    assert spent(cluster, ca) - before == NOTHING


def test_a_certificate_that_is_created_again_has_its_secret_adopted(shop: Shop, cluster: Cluster, ca: Pebble) -> None:
    host = shop.host()
    ask(shop, host, "old-tls")
    first, before = settled(shop, "old-tls"), spent(cluster, ca)

    cluster.kubectl("delete", "certificate", "web", "-n", shop.namespace)
    eventually(lambda: not shop.all("CertificateRequest"), "what belonged to it goes with it")
    ask(shop, host, "old-tls")
    second = settled(shop, "old-tls")

    assert (second.key, second.chain) == (first.key, first.chain)
    assert spent(cluster, ca) - before == NOTHING
    assert not shop.all("CertificateRequest")
