"""The shim meets what cert-manager leaves: what is done stays as it is, what is under way goes on at the CA.

The objects are those of `leavings`, with an ACME account that another client has registered, and whose requests to the
CA are counted on their way.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from certs.api.certificate import CertificateSpec, KeyAlgorithm, Keystores
from certs.api.core import Event, ObjectReference
from certs.api.meta import IssuerReference
from certs.pki.authority import read_authority
from certs.pki.csr import build_csr
from certs.pki.keys import encode_key
from certs.pki.keystore import RANDOM, created, make_keystores, output_formats, read_material
from certs.pki.signing import Wanted, sign_by, sign_by_itself
from shim.keys import generate_key
from tests.cluster import Cluster, PebbleSettings
from tests.cluster.audit import AuditEvent, AuditObject, Mark
from tests.cluster.interposer import Interposer
from tests.product import NAMESPACE, Product
from tests.system.acmeaccount import Account, Issued, authorizations, csr_of, placed
from tests.system.external import encoded
from tests.system.leavings import CLUSTER_ISSUER, EMAIL, REF, CertManager, owner
from tests.system.shop import PATHS, Shop, eventually
from tests.system.test_ca import issuer as issuer_of

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

SHIM: Final = f"system:serviceaccount:{NAMESPACE}:certshim-shim"
QUIET: Final = 6.0  # seconds in which a shim that wants to change something would have; it takes a tenth of one
# Seconds; the garbage collector takes its time with owners whose kind is new to it.
PATIENCE: Final = 75.0
WRITES: Final = frozenset(("create", "update", "patch", "delete"))
KINDS: Final = ("Certificate", "CertificateRequest", "Order", "Secret", "Ingress", "Issuer")
ACCOUNT: Final = f"{REF['name']}-account"
ECDSA: Final = {"algorithm": "ECDSA", "rotationPolicy": "Always"}


@pytest.fixture
def ca(cluster: Cluster, tmp_path: Path) -> Iterator[Interposer]:
    """A CA whose requests are counted; it refuses no nonces, so that each is one."""
    pebble = cluster.pebble(f"pebble-{secrets.token_hex(4)}", PebbleSettings(nonce_reject_percent=0))
    with Interposer(pebble, cluster.ports.free(), tmp_path) as interposer:
        yield interposer
    cluster.stop_pebble(pebble)


@pytest.fixture
def left(product: Product, cluster: Cluster, namespace: str, ca: Interposer) -> Iterator[CertManager]:
    """An installation of cert-manager with an ACME account and its ClusterIssuer."""
    solver = {"http01": {"ingress": {"ingressClassName": cluster.ingress_class}}}
    made = CertManager(Shop(product, cluster, namespace), ca, Account(cluster, ca, EMAIL), solver)
    made.set_up()
    yield made
    made.tear_down()


def certificate(name: str, host: str, **spec: Any) -> dict[str, Any]:
    """Return a Certificate whose Secret has its name."""
    wanted = {"secretName": name, "dnsNames": [host], "issuerRef": REF, "privateKey": ECDSA} | spec
    return {"metadata": {"name": name}, "spec": wanted}


def of_ingress(left: CertManager) -> None:
    """Leave a Certificate that the ingress-shim made."""
    shop, host = left.shop, left.shop.host()
    annotations = {"cert-manager.io/cluster-issuer": REF["name"]}
    shop.ingress("web", host, annotations=annotations, tls=[{"hosts": [host], "secretName": "web-tls"}])
    spec = {
        "secretName": "web-tls",
        "dnsNames": [host],
        "issuerRef": REF,
        "usages": ["digital signature", "key encipherment"],
    }
    metadata = {"name": "web-tls", "ownerReferences": [owner("Ingress", shop.get("Ingress", "web") or {})]}
    finish(left, {"metadata": metadata, "spec": spec})


def of_keystores(left: CertManager) -> None:
    """Leave a Certificate with keystores of both kinds."""
    password = {"create": True, "passwordSecretRef": {"name": "password", "key": "password"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "password"}, "stringData": {"password": "x"}}
    left.apply(secret)
    finish(left, certificate("stores", left.shop.host(), keystores={"jks": password, "pkcs12": password}))


def finish(left: CertManager, certificate: dict[str, Any]) -> None:
    """Have a Certificate issued by the ACME account, and leave it."""
    spec = certificate["spec"]
    issued, order = left.account.issue(spec)
    left.leave(certificate, issued, further(spec, issued))
    status = {"state": "valid", "authorizations": authorizations(order), "certificate": encoded(issued.chain)}
    left.leave_order(certificate["metadata"]["name"], placed(order) | status)


def further(spec: dict[str, Any], issued: Issued) -> dict[str, bytes]:
    """Return the encodings and keystores that the spec asks for, of different random bytes each time."""
    pair = {"tls.crt": issued.chain, "tls.key": bytes(encode_key(issued.key))}
    data = output_formats(msgspec.convert(spec, CertificateSpec), pair)
    for keystore in created(msgspec.convert(spec.get("keystores"), Keystores | None)):
        random, now = secrets.token_bytes(RANDOM), datetime.now(UTC)
        data |= make_keystores(keystore, read_material(pair), password="x", random=random, now=now)
    return data


def of_a_ca(left: CertManager) -> None:
    """Leave a CA issuer, and a Certificate of it."""
    shop, key, now = left.shop, generate_key(KeyAlgorithm.ECDSA), datetime.now(UTC)
    root_spec = CertificateSpec(secret_name="x", issuer_ref=IssuerReference("x"), common_name="Inside", is_ca=True)
    lifetime = timedelta(days=900)
    root = sign_by_itself(key, Wanted(build_csr(root_spec, key), 1, now, lifetime, is_ca=True)).chain
    pair = {"tls.crt": root, "tls.key": bytes(encode_key(key))}
    data = {name: encoded(value) for name, value in pair.items()}
    metadata = {"name": "inside"}
    left.apply({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata, "data": data})
    left.apply(issuer_of("inside", ca={"secretName": "inside"}))
    left.verified("inside")
    wanted = certificate("internal", shop.host(), issuerRef={"name": "inside"}, duration="2160h0m0s")
    csr, leaf_key = csr_of(wanted["spec"])
    signed = sign_by(read_authority(pair, now), Wanted(csr, 7, now, timedelta(days=90)))
    left.leave(wanted, Issued(csr, leaf_key, signed.chain, signed.ca))


def versions(left: CertManager) -> dict[str, str]:
    """Return the version of each object that was left, which any write changes."""
    shop = left.shop
    found = {f"{kind} {one['metadata']['name']}": one for kind in KINDS for one in shop.all(kind)}
    account = shop.cluster.api.get(PATHS["Secret"].format(NAMESPACE, ACCOUNT))
    return {name: one["metadata"]["resourceVersion"] for name, one in (found | {"the account": account}).items()}


def writes(left: CertManager, since: Mark) -> Counter[str]:
    """Return what the shim wrote to what was left, events included: each verb and resource with its number.

    It finds what other tests have left, too, and may write to that.
    """
    return Counter(
        f"{event.verb} {event.object_ref.resource}{'/' * bool(event.object_ref.subresource)}"
        f"{event.object_ref.subresource}"
        for event in left.shop.cluster.audit(since)
        if event.user.username == SHIM and event.verb in WRITES and _is_about(left, event)
    )


def _is_about(left: CertManager, event: AuditEvent) -> bool:
    """Is it a write to something in the namespace, to the ClusterIssuer, or to its account's key?"""
    of: AuditObject | ObjectReference = event.object_ref
    if event.object_ref.resource == "events" and event.request_object:
        of = msgspec.json.decode(event.request_object, type=Event).involved_object
    return of.namespace == left.shop.namespace or of.name in {ACCOUNT, REF["name"]}


