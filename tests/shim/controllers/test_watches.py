from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from certs.api.certificate import JKSKeystore, Keystores
from certs.api.core import Secret, SecretMetadata
from certs.api.ingress import Ingress, IngressSpec, IngressTLS
from certs.api.issuer import (
    RFC2136,
    ACMESolver,
    CAIssuer,
    ClusterIssuer,
    DigitalOcean,
    DNS01Solver,
    DNS01Webhook,
    HTTP01GatewayHTTPRoute,
    HTTP01Ingress,
    HTTP01Solver,
    Issuer,
    IssuerSpec,
)
from certs.api.meta import IssuerReference, KubeObject, ObjectMeta, SecretKeySelector, owner_reference
from certs.decide.policies import PRIVATE_KEY_SECRET
from shim.controllers.watches import Watches
from shim.engine.queue import WorkQueue
from shim.engine.reconciler import Key
from shim.stores import OURS, Stores
from tests.certs.decide.objects import HOST, certificate, challenge, issuer, next_key, order, request, secret
from tests.shim.conftest import Put

INGRESS = Ingress(
    metadata=ObjectMeta(name="shop", namespace="web", uid="uid-ingress"),
    spec=IngressSpec(tls=(IngressTLS((HOST,), "shop"),)),
)
CLUSTER = ClusterIssuer(metadata=ObjectMeta(name="le"), spec=issuer().spec)
CHALLENGE = Key("challenges", "web", f"shop-1-1234-{HOST}")
CERTIFICATE = Key("certificates", "web", "shop")
REQUEST = Key("certificaterequests", "web", "shop-1")
ORDER = Key("orders", "web", "shop-1-1234")
ISSUER = Key("issuers", "web", "letsencrypt")
ROUTES = Key("routes", "web", "shop")
SHIM = Key("ingress-shim", "web", "shop")
CLUSTER_ISSUER = Key("clusterissuers", "", "le")

Woken = Callable[[], set[Key]]


@pytest.fixture
def queue() -> WorkQueue:
    return WorkQueue()


@pytest.fixture
def woken(queue: WorkQueue) -> Woken:
    """Return which keys have been woken since the last look."""

    def look() -> set[Key]:
        keys = set()
        while picked := queue.take():
            keys.add(picked.key)
            queue.done(picked.key)
        return keys

    return look


@pytest.fixture
def watches(stores: Stores, queue: WorkQueue) -> Watches:
    return Watches(stores, queue, "certs")


@pytest.fixture
def everything(put: Put, watches: Watches, woken: Woken) -> None:
    """One object of each kind, all of them seen."""
    cert = certificate()
    cert = msgspec.structs.replace(
        cert, metadata=msgspec.structs.replace(cert.metadata, owner_references=(owner_reference(INGRESS),))
    )
    for obj in (INGRESS, cert, request(cert), order(), challenge(), issuer(), CLUSTER):
        put(obj)
    watches.start()
    woken()


def test_what_is_there_at_the_start_wakes_its_keys(put: Put, watches: Watches, woken: Woken) -> None:
    """A new leader looks at everything once."""
    for obj in (INGRESS, certificate(), request(), order(), challenge(), issuer(), CLUSTER):
        put(obj)

    watches.start()

    assert woken() == {SHIM, CERTIFICATE, ROUTES, REQUEST, ORDER, CHALLENGE, ISSUER, CLUSTER_ISSUER}


def touched(obj: KubeObject) -> KubeObject:
    """Return the object with a change that can be seen."""
    metadata = msgspec.structs.replace(obj.metadata, labels={"touched": "yes"} | obj.metadata.labels)
    return msgspec.structs.replace(obj, metadata=metadata)  # type: ignore[type-var] # every kind is a struct


OWNED = msgspec.structs.replace(
    certificate(),
    metadata=msgspec.structs.replace(certificate().metadata, owner_references=(owner_reference(INGRESS),)),
)


