"""Certificates from CAs that are difficult: each ends Ready, or in the right class with the right sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from certs.pki.x509 import read_chain
from tests.cluster import Cluster, PebbleSettings
from tests.cluster.ca import Pebble
from tests.system.shop import Shop, eventually

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
ISSUER = "cert-manager.io/issuer"
TOLD_WITHIN = 5.0  # seconds from the Certificate to its sentence; it takes a tenth of one on an idle machine


@pytest.fixture
def start(cluster: Cluster) -> Iterator[Callable[[str, PebbleSettings], Pebble]]:
    """Return a starter of CAs that are stopped at the end of the test."""
    started: list[Pebble] = []

    def begin(name: str, settings: PebbleSettings) -> Pebble:
        started.append(cluster.pebble(name, settings))
        return started[-1]

    yield begin
    for pebble in started:
        cluster.stop_pebble(pebble)


def use(shop: Shop, ca: Pebble, **acme: object) -> None:
    """Apply an Issuer for the CA, with more fields of `spec.acme`, and wait until it is ready."""
    issuer = shop.product.issuer("difficult", shop.namespace, ca=ca)
    issuer["spec"]["acme"] |= acme
    shop.apply(issuer)
    shop.ready("Issuer", "difficult")


@pytest.mark.parametrize(
    "settings",
    [
        PebbleSettings(nonce_reject_percent=90),
        PebbleSettings(sleep_seconds=5, retry_after_authz=3, retry_after_order=5),  # Pebble's own defaults
        PebbleSettings(chain_length=3),
        PebbleSettings(key_algorithm="rsa"),
    ],
    ids=["rejects-nonces", "sleeps", "long-chain", "rsa"],
)
def test_a_difficult_ca_issues(
    shop: Shop,
    start: Callable[[str, PebbleSettings], Pebble],
    request: pytest.FixtureRequest,
    settings: PebbleSettings,
) -> None:
    use(shop, start(f"faults-{request.node.callspec.id}", settings))

    shop.ingress("web", shop.host(), annotations={ISSUER: "difficult"})

    assert shop.issued("web-tls", 60).is_pair


def test_what_was_proven_before_is_not_proven_again(shop: Shop, start: Callable[[str, PebbleSettings], Pebble]) -> None:
    """A CA that hands out valid authorizations needs no Challenge."""
    use(shop, start("faults-reuse", PebbleSettings(authz_reuse_percent=100)))
    host = shop.host()
    shop.ingress("web", host, annotations={ISSUER: "difficult"})
    first = shop.issued("web-tls")

    shop.ingress("again", host, annotations={ISSUER: "difficult"}, tls=[{"hosts": [host], "secretName": "again-tls"}])

    assert shop.issued("again-tls").leaf.serial != first.leaf.serial
    created = [message for reason, message in shop.events("Order") if reason == "Created"]
    assert len(created) == 1


def test_the_preferred_chain_is_stored(shop: Shop, start: Callable[[str, PebbleSettings], Pebble]) -> None:
    """Of three that the CA offers, the one that ends at the root of the name in the issuer."""
    ca = start("faults-alternates", PebbleSettings(alternate_roots=2))
    wanted = read_chain(ca.root(2))[0].issuer_common_name
    use(shop, ca, preferredChain=wanted)

    shop.ingress("web", shop.host(), annotations={ISSUER: "difficult"})

    assert read_chain(shop.issued("web-tls").chain)[-1].issuer_common_name == wanted


def test_a_profile_that_is_offered_is_asked_for(shop: Shop, start: Callable[[str, PebbleSettings], Pebble]) -> None:
    use(shop, start("faults-profiles", PebbleSettings(profiles={"long": 7_776_000, "week": 604_800})), profile="week")

    shop.ingress("web", shop.host(), annotations={ISSUER: "difficult"})

    leaf = shop.issued("web-tls").leaf
    assert (leaf.not_after - leaf.not_before).total_seconds() <= 604_800


def test_a_profile_that_is_not_offered_is_refused_before_the_order(
    shop: Shop, start: Callable[[str, PebbleSettings], Pebble]
) -> None:
    """The sentence names what there is and where to change it; the CA never hears of it."""
    use(shop, start("faults-no-profile", PebbleSettings(profiles={"long": 7_776_000})), profile="tls")

    shop.ingress("web", shop.host(), annotations={ISSUER: "difficult"})

    def failed() -> list[dict[str, str]]:
        return [one["status"] for one in shop.all("Order") if one.get("status", {}).get("state") == "errored"]

    status = eventually(failed, "the Order has failed")[0]
    assert status["reason"] == (
        'cannot order with the profile "tls": the CA does not offer it (it offers long); '
        'change spec.acme.profile of Issuer "difficult"'
    )
    assert "url" not in status


def test_an_order_without_a_solver_waits_for_its_issuer(shop: Shop, cluster: Cluster) -> None:
    """The Certificate says which host and what was tried, and goes on the moment a solver fits, without a back-off."""
    issuer = shop.product.issuer("difficult", shop.namespace, ca=cluster.ca)
    fitting = list(issuer["spec"]["acme"]["solvers"])
    issuer["spec"]["acme"]["solvers"] = [{**fitting[0], "selector": {"dnsNames": ["other.example.test"]}}]
    shop.apply(issuer)
    shop.ready("Issuer", "difficult")
    host = shop.host()
    spec = {"secretName": "web-tls", "dnsNames": [host], "issuerRef": {"name": "difficult"}}
    shop.apply(
        {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "web-tls"}, "spec": spec}
    )

    def told() -> bool:
        message = shop.condition("Certificate", "web-tls", "Issuing").get("message", "")
        return (
            f"no configured challenge solvers can be used for {host}: solvers[0] (http-01) is for dnsNames" in message
        )

    eventually(told, "the Certificate tells its reader", TOLD_WITHIN)
    (waiting,) = shop.all("Order")
    issuer["spec"]["acme"]["solvers"] = fitting
    shop.apply(issuer)

    assert shop.issued("web-tls").is_pair
    assert [one["metadata"]["uid"] for one in shop.all("Order")] == [waiting["metadata"]["uid"]]
