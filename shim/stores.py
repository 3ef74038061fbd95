"""What is known of the cluster, kind by kind, and the indexes by which controllers find what belongs together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from msgspec import to_builtins

from certs.api.certificate import Certificate
from certs.api.certificaterequest import CertificateRequest
from certs.api.challenge import Challenge
from certs.api.core import EndpointSlice, Secret, SecretMetadata, Service
from certs.api.ingress import Ingress
from certs.api.issuer import AnyIssuer, ClusterIssuer, Issuer
from certs.api.meta import IssuerReference, KubeObject, controller_of
from certs.api.order import Order
from certs.decide.policies import PRIVATE_KEY_SECRET
from certs.pki.keystore import created
from shim.kube.cluster import Cluster
from shim.kube.store import Store

OWNER: Final = "owner"
SECRET: Final = "secret"  # noqa: S105  an index's name
PASSWORD: Final = "password"  # noqa: S105  an index's name
ISSUER: Final = "issuer"
DNS_NAME: Final = "dns-name"
CREDENTIALS: Final = "credentials"
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
    secrets: Store[Secret]
    secret_metadata: Store[SecretMetadata]

    def issuer(self, namespace: str, ref: IssuerReference) -> AnyIssuer | None:
        """Return the issuer that an object of the namespace refers to, or None."""
        if ref.effective_kind == "ClusterIssuer":
            return self.cluster_issuers.get("", ref.name)
        return self.issuers.get(namespace, ref.name)


def follow(cluster: Cluster) -> Stores:
    """Have every kind followed that the shim reads, and return the stores with their indexes.

    Within one namespace there are no ClusterIssuers: the account may not read them, and their Secrets are elsewhere.
    """
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
        secrets=cluster.follow(Secret, labels=OURS),
        secret_metadata=cluster.follow(SecretMetadata, metadata_only=True),
    )
    stores.certificates.add_index(OWNER, index_owner)
    stores.requests.add_index(OWNER, index_owner)
    stores.orders.add_index(OWNER, index_owner)
    stores.challenges.add_index(OWNER, index_owner)
    stores.secrets.add_index(OWNER, index_owner)
    stores.certificates.add_index(SECRET, _index_secret)
    stores.certificates.add_index(PASSWORD, _password_secrets)
    stores.ingresses.add_index(SECRET, _tls_secrets)
    stores.requests.add_index(
        ISSUER, lambda request: (issuer_key(request.metadata.namespace, request.spec.issuer_ref),)
    )
    stores.orders.add_index(ISSUER, lambda order: (issuer_key(order.metadata.namespace, order.spec.issuer_ref),))
    stores.challenges.add_index(ISSUER, lambda one: (issuer_key(one.metadata.namespace, one.spec.issuer_ref),))
    stores.challenges.add_index(TOKEN, lambda challenge: (challenge.spec.token,))
    stores.challenges.add_index(DNS_NAME, _proven_over_dns)
    stores.issuers.add_index(CREDENTIALS, _solver_secrets)
    stores.cluster_issuers.add_index(CREDENTIALS, _solver_secrets)
    stores.requests.add_index(SECRET, _key_secret)
    stores.issuers.add_index(SECRET, _issuer_secrets)
    stores.cluster_issuers.add_index(SECRET, _issuer_secrets)
    return stores


def _tls_secrets(ingress: Ingress) -> tuple[str, ...]:
    names = dict.fromkeys(entry.secret_name for entry in ingress.spec.tls if entry.secret_name)
    return tuple(f"{ingress.metadata.namespace}/{name}" for name in names)


def _index_secret(certificate: Certificate) -> tuple[str, ...]:
    return (f"{certificate.metadata.namespace}/{certificate.spec.secret_name}",)


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


def _solver_secrets(issuer: AnyIssuer) -> tuple[str, ...]:
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