@pytest.mark.parametrize(
    ("change", "keys"),
    [
        pytest.param(touched(INGRESS), {SHIM}, id="Ingress"),
        pytest.param(touched(OWNED), {CERTIFICATE, ROUTES, SHIM}, id="Certificate"),
        pytest.param(touched(request()), {REQUEST, CERTIFICATE}, id="CertificateRequest"),
        pytest.param(touched(order()), {ORDER, REQUEST}, id="Order"),
        pytest.param(touched(challenge()), {CHALLENGE, ORDER}, id="Challenge"),
        pytest.param(touched(issuer()), {ISSUER, REQUEST, ORDER, CHALLENGE}, id="Issuer and who waits for it"),
        pytest.param(touched(CLUSTER), {CLUSTER_ISSUER}, id="ClusterIssuer nobody waits for"),
        pytest.param(secret(labels=OURS), {CERTIFICATE}, id="Secret of a Certificate"),
        pytest.param(secret("other", labels=OURS), set(), id="Secret of nobody"),
        pytest.param(secret("account", labels=OURS), {ISSUER}, id="Secret of an account"),
        pytest.param(
            next_key(certificate(), "shop-next"), set(), id="next key without our label is left to its metadata"
        ),
        pytest.param(SecretMetadata(next_key(certificate(), "shop-next").metadata), {CERTIFICATE}, id="next key"),
        pytest.param(SecretMetadata(ObjectMeta(name="shop-tls", namespace="web")), {CERTIFICATE}, id="foreign Secret"),
        pytest.param(
            SecretMetadata(ObjectMeta(name="account", namespace="certs")),
            {CLUSTER_ISSUER},
            id="Secret of a ClusterIssuer",
        ),
        pytest.param(SecretMetadata(ObjectMeta(name="account", namespace="x")), set(), id="its name elsewhere"),
    ],
)
@pytest.mark.usefixtures("everything")
def test_a_change_wakes(stores: Stores, woken: Woken, change: KubeObject, keys: set[Key]) -> None:
    """The object's own key, its owner's, and those that waited for it."""
    fresh = msgspec.structs.replace(change.metadata, resource_version="1000000")
    change = msgspec.structs.replace(change, metadata=fresh)  # type: ignore[type-var] # every kind is a struct
    offer(stores, change)

    assert woken() == keys


def offer(stores: Stores, obj: KubeObject) -> None:
    """Put an object into the store of its kind, as a watch does that selects by labels."""
    if isinstance(obj, Secret) and not obj.metadata.labels.items() >= OURS.items():
        return
    by_kind = {
        "Ingress": stores.ingresses,
        "Certificate": stores.certificates,
        "CertificateRequest": stores.requests,
        "Order": stores.orders,
        "Challenge": stores.challenges,
        "Issuer": stores.issuers,
        "ClusterIssuer": stores.cluster_issuers,
    }
    if isinstance(obj, SecretMetadata):
        stores.secret_metadata.offer(obj)
    elif isinstance(obj, Secret):
        stores.secrets.offer(obj)
    else:
        by_kind[obj.resource.kind].offer(obj)  # type: ignore[attr-defined] # the stores differ by kind


@pytest.mark.usefixtures("everything")
def test_a_deletion_wakes_too(stores: Stores, woken: Woken) -> None:
    """Who deletes a Certificate gets it again; who deletes a Challenge has its Order go on."""
    cert = stores.certificates.get("web", "shop")
    gone = stores.challenges.get("web", CHALLENGE.name)
    assert cert is not None
    assert gone is not None

    stores.certificates.forget("web", "shop", uid=cert.metadata.uid)
    assert woken() == {CERTIFICATE, ROUTES, SHIM}
    stores.challenges.forget("web", CHALLENGE.name, uid=gone.metadata.uid)
    assert woken() == {CHALLENGE, ORDER}


def test_a_certificate_that_makes_room_wakes_who_waits_for_it(put: Put, watches: Watches, woken: Woken) -> None:
    """Both wanted one Secret; the other one is next."""
    put(certificate())
    put(certificate("blog"))
    watches.start()
    woken()

    put(certificate("blog", secret_name="blog-tls"))

    assert woken() == {CERTIFICATE, Key("certificates", "web", "blog"), Key("routes", "web", "blog")}


