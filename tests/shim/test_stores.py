from __future__ import annotations

import pytest

from certs.api.core import Secret, SecretMetadata, Service
from certs.api.ingress import Ingress, IngressSpec, IngressTLS
from certs.api.issuer import ClusterIssuer, ExternalAccountBinding, Issuer, IssuerSpec, SelfSignedIssuer
from certs.api.meta import IssuerReference, ObjectMeta, SecretKeySelector
from shim.kube.cluster import Cluster
from shim.stores import ISSUER, OURS, OWNER, SECRET, SOLVER, TOKEN, Stores, follow
from tests.certs.decide.objects import HOST, certificate, challenge, issuer, order, request
from tests.shim.conftest import Put

EAB = ExternalAccountBinding("kid", SecretKeySelector("eab", "key"))
CLUSTER = ClusterIssuer(metadata=ObjectMeta(name="letsencrypt"), spec=issuer(external_account_binding=EAB).spec)


@pytest.mark.parametrize(
    ("ref", "kind"),
    [
        (IssuerReference("letsencrypt"), Issuer),
        (IssuerReference("letsencrypt", "Issuer", "cert-manager.io"), Issuer),
        (IssuerReference("letsencrypt", "ClusterIssuer"), ClusterIssuer),
        (IssuerReference("other"), None),
        (IssuerReference("other", "ClusterIssuer"), None),
    ],
    ids=["by default", "Issuer", "ClusterIssuer", "no Issuer", "no ClusterIssuer"],
)
def test_issuer_of_a_reference(stores: Stores, put: Put, ref: IssuerReference, kind: type | None) -> None:
    """The kind decides where it is looked for; a namespaced one serves its namespace only."""
    put(issuer())
    put(CLUSTER)
    found = stores.issuer("web", ref)

    assert (type(found) if found is not None else None) == kind
    assert stores.issuer("other", IssuerReference("letsencrypt")) is None


def test_what_belongs_together_is_found(stores: Stores, put: Put) -> None:
    """Each index, by the object that it leads to."""
    cert = certificate()
    for obj in (
        cert,
        request(cert),
        order(),
        challenge(),
        issuer(external_account_binding=EAB),
        CLUSTER,
        Ingress(
            ObjectMeta(name="shop", namespace="web"), IngressSpec(tls=(IngressTLS((HOST,), "shop-tls"), IngressTLS()))
        ),
    ):
        put(obj)
    put(Issuer(metadata=ObjectMeta(name="own", namespace="web"), spec=IssuerSpec(self_signed=SelfSignedIssuer())))
    owner = stores.requests.get("web", "shop-1")
    assert owner is not None

    assert [one.metadata.name for one in stores.requests.by_index(OWNER, "uid-of-shop")] == ["shop-1"]
    assert [one.metadata.name for one in stores.challenges.by_index(OWNER, "uid-order")] == [f"shop-1-1234-{HOST}"]
    assert [one.metadata.name for one in stores.certificates.by_index(SECRET, "web/shop-tls")] == ["shop"]
    assert [one.metadata.name for one in stores.ingresses.by_index(SECRET, "web/shop-tls")] == ["shop"]
    assert [one.metadata.name for one in stores.issuers.by_index(SECRET, "account")] == ["letsencrypt"]
    assert [one.metadata.name for one in stores.cluster_issuers.by_index(SECRET, "eab")] == ["letsencrypt"]
    for store in (stores.requests, stores.orders, stores.challenges):
        assert len(store.by_index(ISSUER, "web/letsencrypt")) == 1
        assert store.by_index(ISSUER, "/letsencrypt") == ()
    assert len(stores.challenges.by_index(TOKEN, f"token-of-{HOST}")) == 1


def test_only_our_secrets_are_watched_in_full(kube: Cluster, stores: Stores) -> None:
    """Of all others the metadata is; of Services and slices only the solver's are watched at all."""
    selections = {informer.kind: informer.selection for informer in kube.informers}

    assert selections[Secret].labels == OURS
    assert not selections[Secret].metadata_only
    assert selections[SecretMetadata].metadata_only
    assert not selections[SecretMetadata].labels
    assert selections[Service].labels == SOLVER


def test_within_a_namespace_no_cluster_issuer_is_followed(kube: Cluster) -> None:
    """The account may not read them, and waiting for their list would never end."""
    narrow = Cluster(kube.transport, namespace="web")

    stores = follow(narrow)

    assert ClusterIssuer not in {informer.kind for informer in narrow.informers}
    assert stores.issuer("web", IssuerReference("letsencrypt", "ClusterIssuer")) is None
