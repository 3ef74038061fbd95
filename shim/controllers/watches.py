"""Which keys a change wakes: the object's own, its owner's, and those that were waiting for it.

    Ingress ── Certificate ── CertificateRequest ── Order ── Challenge      each wakes its owner
    Secret  ── Certificates that store into it or whose password it is, issuers whose account or CA it is,
               requests that it signs, Challenges whose DNS credentials it has
    Secret, Certificate ── objects that have its CA injected
    Pod     ── the Challenge that it answers for
    issuer  ── requests, Orders and Challenges that name it

What is under way is woken before what is new, so that of a thousand Ingresses the first are served
while the last have not begun, instead of all at the end.

So nothing is polled for that a watch can tell, and whoever mends what was wrong need not wait for a back-off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from certs.api.certificate import Certificate
from certs.api.core import ResponderSlice, Secret, SecretMetadata
from certs.api.ingress import Ingress
from certs.api.injectable import AskingMetadata
from certs.api.issuer import ClusterIssuer, Issuer
from certs.api.meta import KubeObject, ObjectMeta, controller_of
from certs.api.order import Order
from certs.decide.sharing import is_under_way, same_names
from shim.controllers.legacy import LegacyStore, TwinStore
from shim.engine.queue import WorkQueue
from shim.engine.reconciler import Key, Lane
from shim.kube.store import version_of
from shim.stores import CREDENTIALS, INGRESS, ISSUER, PASSWORD, SAME_NAMES, SECRET, SOURCE, Stores, source_key

# These exist only because something was begun, which is finished before the next is.
PARTS_OF_AN_ISSUANCE: Final = frozenset(("certificaterequests", "orders", "challenges"))


class Watches:
    """Ties the stores to the queue."""

    def __init__(self, stores: Stores, queue: WorkQueue, cluster_resource_namespace: str) -> None:
        self._stores = stores
        self._queue = queue
        self._cluster_namespace = cluster_resource_namespace

    def start(self) -> None:
        """Subscribe to every store; what is there already wakes its keys at once."""
        stores = self._stores
        stores.ingresses.subscribe(self._own("ingress-shim"))
        stores.ingresses.subscribe(self._named_ingress)
        stores.certificates.subscribe(self._own("certificates"))
        stores.certificates.subscribe(self._own("routes"))
        stores.certificates.subscribe(self._asked_for)
        stores.certificates.subscribe(self._rivals)
        stores.requests.subscribe(self._own("certificaterequests"))
        stores.requests.subscribe(self._owner("Certificate", "certificates"))
        stores.orders.subscribe(self._own("orders"))
        stores.orders.subscribe(self._owner("CertificateRequest", "certificaterequests"))
        stores.orders.subscribe(self._makes_way)
        stores.challenges.subscribe(self._own("challenges"))
        stores.challenges.subscribe(self._owner("Order", "orders"))
        stores.responders.subscribe(self._responder)
        stores.pods.subscribe(self._owner("Challenge", "challenges"))
        stores.issuers.subscribe(self._own("issuers"))
        stores.issuers.subscribe(self._waiting)
        stores.cluster_issuers.subscribe(self._own("clusterissuers"))
        stores.cluster_issuers.subscribe(self._waiting)
        stores.secrets.subscribe(self._secret)
        stores.secret_metadata.subscribe(self._secret_metadata)
        for store in stores.asking.values():
            store.subscribe(self._asking)
        self._legacy("legacy-issuers", stores.legacy_issuers, stores.issuers)
        self._legacy("legacy-clusterissuers", stores.legacy_cluster_issuers, stores.cluster_issuers)
        self._legacy("legacy-certificates", stores.legacy_certificates, stores.certificates)
        stores.gateway_api.when_it_comes(self._gateway_api)
        stores.solver_pods.when_it_comes(self._solver_pods)

    def _wake(self, controller: str, namespace: str, name: str, lane: Lane | None = None) -> None:
        usual = Lane.UNDERWAY if controller in PARTS_OF_AN_ISSUANCE else Lane.FRESH
        self._queue.wake(Key(controller, namespace, name), usual if lane is None else lane)

    def _own(self, controller: str) -> Callable[[KubeObject | None, KubeObject | None], None]:
        def changed(old: KubeObject | None, new: KubeObject | None) -> None:
            metadata = _metadata(old, new)
            self._wake(controller, metadata.namespace, metadata.name)

        return changed

    def _owner(self, kind: str, controller: str) -> Callable[[KubeObject | None, KubeObject | None], None]:
        def changed(old: KubeObject | None, new: KubeObject | None) -> None:
            metadata = _metadata(old, new)
            owner = controller_of(metadata)
            if owner is not None and owner.kind == kind:
                self._wake(controller, metadata.namespace, owner.name, Lane.UNDERWAY)

        return changed

    def _legacy(self, controller: str, objects: LegacyStore, twins: TwinStore) -> None:
        """Each object by itself, and by whatever there is of today's kind under its name."""

        def twin_changed(old: KubeObject | None, new: KubeObject | None) -> None:
            metadata = _metadata(old, new)
            if objects.get(metadata.namespace, metadata.name) is not None:
                self._wake(controller, metadata.namespace, metadata.name)

        objects.subscribe(self._own(controller))
        twins.subscribe(twin_changed)

    def _asked_for(self, old: Certificate | None, new: Certificate | None) -> None:
        """The Ingresses that have it, or wait for somebody else's to go; and whoever wants its CA."""
        metadata = _metadata(old, new)
        self._injected("Certificate", metadata.namespace, metadata.name)
        for ingress in self._stores.ingresses.by_index(SECRET, f"{metadata.namespace}/{metadata.name}"):
            self._wake("ingress-shim", metadata.namespace, ingress.metadata.name)
        owner = controller_of(metadata)
        if owner is not None and owner.kind == "Ingress":
            self._wake("ingress-shim", metadata.namespace, owner.name)

    def _asking(self, old: AskingMetadata | None, new: AskingMetadata | None) -> None:
        """An object that asks for a CA bundle, as few do."""
        obj = new if new is not None else old
        if obj is not None and obj.metadata.annotations:
            self._wake(obj.resource.plural, "", obj.metadata.name)

    def _injected(self, kind: str, namespace: str, name: str) -> None:
        """The objects that have the CA of a Certificate or Secret injected."""
        for store in self._stores.asking.values():
            for asking in store.by_index(SOURCE, source_key(kind, namespace, name)):
                self._wake(asking.resource.plural, "", asking.metadata.name)

    def _makes_way(self, old: Order | None, new: Order | None) -> None:
        """An Order that has ended: others for the same names may have waited for it."""
        if old is None or (new is not None and is_under_way(new)):
            return
        for order in self._stores.orders.by_index(SAME_NAMES, same_names(old)):
            if not order.status.url and order.metadata.uid != old.metadata.uid:
                self._wake("orders", order.metadata.namespace, order.metadata.name)

    def _named_ingress(self, old: Ingress | None, new: Ingress | None) -> None:
        """The Challenges whose path is to stand in it."""
        metadata = _metadata(old, new)
        for challenge in self._stores.challenges.by_index(INGRESS, f"{metadata.namespace}/{metadata.name}"):
            self._wake("challenges", metadata.namespace, challenge.metadata.name)

    def _responder(self, _old: ResponderSlice | None, _new: ResponderSlice | None) -> None:
        """The Challenges that lead to the responder: a replica of it has come or gone."""
        self._solver_pods()

    def _gateway_api(self) -> None:
        """The Challenges that need an HTTPRoute; there are few at any moment."""
        for challenge in self._stores.challenges.values():
            http01 = challenge.spec.solver.http01
            if http01 is not None and http01.gateway_http_route is not None:
                self._wake("challenges", challenge.metadata.namespace, challenge.metadata.name)

    def _solver_pods(self) -> None:
        """The Challenges over HTTP, of which those go on that want a pod, now that we may see them."""
        for challenge in self._stores.challenges.values():
            if challenge.spec.type == "HTTP-01":
                self._wake("challenges", challenge.metadata.namespace, challenge.metadata.name)

    def _rivals(self, old: Certificate | None, new: Certificate | None) -> None:
        """A Certificate that goes, or wants another Secret, makes room for the next that wants its old one."""
        if old is None or (new is not None and new.spec.secret_name == old.spec.secret_name):
            return
        self._certificates_of(old.metadata.namespace, old.spec.secret_name)

    def _secret(self, old: Secret | SecretMetadata | None, new: Secret | SecretMetadata | None) -> None:
        metadata = _metadata(old, new)
        self._certificates_of(metadata.namespace, metadata.name)
        self._injected("Secret", metadata.namespace, metadata.name)
        for certificate in self._stores.certificates.by_index(SECRET, f"{metadata.namespace}/{metadata.name}"):
            self._injected("Certificate", metadata.namespace, certificate.metadata.name)
        for request in self._stores.requests.by_index(SECRET, f"{metadata.namespace}/{metadata.name}"):
            self._wake("certificaterequests", metadata.namespace, request.metadata.name)
        for issuer in self._stores.issuers.by_index(SECRET, metadata.name):
            if issuer.metadata.namespace == metadata.namespace:
                self._wake("issuers", metadata.namespace, issuer.metadata.name)
                self._signed_by(issuer)
        if metadata.namespace == self._cluster_namespace:
            for cluster_issuer in self._stores.cluster_issuers.by_index(SECRET, metadata.name):
                self._wake("clusterissuers", "", cluster_issuer.metadata.name)
                self._signed_by(cluster_issuer)
        self._credentials(metadata)
        owner = controller_of(metadata)
        if owner is not None and owner.kind == "Certificate":
            self._wake("certificates", metadata.namespace, owner.name)

    def _credentials(self, secret: ObjectMeta) -> None:
        """The Challenges of the issuers whose DNS-01 solvers have their credentials there."""
        stores = self._stores
        issuers: list[Issuer | ClusterIssuer] = [
            issuer
            for issuer in stores.issuers.by_index(CREDENTIALS, secret.name)
            if issuer.metadata.namespace == secret.namespace
        ]
        if secret.namespace == self._cluster_namespace:
            issuers.extend(stores.cluster_issuers.by_index(CREDENTIALS, secret.name))
        for issuer in issuers:
            for challenge in stores.challenges.by_index(ISSUER, f"{issuer.metadata.namespace}/{issuer.metadata.name}"):
                self._wake("challenges", challenge.metadata.namespace, challenge.metadata.name)

    def _secret_metadata(self, old: SecretMetadata | None, new: SecretMetadata | None) -> None:
        """A Secret of which only this is watched; of ours the whole is, and what is known from there has been told."""
        if new is not None:
            whole = self._stores.secrets.get(new.metadata.namespace, new.metadata.name)
            is_same = whole is not None and whole.metadata.uid == new.metadata.uid
            if whole is not None and is_same and version_of(whole) >= version_of(new):
                return
        self._secret(old, new)

    def _signed_by(self, issuer: Issuer | ClusterIssuer) -> None:
        """The requests that a CA's Secret signs: the issuer need not have noticed that it was gone."""
        if issuer.spec.ca is None:
            return
        for request in self._stores.requests.by_index(ISSUER, f"{issuer.metadata.namespace}/{issuer.metadata.name}"):
            self._wake("certificaterequests", request.metadata.namespace, request.metadata.name)

    def _certificates_of(self, namespace: str, secret: str) -> None:
        for index in (SECRET, PASSWORD):
            for certificate in self._stores.certificates.by_index(index, f"{namespace}/{secret}"):
                self._wake("certificates", namespace, certificate.metadata.name)

    def _waiting(self, old: Issuer | ClusterIssuer | None, new: Issuer | ClusterIssuer | None) -> None:
        metadata = _metadata(old, new)
        value = f"{metadata.namespace}/{metadata.name}"
        stores = self._stores
        # Whose back-off a new spec ends, `certs.decide.issuerrevision`.
        is_respecified = new is not None and (old is None or old.metadata.generation != new.metadata.generation)
        for request in stores.requests.by_index(ISSUER, value):
            self._wake("certificaterequests", request.metadata.namespace, request.metadata.name)
            if is_respecified:
                self._owner("Certificate", "certificates")(None, request)
        for order in stores.orders.by_index(ISSUER, value):
            self._wake("orders", order.metadata.namespace, order.metadata.name)
        for challenge in stores.challenges.by_index(ISSUER, value):
            self._wake("challenges", challenge.metadata.namespace, challenge.metadata.name)


def _metadata(old: KubeObject | None, new: KubeObject | None) -> ObjectMeta:
    obj = new if new is not None else old
    assert obj is not None  # noqa: S101  a change is of something
    return obj.metadata