def test_a_named_ingress_wakes_the_challenges_that_are_led_through_it(
    put: Put, watches: Watches, stores: Stores, woken: Woken
) -> None:
    """Whoever creates it, or mends it, need do nothing else."""
    put(challenge(solver=ACMESolver(http01=HTTP01Solver(ingress=HTTP01Ingress(name="shop")))))
    put(challenge("b.test", solver=ACMESolver(http01=HTTP01Solver(ingress=HTTP01Ingress(name="other")))))
    watches.start()
    woken()

    put(INGRESS)

    assert woken() == {SHIM, CHALLENGE}


def test_the_arrival_of_the_gateway_api_wakes_who_needs_it(
    put: Put, watches: Watches, stores: Stores, woken: Woken
) -> None:
    """Only those, and only when it was not there before."""
    put(challenge(solver=ACMESolver(http01=HTTP01Solver(gateway_http_route=HTTP01GatewayHTTPRoute()))))
    put(challenge("b.test"))
    watches.start()
    woken()

    stores.gateway_api.find()
    assert woken() == set()
    stores.gateway_api.miss("404")
    stores.gateway_api.find()

    assert woken() == {CHALLENGE}


def test_a_cluster_issuer_wakes_its_orders_in_all_namespaces(put: Put, watches: Watches, woken: Woken) -> None:
    """And not those of an Issuer of the same name."""
    ref = IssuerReference("le", "ClusterIssuer")
    here = challenge(issuer_ref=ref)
    there = msgspec.structs.replace(here, metadata=msgspec.structs.replace(here.metadata, namespace="other"))
    for obj in (CLUSTER, here, there, challenge("b.test", issuer_ref=IssuerReference("le"))):
        put(obj)
    watches.start()
    woken()

    put(touched(CLUSTER))

    assert woken() == {CLUSTER_ISSUER, CHALLENGE, Key("challenges", "other", CHALLENGE.name)}


def of_ca(one: Issuer | ClusterIssuer) -> KubeObject:
    """Return the issuer as one with a CA in a Secret."""
    return msgspec.structs.replace(one, spec=IssuerSpec(ca=CAIssuer("ca")))


def test_the_secret_of_a_ca_wakes_its_issuer_and_all_that_it_signs(put: Put, watches: Watches, woken: Woken) -> None:
    """Ours or somebody else's; where it is decides whose it is."""
    for obj in (of_ca(issuer()), of_ca(CLUSTER), request()):
        put(obj)
    watches.start()
    woken()

    put(SecretMetadata(ObjectMeta(name="ca", namespace="web")))
    assert woken() == {ISSUER, REQUEST}
    put(secret("ca", labels=OURS))
    assert woken() == {ISSUER, REQUEST}
    put(SecretMetadata(ObjectMeta(name="ca", namespace="certs")))
    assert woken() == {CLUSTER_ISSUER}


def test_the_key_of_a_self_signed_certificate_wakes_its_request(put: Put, watches: Watches, woken: Woken) -> None:
    one = request()
    annotations = {PRIVATE_KEY_SECRET: "own-key"}
    put(msgspec.structs.replace(one, metadata=msgspec.structs.replace(one.metadata, annotations=annotations)))
    watches.start()
    woken()

    put(SecretMetadata(ObjectMeta(name="own-key", namespace="web")))
    assert woken() == {REQUEST}
    put(SecretMetadata(ObjectMeta(name="own-key", namespace="other")))
    assert woken() == set()


def test_the_secret_of_a_password_wakes_who_needs_it(put: Put, stores: Stores, watches: Watches, woken: Woken) -> None:
    """Only where the keystore is made; such a Secret has no label of ours."""
    ref = SecretKeySelector("keystore-password", "password")
    put(certificate(keystores=Keystores(jks=JKSKeystore(create=True, password_secret_ref=ref))))
    put(
        certificate(
            "off", secret_name="off", keystores=Keystores(jks=JKSKeystore(create=False, password_secret_ref=ref))
        )
    )
    watches.start()
    woken()

    offer(stores, SecretMetadata(metadata=ObjectMeta(name="keystore-password", namespace="web", resource_version="9")))

    assert woken() == {CERTIFICATE}


