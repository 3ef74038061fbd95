"""What is asked of the CA, and in whose name: profiles, addresses, lifetimes, external accounts, annotations."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster import Cluster, PebbleSettings
from tests.cluster.ca import DAY, Pebble
from tests.cluster.ports import has_ipv6
from tests.cluster.router import GATEWAY
from tests.system import gateway
from tests.system.shop import Shop, eventually

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
ISSUER = "cert-manager.io/issuer"
PROFILE = "acme.certshim.io/profile"
OVERRIDE = "acme.cert-manager.io/http01-override-ingress"
PROFILES = {"classic": 90 * DAY, "week": 7 * DAY, "shortlived": 6 * DAY}


@pytest.fixture(scope="module")
def profiled(cluster: Cluster) -> Iterator[Pebble]:
    """A CA with three profiles, which are told apart by how long they last."""
    pebble = cluster.pebble("identity-profiles", PebbleSettings(profiles=PROFILES))
    yield pebble
    cluster.stop_pebble(pebble)


def use(shop: Shop, ca: Pebble, name: str = "pebble", **acme: object) -> dict[str, Any]:
    """Apply an Issuer for the CA, with more fields of `spec.acme`, wait until it is ready, and return it."""
    issuer = shop.product.issuer(name, shop.namespace, ca=ca)
    issuer["spec"]["acme"] |= {"renewalInformationSource": "None", **acme}
    shop.apply(issuer)
    shop.ready("Issuer", name)
    return issuer


def ask(shop: Shop, annotations: dict[str, str] | None = None, name: str = "web-tls", **spec: object) -> None:
    """Apply a Certificate of the issuer."""
    whole = {"secretName": name, "issuerRef": {"name": "pebble"}, **spec}
    metadata = {"name": name, "annotations": annotations or {}}
    shop.apply({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": metadata, "spec": whole})


def days(shop: Shop, name: str = "web-tls") -> int:
    """Return how many days the stored certificate lasts."""
    leaf = shop.issued(name).leaf
    return round((leaf.not_after - leaf.not_before).total_seconds() / DAY)


# --- profiles ----------------------------------------------------------------------------------------------------


def test_an_annotation_chooses_the_profile(shop: Shop, profiled: Pebble) -> None:
    """It wins over the issuer's, a change of it brings another certificate, and without it the issuer's holds."""
    use(shop, profiled, profile="classic")
    host = shop.host()
    shop.ingress("web", host, annotations={ISSUER: "pebble", PROFILE: "week"})
    assert days(shop) == 7

    shop.ingress("web", host, annotations={ISSUER: "pebble", PROFILE: "shortlived"})
    eventually(lambda: days(shop) == 6, "the profile of the new annotation")
    reasons = [message for reason, message in shop.events("Certificate") if reason == "Issuing"]
    assert any(f"[metadata.annotations[{PROFILE}]]" in message for message in reasons)

    shop.ingress("web", host, annotations={ISSUER: "pebble"})
    eventually(lambda: days(shop) == 90, "the profile of the issuer")


def test_a_profile_that_the_developer_mistook_is_mended_by_the_developer(shop: Shop, profiled: Pebble) -> None:
    """The Certificate names the annotation and what there is; a right one is used at once, not after a day."""
    use(shop, profiled)
    host = shop.host()
    shop.ingress("web", host, annotations={ISSUER: "pebble", PROFILE: "weak"})

    def message() -> str:
        return str(shop.condition("Certificate", "web-tls", "Issuing").get("message", ""))

    eventually(lambda: f"(it offers classic, shortlived, week); change the annotation {PROFILE}" in message(), "told")
    assert all("url" not in one.get("status", {}) for one in shop.all("Order"))

    shop.ingress("web", host, annotations={ISSUER: "pebble", PROFILE: "week"})

    assert days(shop) == 7


def test_a_mended_issuer_ends_the_pause_after_a_refusal(shop: Shop, profiled: Pebble) -> None:
    """A profile that is not offered waits for a day, unless the issuer gets another one."""
    issuer = use(shop, profiled, profile="gone")
    shop.ingress("web", shop.host(), annotations={ISSUER: "pebble"})
    eventually(lambda: shop.condition("Certificate", "web-tls", "Issuing").get("status") == "False", "it has failed")

    issuer["spec"]["acme"]["profile"] = "week"
    shop.apply(issuer)

    assert days(shop) == 7


# --- IP addresses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        pytest.param("::1", marks=pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")),
    ],
    ids=["IPv4", "IPv6"],
)
def test_an_address_is_certified(shop: Shop, profiled: Pebble, address: str) -> None:
    """Proven over HTTP at the address itself (RFC 8738 §4), and with the profile that takes addresses."""
    use(shop, profiled)

    ask(shop, ipAddresses=[address])

    assert days(shop) == 6
    stored = shop.stored("web-tls")
    assert stored is not None
    assert stored.is_pair
    assert [ipaddress.ip_address(one) for one in stored.leaf.ip_addresses] == [ipaddress.ip_address(address)]
    chosen = 'Ordering with the profile "shortlived", since the names are IP addresses'
    assert ("ProfileChosen", chosen) in shop.events("Order")


def test_an_address_beside_a_name(shop: Shop, profiled: Pebble) -> None:
    """One order, one certificate; the issuer's word about the profile counts."""
    use(shop, profiled, profile="week")
    host = shop.host()

    ask(shop, dnsNames=[host], ipAddresses=["127.0.0.1"])

    assert days(shop) == 7
    stored = shop.stored("web-tls")
    assert stored is not None
    assert (tuple(stored.leaf.dns_names), len(stored.leaf.ip_addresses)) == ((host,), 1)


