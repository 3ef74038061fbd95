"""An annotated Ingress becomes a served certificate, stays one, and is told about as cert-manager's users know it."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.cluster import Cluster, PebbleSettings
from tests.product import Product
from tests.system.shop import Shop, eventually

pytestmark = pytest.mark.system
ISSUER = "cert-manager.io/issuer"


def served_certificate(cluster: Cluster, host: str, roots: Path) -> Mapping[str, object]:
    """Return what the proxy serves for a host, verified against the CA's root."""
    context = ssl.create_default_context(cafile=str(roots))
    with (
        socket.create_connection(("127.0.0.1", cluster.caddy.https_port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        return secure.getpeercert() or {}


def test_an_annotation_is_enough_for_a_served_certificate(shop: Shop, cluster: Cluster, tmp_path: Path) -> None:
    """Only an annotation and rules: spec.tls is completed, the Secret written, and the proxy serves what it holds."""
    issuer, host = shop.issuer(), shop.host()

    shop.ingress("web", host, annotations={ISSUER: issuer})

    stored = shop.issued("web-tls")
    assert stored.is_pair
    assert stored.leaf.dns_names == (host,)
    roots = tmp_path / "roots.pem"
    roots.write_bytes(cluster.ca.root())

    def is_served() -> Mapping[str, object] | None:
        try:
            return served_certificate(cluster, host, roots)
        except ssl.SSLError:
            return None  # the proxy has not heard of the Secret yet

    assert eventually(is_served, "the proxy serves it")["subjectAltName"] == (("DNS", host),)


def test_the_secret_tells_who_issued_what_for_whom(shop: Shop) -> None:
    issuer, host = shop.issuer(), shop.host()

    shop.ingress("web", host, annotations={ISSUER: issuer})

    metadata = shop.issued("web-tls").metadata
    assert metadata["labels"] == {"controller.cert-manager.io/fao": "true"}
    assert metadata["annotations"] == {
        "cert-manager.io/certificate-name": "web-tls",
        "cert-manager.io/issuer-name": issuer,
        "cert-manager.io/issuer-kind": "Issuer",
        "cert-manager.io/issuer-group": "cert-manager.io",
        "cert-manager.io/common-name": "",
        "cert-manager.io/alt-names": host,
        "cert-manager.io/ip-sans": "",
        "cert-manager.io/uri-sans": "",
    }
    assert (shop.get("Secret", "web-tls") or {})["type"] == "kubernetes.io/tls"


def test_the_states_are_those_that_users_know(shop: Shop) -> None:
    """Conditions, reasons and names of every object of an issuance."""
    issuer = shop.issuer()
    shop.ingress("web", shop.host(), annotations={ISSUER: issuer})
    shop.issued("web-tls")

    ready = shop.condition("Issuer", issuer)
    assert (ready["reason"], ready["message"]) == (
        "ACMEAccountRegistered",
        "The ACME account was registered with the ACME server",
    )
    certificate = shop.get("Certificate", "web-tls") or {}
    assert certificate["status"]["revision"] == 1
    assert [one["type"] for one in certificate["status"]["conditions"]] == ["Ready"]
    assert certificate["metadata"]["ownerReferences"][0]["kind"] == "Ingress"
    request = shop.get("CertificateRequest", "web-tls-1") or {}
    assert {one["type"]: one["reason"] for one in request["status"]["conditions"]} == {
        "Approved": "cert-manager.io",
        "Ready": "Issued",
    }
    (order,) = shop.all("Order")
    assert order["metadata"]["name"].startswith("web-tls-1-")
    assert order["status"]["state"] == "valid"
    assert order["status"]["authorizations"][0]["initialState"] == "pending"
    assert eventually(lambda: shop.all("Challenge") == [], "the Challenges are gone")
    names = {f"{issuer}-account", "web-tls"}
    assert eventually(
        lambda: {one["metadata"]["name"] for one in shop.all("Secret")} == names, "the next private key is gone"
    )


def test_the_events_tell_the_story(shop: Shop) -> None:
    issuer, host = shop.issuer(), shop.host()
    shop.ingress("web", host, annotations={ISSUER: issuer})
    shop.issued("web-tls")

    def told() -> set[tuple[str, str]]:
        kinds = ("Ingress", "Certificate", "CertificateRequest", "Order", "Challenge")
        return {(kind, reason) for kind in kinds for reason, _ in shop.events(kind)}

    expected = {
        ("Ingress", "CreateCertificate"),
        ("Certificate", "Issuing"),
        ("Certificate", "Generated"),
        ("Certificate", "Requested"),
        ("CertificateRequest", "cert-manager.io"),
        ("CertificateRequest", "OrderCreated"),
        ("CertificateRequest", "CertificateIssued"),
        ("Order", "Created"),
        ("Order", "Complete"),
        ("Challenge", "Started"),
        ("Challenge", "Presented"),
        ("Challenge", "DomainVerified"),
    }
    assert eventually(lambda: told() >= expected and told(), f"all events of {expected}") == expected


def test_deleting_the_secret_issues_again_with_a_new_key(shop: Shop) -> None:
    issuer = shop.issuer()
    shop.ingress("web", shop.host(), annotations={ISSUER: issuer})
    first = shop.issued("web-tls")

    shop.delete("Secret", "web-tls")

    second = eventually(lambda: shop.stored("web-tls"), "the Secret is back")
    assert second.is_pair
    assert second.leaf.serial != first.leaf.serial
    assert second.key != first.key
    assert eventually(lambda: shop.ready("Certificate", "web-tls")["status"]["revision"] == 2, "revision 2")


def test_changing_the_issuer_annotation_issues_again(shop: Shop) -> None:
    one, other = shop.issuer("one"), shop.issuer("other")
    host = shop.host()
    shop.ingress("web", host, annotations={ISSUER: one})
    first = shop.issued("web-tls")

    shop.ingress("web", host, annotations={ISSUER: other})

    def moved() -> bool:
        stored = shop.stored("web-tls")
        return stored is not None and stored.metadata["annotations"]["cert-manager.io/issuer-name"] == other

    assert eventually(moved, "the Secret is of the other issuer")
    second = shop.issued("web-tls")
    assert second.is_pair
    assert second.leaf.serial != first.leaf.serial


def test_several_hosts_are_one_certificate_and_one_more_costs_one_more_proof(shop: Shop) -> None:
    issuer, first, second = shop.issuer(), shop.host(), shop.host()
    tls = [{"hosts": [first, second], "secretName": "both-tls"}]

    shop.ingress("web", first, second, annotations={ISSUER: issuer}, tls=tls)

    assert set(shop.issued("both-tls").leaf.dns_names) == {first, second}
    (order,) = shop.all("Order")
    assert len(order["status"]["authorizations"]) == 2


def test_removing_a_tls_entry_deletes_its_certificate(shop: Shop) -> None:
    issuer, host, other = shop.issuer(), shop.host(), shop.host()
    both = [{"hosts": [host], "secretName": "one-tls"}, {"hosts": [other], "secretName": "two-tls"}]
    shop.ingress("web", host, other, annotations={ISSUER: issuer}, tls=both)
    shop.issued("one-tls")
    shop.issued("two-tls")

    shop.ingress("web", host, other, annotations={ISSUER: issuer}, tls=both[:1])

    assert eventually(lambda: shop.get("Certificate", "two-tls") is None, "its Certificate is deleted")
    assert shop.get("Certificate", "one-tls") is not None


def test_a_foreign_certificate_is_left_alone_and_the_author_told(shop: Shop) -> None:
    issuer, host = shop.issuer(), shop.host()
    spec = {"secretName": "web-tls", "dnsNames": ["elsewhere.example.test"], "issuerRef": {"name": "nobody"}}
    shop.apply(
        {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "web-tls"}, "spec": spec}
    )

    shop.ingress("web", host, annotations={ISSUER: issuer}, tls=[{"hosts": [host], "secretName": "web-tls"}])

    told = eventually(lambda: [text for reason, text in shop.events("Ingress") if reason == "BadConfig"], "an event")
    assert 'Certificate "web-tls" exists and is not controlled by this Ingress' in told[0]
    assert (shop.get("Certificate", "web-tls") or {})["spec"] == spec


def test_a_missing_issuer_is_waited_for_and_said(shop: Shop) -> None:
    """The order of applying does not matter: the moment the issuer is ready, work goes on."""
    host = shop.host()
    shop.ingress("web", host, annotations={ISSUER: "late"})
    pending = eventually(
        lambda: shop.condition("CertificateRequest", "web-tls-1").get("message"), "the request says what is missing"
    )
    assert pending == f'Referenced "Issuer" not found: "late" does not exist in namespace "{shop.namespace}"'

    shop.issuer("late")

    assert shop.issued("web-tls").leaf.dns_names == (host,)


def test_a_name_that_cannot_be_proven_yet_is_explained_and_then_proven(shop: Shop, cluster: Cluster) -> None:
    """The reason goes up to the Certificate within seconds, and the moment it passes, work goes on."""
    issuer, host = shop.issuer(), shop.host()
    cluster.names.set("set-servfail", host=f"{host}.")

    shop.ingress("web", host, annotations={ISSUER: issuer})

    def explained() -> str | None:
        message = str(shop.condition("Certificate", "web-tls", "Issuing").get("message", ""))
        return message if "cannot be proven yet" in message else None

    assert f'"{host}" cannot be proven yet: Waiting for HTTP-01 challenge propagation' in eventually(
        explained, "the Certificate says why", seconds=6
    )
    (challenge,) = shop.all("Challenge")
    assert challenge["status"]["state"] == "pending"
    assert challenge["status"]["processing"]
    assert challenge["status"]["presented"]
    cluster.names.set("clear-servfail", host=f"{host}.")
    assert shop.issued("web-tls").is_pair
    assert shop.all("Order")[0]["status"].get("reason", "") == ""


def test_a_refused_name_is_explained_in_one_sentence(shop: Shop, cluster: Cluster, product: Product) -> None:
    """What the CA says reaches the Certificate, with the name that it is about."""
    blocking = cluster.pebble("blocking", PebbleSettings(blocked_domains=("blocked.test",)))
    issuer = product.issuer("blocking", shop.namespace, ca=blocking)
    shop.apply(issuer)
    shop.ready("Issuer", "blocking")

    shop.ingress("web", "www.blocked.test", annotations={ISSUER: "blocking"})

    message = eventually(
        lambda: (
            shop.condition("Certificate", "web-tls", "Issuing").get("status") == "False"
            and shop.condition("Certificate", "web-tls", "Issuing")["message"]
        ),
        "the failure is told",
    )
    assert "rejectedIdentifier" in message
    assert "www.blocked.test" in message
    assert message.endswith(" UTC, or as soon as the spec changes)")
    assert next_attempt(shop) == timedelta(days=1)
    assert (shop.get("Certificate", "web-tls") or {})["status"]["failedIssuanceAttempts"] == 1


def next_attempt(shop: Shop) -> timedelta:
    """Return how long after the failure the Certificate says that it will be tried again."""
    status = (shop.get("Certificate", "web-tls") or {})["status"]
    message = next(one["message"] for one in status["conditions"] if one["type"] == "Issuing")
    said = re.search(r"\(next attempt at (\S+ \S+) UTC", message)
    assert said is not None, message
    return datetime.fromisoformat(f"{said[1]}+00:00") - datetime.fromisoformat(status["lastFailureTime"])


def test_a_proof_that_failed_is_tried_again_in_a_minute(shop: Shop, cluster: Cluster, product: Product) -> None:
    """Not in an hour, and the name that is mended is issued for without anybody touching an object."""
    issuer, host = product.issuer("hasty", shop.namespace), shop.host()
    for solver in issuer["spec"]["acme"]["solvers"]:
        solver["waitInsteadOfSelfCheck"] = "10ms"
    shop.apply(issuer)
    shop.ready("Issuer", "hasty")
    cluster.names.set("set-servfail", host=f"{host}.")

    shop.ingress("web", host, annotations={ISSUER: "hasty"})

    eventually(lambda: shop.condition("Certificate", "web-tls", "Issuing").get("status") == "False", "it failed")
    assert shop.all("Order")[0]["status"]["state"] == "invalid"
    assert next_attempt(shop) == timedelta(minutes=1)
    cluster.names.set("clear-servfail", host=f"{host}.")
    assert shop.issued("web-tls", seconds=90).is_pair


def test_a_ca_that_has_forgotten_everything_is_registered_with_again(
    shop: Shop, cluster: Cluster, product: Product
) -> None:
    """Account and orders are gone at the CA: everything becomes ready again without help."""
    forgetful = cluster.pebble("forgetful", PebbleSettings())
    shop.apply(product.issuer("forgetful", shop.namespace, ca=forgetful))
    account = shop.ready("Issuer", "forgetful")["status"]["acme"]["uri"]
    shop.ingress("web", shop.host(), annotations={ISSUER: "forgetful"})
    first = shop.issued("web-tls")

    cluster.restart_pebble(forgetful)
    shop.delete("Secret", "web-tls")

    second = eventually(lambda: shop.stored("web-tls"), "the Secret is back", seconds=20)
    assert second.is_pair
    assert second.leaf.serial != first.leaf.serial
    assert shop.ready("Issuer", "forgetful")["status"]["acme"]["uri"] != account


def test_an_issuance_survives_the_api_server(shop: Shop, cluster: Cluster) -> None:
    """The API server dies in the middle of an issuance and comes back."""
    issuer, host = shop.issuer(), shop.host()
    shop.ingress("web", host, annotations={ISSUER: issuer})
    eventually(lambda: shop.all("CertificateRequest"), "the issuance has begun")

    cluster.kill_apiserver()
    time.sleep(0.5)
    cluster.restart_apiserver()

    assert shop.issued("web-tls").is_pair
    assert len(shop.all("Order")) == 1


def test_a_renewal_brings_a_new_key_without_a_gap(
    shop: Shop, cluster: Cluster, product: Product, tmp_path: Path
) -> None:
    """At half of a short lifetime; the proxy serves a verifying certificate at every look in between."""
    brief = cluster.pebble("brief", PebbleSettings(profiles={"brief": 32}))
    issuer = product.issuer("brief", shop.namespace, ca=brief)
    issuer["spec"]["acme"]["renewalInformationSource"] = "None"  # Pebble suggests any moment of so short a life
    shop.apply(issuer)
    shop.ready("Issuer", "brief")
    host = shop.host()
    roots = tmp_path / "roots.pem"
    roots.write_bytes(brief.root())
    shop.ingress("web", host, annotations={ISSUER: "brief"})
    first = shop.issued("web-tls")
    due = first.leaf.not_before.timestamp() + 16

    def is_served() -> bool:
        try:
            return bool(served_certificate(cluster, host, roots))
        except ssl.SSLError:
            return False

    eventually(is_served, "the first is served")
    looks = 0
    while (second := shop.stored("web-tls")) is not None and second.leaf.serial == first.leaf.serial:
        assert is_served(), "the old certificate is served until the new one is there"
        assert time.time() < due + 10, "the renewal is overdue"
        looks += 1
        time.sleep(0.2)

    assert second is not None
    assert looks > 10
    assert second.is_pair
    assert second.key != first.key
    assert time.time() >= due - 1, "not before half of the lifetime"
    assert eventually(is_served, "the second is served", 3)
    assert eventually(lambda: shop.ready("Certificate", "web-tls")["status"]["revision"] == 2, "revision 2")