def over_dns(solver: DNS01Solver, of: Issuer | ClusterIssuer) -> Issuer | ClusterIssuer:
    acme = of.spec.acme
    assert acme is not None
    solved = msgspec.structs.replace(acme, solvers=(ACMESolver(dns01=solver),))
    return msgspec.structs.replace(of, spec=msgspec.structs.replace(of.spec, acme=solved))


CREDENTIALS = SecretKeySelector("credentials", "key")


@pytest.mark.parametrize(
    "solver",
    [
        pytest.param(DNS01Solver(rfc2136=RFC2136("192.0.2.53", tsig_secret_secret_ref=CREDENTIALS)), id="rfc2136"),
        pytest.param(DNS01Solver(digitalocean=DigitalOcean(CREDENTIALS)), id="a vendor's"),
        pytest.param(
            DNS01Solver(webhook=DNS01Webhook("g", "s", {"a": [{"keySecretRef": {"name": "credentials"}}]})),
            id="in a webhook's configuration",
        ),
    ],
)
def test_the_secret_of_dns_credentials_wakes_the_challenges(
    put: Put, watches: Watches, woken: Woken, solver: DNS01Solver
) -> None:
    """Whoever mends a key need not wait; a ClusterIssuer's stand in another namespace."""
    there = challenge("b.test", issuer_ref=IssuerReference("le", "ClusterIssuer"))
    for obj in (challenge(), there, over_dns(solver, issuer()), over_dns(solver, CLUSTER)):
        put(obj)
    watches.start()
    woken()

    put(secret("credentials", labels=OURS))
    assert woken() == {CHALLENGE}

    elsewhere = secret("credentials", labels=OURS)
    put(msgspec.structs.replace(elsewhere, metadata=msgspec.structs.replace(elsewhere.metadata, namespace="certs")))
    assert woken() == {Key("challenges", "web", "shop-1-1234-b.test")}


@pytest.mark.parametrize(
    ("version", "uid", "keys"),
    [
        pytest.param("9", "uid-1", set(), id="known as a whole, and told from there"),
        pytest.param("8", "uid-1", set(), id="older than what is known"),
        pytest.param("10", "uid-1", {CERTIFICATE}, id="newer"),
        pytest.param("9", "uid-2", {CERTIFICATE}, id="another of that name"),
    ],
)
@pytest.mark.usefixtures("everything")
def test_metadata_of_what_is_known_as_a_whole_is_no_news(
    stores: Stores, woken: Woken, version: str, uid: str, keys: set[Key]
) -> None:
    """Both watches bring each change of a Secret of ours; the second to bring it wakes nobody."""
    whole = secret(labels=OURS)
    known = msgspec.structs.replace(whole.metadata, uid="uid-1", resource_version="9")
    offer(stores, msgspec.structs.replace(whole, metadata=known))
    assert woken() == {CERTIFICATE}

    offer(stores, SecretMetadata(ObjectMeta(name="shop-tls", namespace="web", uid=uid, resource_version=version)))

    assert woken() == keys


@pytest.mark.usefixtures("everything")
def test_the_end_of_a_secret_is_told_whoever_brings_it(stores: Stores, woken: Woken) -> None:
    """Also while the watch of the whole still has it."""
    whole = secret(labels=OURS)
    known = msgspec.structs.replace(whole.metadata, uid="uid-1", resource_version="9")
    offer(stores, msgspec.structs.replace(whole, metadata=known))
    offer(stores, SecretMetadata(ObjectMeta(name="shop-tls", namespace="web", uid="uid-1", resource_version="9")))
    woken()

    stores.secret_metadata.forget("web", "shop-tls", uid="uid-1")

    assert woken() == {CERTIFICATE}