def test_addresses_and_solvers_over_dns(shop: Shop, profiled: Pebble) -> None:
    """RFC 8738 §4 has none for addresses: the Certificate says so."""
    issuer = shop.product.issuer("pebble", shop.namespace, ca=profiled)
    issuer["spec"]["acme"]["solvers"] = [{"dns01": {"rfc2136": {"nameserver": "127.0.0.1:9"}}}]
    shop.apply(issuer)
    shop.ready("Issuer", "pebble")

    ask(shop, ipAddresses=["127.0.0.1"])

    def told() -> bool:
        message = shop.condition("Certificate", "web-tls", "Issuing").get("message", "")
        return "for 127.0.0.1: solvers[0] (dns-01) cannot prove an IP address; the CA offers http-01" in message

    eventually(told, "the Certificate tells its reader")


# --- lifetime ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("enabled", "lifetime"), [(True, 2), (False, 90)], ids=["enabled", "by default"])
def test_the_lifetime_is_asked_for_where_the_issuer_lets_it(
    shop: Shop,
    cluster: Cluster,
    enabled: bool,  # noqa: FBT001  a case's value
    lifetime: int,
) -> None:
    """`notAfter` of RFC 8555 §7.1.3; many CAs refuse orders that name one."""
    use(shop, cluster.ca, enableDurationFeature=enabled)

    ask(shop, dnsNames=[shop.host()], duration="48h")

    assert days(shop) == lifetime


# --- external accounts -------------------------------------------------------------------------------------------

# As long as each hash and longer; RFC 7518 §3.2 wants no shorter ones.
KEYS = {
    f"kid-{size}": base64.urlsafe_b64encode(bytes(range(255, 255 - size, -1))).decode().rstrip("=")
    for size in (32, 48, 64, 65)
}


@pytest.fixture(scope="module")
def bound(cluster: Cluster) -> Iterator[Pebble]:
    """A CA that registers only those whom it knows."""
    settings = PebbleSettings(external_account_required=True, external_account_keys=KEYS)
    pebble = cluster.pebble("identity-bound", settings)
    yield pebble
    cluster.stop_pebble(pebble)


def binding(key_id: str, algorithm: str | None = None) -> dict[str, Any]:
    """Return how an issuer names its external account."""
    said = {"keyAlgorithm": algorithm} if algorithm else {}
    return {"keyID": key_id, "keySecretRef": {"name": "eab", "key": "hmac"}, **said}


def give(shop: Shop, text: str) -> None:
    """Put a MAC key into the Secret."""
    data = {"hmac": base64.b64encode(text.encode()).decode()}
    shop.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "eab"}, "type": "Opaque", "data": data})


@pytest.mark.parametrize(
    ("key_id", "algorithm", "written"),
    [
        pytest.param("kid-32", None, KEYS["kid-32"], id="by default, unpadded"),
        pytest.param("kid-32", "HS256", KEYS["kid-32"] + "=", id="HS256, padded"),
        pytest.param("kid-48", "HS384", KEYS["kid-48"] + "\n", id="HS384, with a line's end"),
        pytest.param("kid-64", "HS512", KEYS["kid-64"] + "==", id="HS512, padded"),
        pytest.param("kid-65", "HS512", KEYS["kid-65"].replace("_", "/").replace("-", "+"), id="HS512, plain base64"),
    ],
)
def test_an_external_account_is_bound(
    shop: Shop, bound: Pebble, key_id: str, algorithm: str | None, written: str
) -> None:
    """By each algorithm of RFC 7518 §3.2, with the key as people paste it."""
    give(shop, written)
    use(shop, bound, externalAccountBinding=binding(key_id, algorithm))

    ask(shop, dnsNames=[shop.host()])

    assert shop.issued("web-tls").is_pair