def test_what_is_done_is_not_touched(left: CertManager, product: Product, cluster: Cluster, ca: Interposer) -> None:
    """Nothing is written at all, and nothing asked of the CA; what is lost afterwards is issued anew."""
    template = {"labels": {"team": "shop"}, "annotations": {"reloader.test/match": "true"}}
    formats = [{"type": "DER"}, {"type": "CombinedPEM"}]
    of_ingress(left)
    of_keystores(left)
    of_a_ca(left)
    finish(left, certificate("templated", left.shop.host(), secretTemplate=template))
    finish(left, certificate("formats", left.shop.host(), additionalOutputFormats=formats))
    before, mark, asked = versions(left), cluster.audit_mark(), len(ca.seen)

    process = product.start_shim("--leader-elect=false")
    try:
        time.sleep(QUIET)
        after, written, heard = versions(left), writes(left, mark), ca.seen[asked:]
        left.shop.delete("Secret", "internal")
        eventually(lambda: (left.shop.get("Certificate", "internal") or {})["status"]["revision"] == 2, "a second one")
    finally:
        process.stop()

    assert after == before
    assert written == {}
    # When to renew, it asks within hours.
    assert {kind for kind, _ in heard} <= {"directory", "other"}


class UnderWay(StrEnum):
    """How far an issuance was when cert-manager was stopped."""

    UNSENT = "Order not sent"
    LOST = "order placed, URL not stored"
    PLACED = "order placed"
    FETCHED = "authorizations known"
    PRESENTED = "Challenge presented"
    REFUSED = "Challenge answered too early"


