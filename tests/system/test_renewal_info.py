"""The CA wants certificates renewed (RFC 9773): it is asked, heeded, and told what the next one replaces."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from certs.pki.ari import certificate_id
from tests.cluster import Cluster, PebbleSettings, Process
from tests.cluster.ca import Pebble
from tests.product import Product
from tests.system.shop import Shop, eventually

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
ISSUER = "cert-manager.io/issuer"
# Seconds.  By itself a certificate of this CA would be renewed after half of it, and asked about within a twentieth.
LIFETIME = 100


@pytest.fixture(scope="module")
def ca(cluster: Cluster) -> Pebble:
    return cluster.pebble("suggesting", PebbleSettings(profiles={"brief": LIFETIME}))


@pytest.fixture
def shop(product: Product, cluster: Cluster, namespace: str, shim: Process) -> Iterator[Shop]:
    assert shim.running
    yield Shop(product, cluster, namespace)
    cluster.kubectl("delete", "certificates", "--all", "-n", namespace)  # or they would go on renewing


def heeding(shop: Shop, ca: Pebble, source: str) -> None:
    """Apply an issuer that does, or does not, ask for renewal information."""
    issuer = shop.product.issuer("pebble", shop.namespace, ca=ca)
    issuer["spec"]["acme"]["renewalInformationSource"] = source
    shop.apply(issuer)
    shop.ready("Issuer", "pebble")


def test_a_window_that_opens_has_the_certificate_renewed(shop: Shop, ca: Pebble) -> None:
    """As after a revocation at the CA: long before the time that the certificate itself would give."""
    heeding(shop, ca, "None")
    shop.ingress("web", shop.host(), annotations={ISSUER: "pebble"})
    first, issued_at = shop.issued("web-tls"), datetime.now(UTC)
    start, end = issued_at + timedelta(seconds=6), issued_at + timedelta(seconds=8)
    ca.suggest_renewal(first.chain, start, end)

    heeding(shop, ca, "ARI")
    shop.cluster.kubectl("label", "certificate", "web-tls", "-n", shop.namespace, "look=again")

    def suggested() -> dict[str, str]:
        status = (shop.get("Certificate", "web-tls") or {})["status"]
        window: dict[str, str] = status.get("acme", {}).get("ari", {}).get("suggestedWindow", {})
        return window if status.get("renewalTime", "") <= window.get("end", "") else {}

    window = eventually(suggested, "the window is stored, and the time is in it", 10)
    assert window["start"] == f"{start:%Y-%m-%dT%H:%M:%SZ}"
    eventually(lambda: (shop.get("Certificate", "web-tls") or {})["status"]["revision"] == 2, "it is renewed", 15)
    assert datetime.now(UTC) < issued_at + timedelta(seconds=LIFETIME / 3)
    orders = {one["spec"].get("replaces", ""): one for one in shop.all("Order")}  # the first may not be collected yet
    assert orders[certificate_id(first.leaf)]["status"]["state"] == "valid"


def test_what_the_ca_says_by_itself_is_stored(shop: Shop, ca: Pebble) -> None:
    """Within a twentieth of the lifetime, in one write; the next question is hours away."""
    heeding(shop, ca, "ARI")
    shop.ingress("web", shop.host(), annotations={ISSUER: "pebble"})
    shop.issued("web-tls")

    ari = eventually(
        lambda: (shop.get("Certificate", "web-tls") or {})["status"].get("acme", {}).get("ari"), "it is asked", 12
    )

    assert ari["suggestedWindow"]["start"] < ari["suggestedWindow"]["end"]
    assert ari["nextCheck"] > ari["lastChecked"]
    assert "lastError" not in ari


def test_a_ca_that_says_nonsense_changes_nothing(shop: Shop, ca: Pebble) -> None:
    """The window ends before it begins: it is said, and the certificate is renewed as without."""
    heeding(shop, ca, "None")
    shop.ingress("web", shop.host(), annotations={ISSUER: "pebble"})
    first = shop.issued("web-tls")
    before = (shop.get("Certificate", "web-tls") or {})["status"]["renewalTime"]
    now = datetime.now(UTC)
    ca.suggest_renewal(first.chain, now + timedelta(hours=2), now + timedelta(hours=1))
    time.sleep(LIFETIME / 20)  # from when on it may be asked

    heeding(shop, ca, "ARI")
    shop.cluster.kubectl("label", "certificate", "web-tls", "-n", shop.namespace, "look=again")

    assert eventually(lambda: [one for one in shop.events("Certificate") if one[0] == "ARIError"], "it is told", 10)
    status = (shop.get("Certificate", "web-tls") or {})["status"]
    assert "ends before it begins" in status["acme"]["ari"]["lastError"]
    assert status["renewalTime"] == before