def test_a_missing_or_wrong_external_key_is_waited_for(shop: Shop, bound: Pebble) -> None:
    """Each mistake has its sentence; the issuer goes on the moment that the Secret is right."""
    issuer = shop.product.issuer("pebble", shop.namespace, ca=bound)
    issuer["spec"]["acme"]["externalAccountBinding"] = binding("kid-32")
    shop.apply(issuer)

    def says(text: str) -> None:
        eventually(lambda: text in shop.condition("Issuer", "pebble").get("message", ""), text)

    says('Secret "eab" with key "hmac" of the external account binding does not exist')
    give(shop, "not base64url!")
    says("it is not base64url")
    give(shop, KEYS["kid-48"])
    says("external account binding JWS verification error")
    give(shop, KEYS["kid-32"])
    shop.ready("Issuer", "pebble")


def test_a_binding_that_is_missing_is_told(shop: Shop, bound: Pebble) -> None:
    issuer = shop.product.issuer("pebble", shop.namespace, ca=bound)
    shop.apply(issuer)

    def told() -> bool:
        return "set spec.acme.externalAccountBinding" in shop.condition("Issuer", "pebble").get("message", "")

    eventually(told, "what the CA wants")


# --- annotations of the solver -----------------------------------------------------------------------------------


def routes(shop: Shop) -> list[dict[str, Any]]:
    """Return the Ingresses that lead challenges to the responder."""
    label = "acme.cert-manager.io/http01-solver"
    return [one for one in shop.all("Ingress") if label in one["metadata"].get("labels", {})]


def test_an_ingress_bends_the_solver_to_its_own_class(shop: Shop, cluster: Cluster) -> None:
    """The issuer's solver leads nowhere here; the annotation of the Ingress says where."""
    issuer = use(shop, cluster.ca)
    issuer["spec"]["acme"]["solvers"] = [{"http01": {"ingress": {"ingressClassName": "of-nobody"}}}]
    shop.apply(issuer)
    annotations = {ISSUER: "pebble", "acme.cert-manager.io/http01-ingress-ingressclassname": cluster.ingress_class}

    shop.ingress("web", shop.host(), annotations=annotations)

    assert shop.issued("web-tls").is_pair
    (route,) = routes(shop)
    assert route["spec"]["ingressClassName"] == cluster.ingress_class


def test_an_ingress_is_edited_in_place(shop: Shop, cluster: Cluster) -> None:
    """Whatever the issuer's solver says: the path goes into this Ingress for as long as it is needed."""
    use(shop, cluster.ca)
    host = shop.host()
    cluster.names.set("set-servfail", host=f"{host}.")

    shop.ingress("web", host, annotations={ISSUER: "pebble", "acme.cert-manager.io/http01-edit-in-place": "true"})

    def paths() -> list[str]:
        (rule,) = (shop.get("Ingress", "web") or {})["spec"]["rules"]
        return [path["path"] for path in rule["http"]["paths"]]

    eventually(lambda: paths() == ["/.well-known/acme-challenge/", "/"], "the path is in")
    assert routes(shop) == []
    cluster.names.set("clear-servfail", host=f"{host}.")
    assert shop.issued("web-tls").is_pair
    eventually(lambda: paths() == ["/"], "the path is gone again")


def test_a_certificate_names_the_gateway_of_its_route(shop: Shop, cluster: Cluster) -> None:
    """In the place of those of the issuer."""
    issuer = use(shop, cluster.ca)
    nowhere = {"parentRefs": [{"name": "nowhere", "namespace": "nowhere"}]}
    issuer["spec"]["acme"]["solvers"] = [{"http01": {"gatewayHTTPRoute": nowhere}}]
    shop.apply(issuer)
    parent = "acme.cert-manager.io/http01-parentref"
    annotations = {f"{parent}name": GATEWAY, f"{parent}kind": "Gateway", f"{parent}namespace": "edge"}

    with gateway.installed(cluster):
        ask(shop, annotations, dnsNames=[shop.host()])

        assert shop.issued("web-tls").is_pair


def test_contradicting_overrides_wait_for_the_developer(shop: Shop, cluster: Cluster) -> None:
    """The Certificate says which exclude each other; without one of them it goes on at once."""
    use(shop, cluster.ca)
    host, right = shop.host(), {f"{OVERRIDE}-ingressclassname": cluster.ingress_class}
    ask(shop, {**right, f"{OVERRIDE}-class": "of-nobody"}, dnsNames=[host])

    def told() -> bool:
        message = shop.condition("Certificate", "web-tls", "Issuing").get("message", "")
        return "may not specify more than one of: name, class, ingressClassName override annotations" in message

    eventually(told, "the Certificate tells its reader")

    ask(shop, right, dnsNames=[host])

    assert shop.issued("web-tls").is_pair
