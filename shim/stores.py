"""What is known of the cluster, kind by kind, and the indexes by which controllers find what belongs together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from msgspec import to_builtins

from certs.api.certificate import Certificate
from certs.api.certificaterequest import CertificateRequest
from certs.api.challenge import Challenge
from certs.api.core import EndpointSlice, ResponderSlice, Secret, SecretMetadata, Service
from certs.api.gateway import HTTPRoute
from certs.api.ingress import Ingress, IngressClass
from certs.api.injectable import KINDS, AskingMetadata
from certs.api.issuer import AnyIssuer, ClusterIssuer, Issuer
from certs.api.meta import IssuerReference, KubeObject, controller_of
from certs.api.order import Order
from certs.api.pod import Pod
from certs.decide.injection import asked
from certs.decide.policies import CERTIFICATE_NAME, PRIVATE_KEY_SECRET
from certs.decide.sharing import same_names
from certs.legacy.kinds import LegacyCertificate, LegacyClusterIssuer, LegacyIssuer
from certs.outcomes import Failure
from certs.pki.keystore import created
from shim.kube.cluster import Cluster
from shim.kube.presence import Presence
from shim.kube.store import Store

OWNER: Final = "owner"
SECRET: Final = "secret"  # noqa: S105  an index's name
CERTIFICATE: Final = "certificate"
PASSWORD: Final = "password"  # noqa: S105  an index's name
ISSUER: Final = "issuer"
DNS_NAME: Final = "dns-name"
CREDENTIALS: Final = "credentials"
INGRESS: Final = "ingress"  # that a Challenge's solver names
SOURCE: Final = "source"  # of a CA bundle
SAME_NAMES: Final = "same-names"  # of Orders
TOKEN: Final = "token"  # noqa: S105  an index's name

# Secrets with this label are ours and watched in full; of all others only the metadata is.
OURS: Final = {"controller.cert-manager.io/fao": "true"}
SOLVER: Final = {"acme.cert-manager.io/http01-solver": "true"}


@dataclass(frozen=True, slots=True)
class Stores:
    """What is known of the cluster, kind by kind."""

    ingresses: Store[Ingress]
    certificates: Store[Certificate]
    requests: Store[CertificateRequest]
    orders: Store[Order]
    challenges: Store[Challenge]
    issuers: Store[Issuer]
    cluster_issuers: Store[ClusterIssuer]
    services: Store[Service]
    slices: Store[EndpointSlice]
    responders: Store[ResponderSlice]  # of our own replicas; empty where no Service is in front of them
    pods: Store[Pod]  # empty, until the first Challenge wants one
    solver_pods: Presence
    ingress_classes: Store[IngressClass]
    http_routes: Store[HTTPRoute]
    gateway_api: Presence
    secrets: Store[Secret]
    secret_metadata: Store[SecretMetadata]
    asking: Mapping[type[AskingMetadata], Store[AskingMetadata]]  # empty where nothing is injected
    legacy_issuers: Store[LegacyIssuer]
    legacy_cluster_issuers: Store[LegacyClusterIssuer]
    legacy_certificates: Store[LegacyCertificate]

    def issuer(self, namespace: str, ref: IssuerReference) -> AnyIssuer | None:
        """Return the issuer that an object of the namespace refers to, or None."""
        if ref.effective_kind == "ClusterIssuer":
            return self.cluster_issuers.get("", ref.name)
        return self.issuers.get(namespace, ref.name)

    def ingress_of(self, certificate: Certificate) -> Ingress | None:
        """Return the Ingress that a Certificate was made for, or None."""
        owner = controller_of(certificate.metadata)
        if owner is None or owner.kind != Ingress.resource.kind:
            return None
        found = self.ingresses.get(certificate.metadata.namespace, owner.name)
        return found if found is not None and found.metadata.uid == owner.uid else None

    def certificate_of(self, order: Order) -> Certificate | None:
        """Return the Certificate that an Order is for, by way of its request; None when one of the two is not there."""
        namespace, owner = order.metadata.namespace, controller_of(order.metadata)
        request = self.requests.get(namespace, owner.name) if owner is not None else None
        of_request = controller_of(request.metadata) if request is not None else None
        return self.certificates.get(namespace, of_request.name) if of_request is not None else None


def follow(cluster: Cluster, *, inject: bool = False, responder_service: tuple[str, str] = ("", "")) -> Stores:
    """Have every kind followed that the shim reads, and return the stores with their indexes.

    `responder_service` is namespace and name of the Service in front of all replicas, empty where there is none.
    Within one namespace there are no ClusterIssuers and IngressClasses, and no CA bundles are injected:
    the account may not read such objects.
    """
    gateway_api, solver_pods = Presence(), Presence()
    stores = Stores(
        ingresses=cluster.follow(Ingress),
        certificates=cluster.follow(Certificate),
        requests=cluster.follow(CertificateRequest),
        orders=cluster.follow(Order),
        challenges=cluster.follow(Challenge),
        issuers=cluster.follow(Issuer),
        cluster_issuers=Store() if cluster.namespace else cluster.follow(ClusterIssuer),
        services=cluster.follow(Service, labels=SOLVER),
        slices=cluster.follow(EndpointSlice, labels=SOLVER),
        responders=_follow_responders(cluster, *responder_service),
        pods=cluster.follow(Pod, labels=SOLVER, on_demand=True, presence=solver_pods),
        solver_pods=solver_pods,
        ingress_classes=Store() if cluster.namespace else cluster.follow(IngressClass),
        http_routes=cluster.follow(HTTPRoute, labels=SOLVER, presence=gateway_api),
        gateway_api=gateway_api,
        secrets=cluster.follow(Secret, labels=OURS),
        secret_metadata=cluster.follow(SecretMetadata, metadata_only=True),
        asking=_follow_asking(cluster) if inject and not cluster.namespace else {},
        legacy_issuers=cluster.follow(LegacyIssuer, presence=Presence(), discovering=True),
        legacy_cluster_issuers=(
            Store() if cluster.namespace else cluster.follow(LegacyClusterIssuer, presence=Presence(), discovering=True)
        ),
        legacy_certificates=cluster.follow(LegacyCertificate, presence=Presence(), discovering=True),
    )
    stores.certificates.add_index(OWNER, index_owner)
    stores.requests.add_index(OWNER, index_owner)
    stores.orders.add_index(OWNER, index_owner)
    stores.challenges.add_index(OWNER, index_owner)
    stores.secrets.add_index(OWNER, index_owner)
    stores.secrets.add_index(CERTIFICATE, _issued_for)
    stores.certificates.add_index(SECRET, _index_secret)
    stores.certificates.add_index(PASSWORD, _password_secrets)
    stores.ingresses.add_index(SECRET, _tls_secrets)
    stores.requests.add_index(
        ISSUER, lambda request: (issuer_key(request.metadata.namespace, request.spec.issuer_ref),)
    )
    stores.orders.add_index(ISSUER, lambda order: (issuer_key(order.metadata.namespace, order.spec.issuer_ref),))
    stores.orders.add_index(SAME_NAMES, lambda order: (same_names(order),))
    stores.challenges.add_index(ISSUER, lambda one: (issuer_key(one.metadata.namespace, one.spec.issuer_ref),))
    stores.challenges.add_index(TOKEN, lambda challenge: (challenge.spec.token,))
    stores.challenges.add_index(DNS_NAME, _proven_over_dns)
    stores.challenges.add_index(INGRESS, _named_ingress)
    stores.issuers.add_index(CREDENTIALS, solver_secrets)
    stores.cluster_issuers.add_index(CREDENTIALS, solver_secrets)
    stores.requests.add_index(SECRET, _key_secret)
    stores.issuers.add_index(SECRET, _issuer_secrets)
    stores.cluster_issuers.add_index(SECRET, _issuer_secrets)
    return stores


def _follow_asking(cluster: Cluster) -> dict[type[AskingMetadata], Store[AskingMetadata]]:
    """Follow the metadata of each kind; an account that may not, or an API that is not there, holds nobody up."""
    stores: dict[type[AskingMetadata], Store[Any]] = {
        kind: cluster.follow(kind, metadata_only=True, presence=Presence()) for kind in KINDS
    }
    for store in stores.values():
        store.add_index(SOURCE, _sources)
    return stores


def source_key(kind: str, namespace: str, name: str) -> str:
    """Return the index value of a Certificate or Secret that bundles come from."""
    return f"{kind}/{namespace}/{name}"


def _sources(asking: AskingMetadata) -> tuple[str, ...]:
    try:
        wanted = asked(asking.metadata)
    except Failure:  # no reference, which its controller tells
        return ()
    if wanted is None:
        return ()
    named = (("Secret", wanted.secret), ("Certificate", wanted.certificate))
    return tuple(source_key(kind, *key) for kind, key in named if key is not None)


def _follow_responders(cluster: Cluster, namespace: str, service: str) -> Store[ResponderSlice]:
    if not service:
        return Store()
    return cluster.follow(ResponderSlice, labels={"kubernetes.io/service-name": service}, namespace=namespace)


def _tls_secrets(ingress: Ingress) -> tuple[str, ...]:
    names = dict.fromkeys(entry.secret_name for entry in ingress.spec.tls if entry.secret_name)
    return tuple(f"{ingress.metadata.namespace}/{name}" for name in names)


def _index_secret(certificate: Certificate) -> tuple[str, ...]:
    return (f"{certificate.metadata.namespace}/{certificate.spec.secret_name}",)


def _issued_for(secret: Secret) -> tuple[str, ...]:
    """Return the Certificate that a Secret says it is of."""
    name = secret.metadata.annotations.get(CERTIFICATE_NAME, "")
    return (f"{secret.metadata.namespace}/{name}",) if name else ()


def _key_secret(request: CertificateRequest) -> tuple[str, ...]:
    """Return the Secret of the key that signs a self-signed certificate."""
    name = request.metadata.annotations.get(PRIVATE_KEY_SECRET, "")
    return (f"{request.metadata.namespace}/{name}",) if name else ()


def _password_secrets(certificate: Certificate) -> tuple[str, ...]:
    """Return where the passwords of the keystores stand that are made."""
    refs = (keystore.password_secret_ref for keystore in created(certificate.spec.keystores))
    names = dict.fromkeys(ref.name for ref in refs if ref is not None and ref.name)
    return tuple(f"{certificate.metadata.namespace}/{name}" for name in names)


def _issuer_secrets(issuer: AnyIssuer) -> tuple[str, ...]:
    """Return the names of the Secrets that an issuer refers to; their namespace follows from its kind."""
    if issuer.spec.ca is not None:
        return (issuer.spec.ca.secret_name,)
    acme = issuer.spec.acme
    if acme is None:
        return ()
    binding = acme.external_account_binding
    return (acme.private_key_secret_ref.name, *((binding.key_secret_ref.name,) if binding is not None else ()))


def _proven_over_dns(challenge: Challenge) -> tuple[str, ...]:
    return (challenge.spec.dns_name,) if challenge.spec.type == "DNS-01" else ()


def _named_ingress(challenge: Challenge) -> tuple[str, ...]:
    http01 = challenge.spec.solver.http01
    name = http01.ingress.name if http01 is not None and http01.ingress is not None else ""
    return (f"{challenge.metadata.namespace}/{name}",) if name else ()


def solver_secrets(issuer: AnyIssuer) -> tuple[str, ...]:
    """Return the names of the Secrets that DNS-01 solvers refer to, those in a webhook's own configuration, too."""
    solvers = issuer.spec.acme.solvers if issuer.spec.acme is not None else ()
    names = (name for solver in solvers if solver.dns01 is not None for name in _referred(to_builtins(solver.dns01)))
    return tuple(dict.fromkeys(names))


def _referred(plain: object) -> Iterator[str]:
    """Yield the name in each field that is called …Ref, as all references are."""
    inner = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list | tuple) else ()
    for key, value in inner:
        if isinstance(key, str) and key.lower().endswith("ref") and isinstance(value, dict):
            name = value.get("name")
            if isinstance(name, str) and name:
                yield name
        yield from _referred(value)


def index_owner(obj: KubeObject) -> tuple[str, ...]:
    """Index function: the uid of the controller owner."""
    owner = controller_of(obj.metadata)
    return (owner.uid,) if owner is not None else ()


def issuer_key(namespace: str, ref: IssuerReference) -> str:
    """Return the index value of an issuer as an object of the namespace refers to it."""
    return f"/{ref.name}" if ref.effective_kind == "ClusterIssuer" else f"{namespace}/{ref.name}"