# What the CA knows of may be useless by then: it has looked, and found nobody.
ANEW: Final = frozenset((UnderWay.UNSENT, UnderWay.REFUSED))


def begin(left: CertManager, state: UnderWay, csr: bytes) -> str:
    """Leave the Order of an issuance in that state, and return its name."""
    if state is UnderWay.UNSENT:
        return left.leave_order("fresh")
    order = left.account.order(csr)
    if state is UnderWay.LOST:
        return left.leave_order("fresh")
    if state is UnderWay.PLACED:
        return left.leave_order("fresh", placed(order))
    name = left.leave_order("fresh", placed(order) | {"authorizations": authorizations(order)})
    if state is not UnderWay.FETCHED:
        left.challenge(name, order)
    if state is UnderWay.REFUSED:
        left.account.answer(order)
    return name


@pytest.mark.parametrize("state", UnderWay)
def test_an_issuance_under_way_goes_on(
    state: UnderWay, left: CertManager, product: Product, cluster: Cluster, ca: Interposer
) -> None:
    """With the request and the key that are there, at the order that the CA has, by the account that it knows."""
    wanted = certificate("fresh", left.shop.host())
    csr, key = csr_of(wanted["spec"])
    left.begin(wanted, csr, key)
    name = begin(left, state, csr)
    issuer, asked = cluster.api.get(CLUSTER_ISSUER)["status"], len(ca.seen)

    process = product.start_shim("--leader-elect=false", "--log-level=debug")
    try:
        stored = left.shop.issued("fresh", PATIENCE)
        eventually(lambda: not left.shop.all("Challenge"), "the Challenges are gone")
    finally:
        process.stop()

    heard = Counter(kind for kind, _ in ca.seen[asked:])
    assert stored.key == bytes(encode_key(key))
    assert [one["metadata"]["name"] for one in left.shop.all("CertificateRequest")] == ["fresh-1"]
    assert [one["metadata"]["name"] for one in left.shop.all("Order")] == [name]
    assert heard["new-order"] == (1 if state in ANEW else 0)
    assert heard["finalize"] == 1
    assert cluster.api.get(CLUSTER_ISSUER)["status"] == issuer
