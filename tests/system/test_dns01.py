"""DNS-01 end to end: a real name server, a real CA that resolves with it, and what becomes of records and objects."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cluster import APIFailure, Cluster, Pebble, PebbleSettings, Process
from tests.cluster.named import SECRET, Named
from tests.product import Product
from tests.system.nameservers import serving
from tests.system.shop import Shop, eventually

pytestmark = pytest.mark.system
ZONE, DELEGATED = "dns.test", "delegated.test"


@pytest.fixture(scope="module")
def named(cluster: Cluster) -> Iterator[Named]:
    with serving(cluster, "named", ZONE, DELEGATED) as made:
        yield made


@pytest.fixture(scope="module")
def ca(cluster: Cluster, named: Named) -> Iterator[Pebble]:
    """A Pebble that resolves with named."""
    made = cluster.pebble("pebble-dns", PebbleSettings(), resolver=named.address)
    yield made
    cluster.stop_pebble(made)


def start(product: Product, named: Named) -> Process:
    """Start the shim, which has named for its resolver, and finds the authoritative servers on its port."""
    return product.start_shim(
        "--log-level=debug",
        "--leader-elect=false",
        f"--dns01-recursive-nameservers={named.address}",
        f"--dns01-authoritative-port={named.port}",
    )


@pytest.fixture(scope="module")
def shim(product: Product, cluster: Cluster, named: Named) -> Iterator[Process]:
    yield start(product, named)
    cluster.process("shim").stop()  # a test may have started another


@dataclass(frozen=True, slots=True)
class Zone:
    """A namespace with an issuer that proves names over DNS."""

    shop: Shop
    named: Named
    ca: Pebble

    def host(self) -> str:
        """Return a name that nobody has used."""
        return f"{secrets.token_hex(4)}.{ZONE}"

    def key(self, secret: str = SECRET) -> None:
        """Store the TSIG key."""
        data = {"key": base64.b64encode(secret.encode()).decode()}
        self.shop.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tsig"}, "data": data})

    def issuer(self, wait: str | None = None, **dns01: Any) -> str:
        """Create an issuer (which waits instead of checking) and wait until it is ready; return its name."""
        rfc2136 = {
            "nameserver": self.named.address,
            "tsigKeyName": "hmac-sha256",
            "tsigAlgorithm": "HMACSHA256",
            "tsigSecretSecretRef": {"name": "tsig", "key": "key"},
        }
        waiting = {} if wait is None else {"waitInsteadOfSelfCheck": wait}
        solver = {"dns01": {"rfc2136": rfc2136} | dns01} | waiting
        acme = self.shop.product.acme("dns", self.ca) | {"solvers": [solver]}
        metadata = {"name": "dns"}
        self.shop.apply(
            {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": metadata, "spec": {"acme": acme}}
        )
        self.shop.ready("Issuer", "dns")
        return "dns"

    def certificate(self, *names: str) -> None:
        """Ask for a certificate."""
        spec = {"secretName": "site", "dnsNames": list(names), "issuerRef": {"name": "dns"}}
        metadata = {"name": "site"}
        self.shop.apply({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": metadata, "spec": spec})

    def record(self, host: str) -> frozenset[str]:
        """Return what stands at the name that the CA asks for."""
        return self.named.values(f"_acme-challenge.{host}")

    def reason(self) -> str:
        """Return the reason of the first Challenge."""
        return str(next((one.get("status", {}).get("reason", "") for one in self.shop.all("Challenge")), ""))


@pytest.fixture
def zone(product: Product, cluster: Cluster, shim: Process, named: Named, ca: Pebble, namespace: str) -> Zone:
    made = Zone(Shop(product, cluster, namespace), named, ca)
    made.key()
    return made


def test_wildcard_and_apex_come_in_one_certificate(zone: Zone) -> None:
    """Two values at one name, written together; no second is slept, and nothing stays: neither record nor object."""
    host = zone.host()
    zone.issuer()
    began = time.monotonic()

    zone.certificate(host, f"*.{host}")

    assert set(zone.shop.issued("site").leaf.dns_names) == {host, f"*.{host}"}
    assert time.monotonic() - began < 10
    eventually(lambda: not zone.shop.all("Challenge"), "the Challenges are gone")
    assert not zone.record(host)


def test_what_is_told_is_what_users_know(zone: Zone) -> None:
    host = zone.host()
    zone.issuer()

    zone.certificate(f"*.{host}")

    zone.shop.issued("site")
    eventually(lambda: len(zone.shop.events("Challenge")) >= 3, "events")
    assert {
        ("Started", "Challenge scheduled for processing"),
        ("Presented", "Presented challenge using DNS-01 challenge mechanism"),
        ("DomainVerified", f'Domain "{host}" verified with "DNS-01" validation'),
    } <= set(zone.shop.events("Challenge"))


def test_values_of_others_stay(zone: Zone) -> None:
    host = zone.host()
    zone.named.put(ZONE, f"_acme-challenge.{host}", "TXT", '"somebody-else"')
    zone.issuer()

    zone.certificate(host)

    zone.shop.issued("site")
    eventually(lambda: not zone.shop.all("Challenge"), "the Challenge is gone")
    assert zone.record(host) == {"somebody-else"}


def test_a_name_can_be_delegated(zone: Zone) -> None:
    """With `cnameStrategy: Follow` the value is written where the CNAME leads, into another zone."""
    host, target = zone.host(), f"{secrets.token_hex(4)}.{DELEGATED}"
    zone.named.put(ZONE, f"_acme-challenge.{host}", "CNAME", f"{target}.")
    zone.issuer(cnameStrategy="Follow")

    zone.certificate(host)

    zone.shop.issued("site")
    eventually(lambda: not zone.shop.all("Challenge"), "the Challenge is gone")
    assert not zone.named.values(target)


def test_a_delegation_that_is_not_followed_is_told(zone: Zone) -> None:
    """The server takes the value beside the CNAME, and forgets it."""
    host, target = zone.host(), f"{secrets.token_hex(4)}.{DELEGATED}"
    zone.named.put(ZONE, f"_acme-challenge.{host}", "CNAME", f"{target}.")
    zone.issuer()
    zone.certificate(host)
    said = f"_acme-challenge.{host} is a CNAME of {target}, where the CA looks, and the value was not written there"
    eventually(lambda: said in zone.reason(), "the reason")

    zone.issuer(cnameStrategy="Follow")

    zone.shop.issued("site", seconds=15)
    eventually(lambda: not zone.shop.all("Challenge"), "the Challenge is gone")
    assert not zone.named.values(target)


def test_a_key_that_is_mended_is_used_at_once(zone: Zone) -> None:
    """The reason says what is wrong; the moment the Secret is right, it goes on."""
    zone.key("aHVudGVyMg==")
    zone.issuer()
    zone.certificate(zone.host())
    eventually(lambda: "the key is not the server's" in zone.reason(), "the reason")
    time.sleep(3)  # past the first attempts, so that a success within a second is due to the change
    began = time.monotonic()

    zone.key()

    zone.shop.issued("site")
    assert time.monotonic() - began < 5


def test_a_secret_that_is_missing_is_named(zone: Zone) -> None:
    zone.shop.delete("Secret", "tsig")
    zone.issuer()
    zone.certificate(zone.host())
    eventually(lambda: "/tsig" in zone.reason() and "does not exist; create it" in zone.reason(), "the reason")

    zone.key()

    zone.shop.issued("site", seconds=10)


def test_a_server_that_is_down_is_waited_for(zone: Zone, cluster: Cluster) -> None:
    zone.issuer()
    cluster.stop_named(zone.named)
    try:
        zone.certificate(zone.host())
        eventually(zone.reason, "a reason is told")
    finally:
        cluster.restart_named(zone.named)

    zone.shop.issued("site")


def abandon(shop: Shop) -> None:
    """Delete a Certificate and all that it led to, from above, so that nothing is made again.

    The garbage collector would do it, too; but kinds defined a moment ago it knows only after half a minute.
    """
    for kind in ("Certificate", "CertificateRequest", "Order", "Challenge"):
        for one in shop.all(kind):
            with suppress(APIFailure):  # the garbage collector may have been faster
                shop.delete(kind, one["metadata"]["name"])


def deleting(shop: Shop) -> bool:
    """Has the namespace controller come to the Challenges?  It waits five seconds first."""
    found = shop.all("Challenge")
    return not found or "deletionTimestamp" in found[0]["metadata"]


def test_a_namespace_that_goes_takes_its_record_along(zone: Zone, cluster: Cluster) -> None:
    """Its issuer and its Secret may go first: the record is taken out all the same."""
    zone.issuer(wait="10m")
    shop, host = zone.shop, zone.host()
    zone.certificate(host)
    eventually(lambda: zone.record(host), "the record is there")
    eventually(lambda: "without self-check" in zone.reason(), "the reason")

    cluster.api.delete(f"/api/v1/namespaces/{shop.namespace}")

    eventually(lambda: deleting(shop), "the Challenge is deleted")
    eventually(lambda: not shop.all("Challenge"), "the Challenge is gone", seconds=10)
    assert not zone.record(host)


def test_a_namespace_that_goes_does_not_wait_for_a_server_that_is_down(zone: Zone, cluster: Cluster) -> None:
    """A record that stays harms nobody."""
    zone.issuer(wait="10m")
    shop, host = zone.shop, zone.host()
    zone.certificate(host)
    eventually(lambda: zone.record(host), "the record is there")
    cluster.stop_named(zone.named)
    try:
        cluster.api.delete(f"/api/v1/namespaces/{shop.namespace}")
        eventually(lambda: deleting(shop), "the Challenge is deleted")
        eventually(lambda: not shop.all("Challenge"), "the Challenge is gone", seconds=10)
    finally:
        cluster.restart_named(zone.named)


def test_a_record_that_stays_is_told(zone: Zone, cluster: Cluster) -> None:
    """With its name and value, in a Warning: nobody else knows of it any more."""
    zone.issuer(wait="10m")
    shop, host = zone.shop, zone.host()
    zone.certificate(host)
    value = next(iter(eventually(lambda: zone.record(host), "the record is there")))
    cluster.stop_named(zone.named)
    try:
        abandon(shop)
        eventually(lambda: not shop.all("Challenge"), "the Challenge is gone", seconds=10)
        told = eventually(
            lambda: next((text for _, text in shop.events("Challenge") if "by hand" in text), None), "the Warning"
        )
    finally:
        cluster.restart_named(zone.named)
    assert f"_acme-challenge.{host}" in told
    assert value in told


def test_another_process_takes_the_record_out(zone: Zone, product: Product, cluster: Cluster) -> None:
    """From the stored Challenge alone: whoever wrote it was killed."""
    zone.issuer(wait="10m")
    shop, host = zone.shop, zone.host()
    zone.certificate(host)
    eventually(lambda: zone.record(host), "the record is there")
    cluster.process("shim").kill()
    abandon(shop)

    start(product, zone.named)

    eventually(lambda: not shop.all("Challenge"), "the Challenge is gone", seconds=10)
    assert not zone.record(host)


def test_a_forged_challenge_gets_no_credentials(zone: Zone, cluster: Cluster) -> None:
    """What a Challenge says of its solver counts only when the issuer says the same."""
    zone.issuer()
    host = zone.host()
    rfc2136 = {
        "nameserver": "127.0.0.1:9",
        "tsigKeyName": "hmac-sha256",
        "tsigSecretSecretRef": {"name": "tsig", "key": "key"},
    }
    spec = {
        "url": f"{zone.ca.directory_url}/chalZ/1",
        "authorizationURL": f"{zone.ca.directory_url}/authZ/1",
        "dnsName": host,
        "type": "DNS-01",
        "token": "token",
        "key": "value",
        "solver": {"dns01": {"rfc2136": rfc2136}},
        "issuerRef": {"name": "dns"},
    }
    zone.shop.apply(
        {"apiVersion": "acme.cert-manager.io/v1", "kind": "Challenge", "metadata": {"name": "forged"}, "spec": spec}
    )

    eventually(lambda: "only the issuer says where they go" in zone.reason(), "it is refused")


def test_an_issuer_that_is_mended_is_used_at_once(zone: Zone) -> None:
    """The Challenge carries the old solver, and cannot be changed: its Order makes another."""
    zone.issuer(rfc2136={"nameserver": "127.0.0.1:9", "tsigKeyName": "", "protocol": "TCP"})
    host = zone.host()
    zone.certificate(host)
    eventually(lambda: "cannot change" in zone.reason(), "the reason")

    zone.issuer()

    zone.shop.issued("site", seconds=15)
    assert not zone.record(host)
