"""What the informers know: the `Facts` of `certs.facts`, answered from stores that other threads fill.

Reading takes no lock; a review may see the moment before a change or the one after it.  What is held
of an object is what the rules ask for (`webhook.claims`); of Secrets that is the name and whether the
type is `kubernetes.io/tls`, and their data is never requested.  An account that may not list Secrets
loses the rules about them, and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from certs.api.certificate import Certificate
from certs.api.core import Namespace
from certs.api.issuer import AnyIssuer, ClusterIssuer, Issuer
from certs.api.meta import IssuerReference
from certs.facts import OTHER_SECRET, TLS_SECRET, UNKNOWN_SECRET, Claim
from certs.known import ADMISSION
from certs.wanted import Settings, is_annotated
from shim.kube.cluster import Cluster
from webhook.claims import IngressClaims, KnownCertificate, OtherSecretName, TLSSecretName

SECRET: Final = "secret"  # noqa: S105 - an index's name
HOST: Final = "host"
OF_TYPE_TLS: Final = {"type": TLS_SECRET}


class InformedFacts:
    """Facts about the cluster that a webhook runs in."""

    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        self._settings = settings
        self._synced = False  # never again, once it was
        self._issuers = cluster.follow(Issuer)
        self._cluster_issuers = cluster.follow(ClusterIssuer)
        self._certificates = cluster.follow(KnownCertificate)
        self._ingresses = cluster.follow(IngressClaims)
        self._namespaces = cluster.follow(Namespace, metadata_only=True)
        self._needed = cluster.informers
        self._tls_secrets = cluster.follow(TLSSecretName, fields=OF_TYPE_TLS, metadata_only=True)
        self._other_secrets = cluster.follow(OtherSecretName, without=OF_TYPE_TLS, metadata_only=True)
        self._of_secrets = cluster.informers[len(self._needed) :]
        self._certificates.add_index(SECRET, _secret_of)
        self._ingresses.add_index(SECRET, _secrets_of)
        self._ingresses.add_index(HOST, lambda ingress: ingress.hosts)

    @property
    def synced(self) -> bool:
        """Are all kinds complete, apart from Secrets?"""
        self._synced = self._synced or all(informer.is_synced for informer in self._needed)
        return self._synced

    def issuer(self, namespace: str, ref: IssuerReference) -> AnyIssuer | None:
        """Return the issuer of that name and kind; None for an external one."""
        if ref.effective_group != Issuer.resource.group:
            return None
        if ref.effective_kind == Issuer.resource.kind:
            return self._issuers.get(namespace, ref.name)
        if ref.effective_kind == ClusterIssuer.resource.kind:
            return self._cluster_issuers.get("", ref.name)
        return None

    def issuer_names(self, namespace: str, kind: str) -> Collection[str]:
        """Return the names of the Issuers of the namespace, or of all ClusterIssuers."""
        if kind == ClusterIssuer.resource.kind:
            return tuple(issuer.metadata.name for issuer in self._cluster_issuers.values())
        return tuple(issuer.metadata.name for issuer in self._issuers.in_namespace(namespace))

    def certificate(self, namespace: str, name: str) -> Certificate | None:
        """Return the Certificate of that name, without its status."""
        return self._certificates.get(namespace, name)

    def certificates_of_secret(self, namespace: str, secret: str) -> Sequence[Certificate]:
        """Return the Certificates that write that Secret, without their status."""
        return self._certificates.by_index(SECRET, f"{namespace}/{secret}")

    def ingresses_of_secret(self, namespace: str, secret: str) -> Sequence[Claim]:
        """Return the Ingresses that name that Secret in spec.tls, annotated or not."""
        return tuple(map(self._claim, self._ingresses.by_index(SECRET, f"{namespace}/{secret}")))

    def ingresses_of_host(self, host: str) -> Sequence[Claim]:
        """Return the Ingresses of all namespaces with that host in a rule or in spec.tls."""
        return tuple(map(self._claim, self._ingresses.by_index(HOST, host)))

    def secret_type(self, namespace: str, name: str) -> str | None:
        """Return `kubernetes.io/tls` or `other`; None when there is no such Secret, `unknown` when nobody can tell."""
        if not all(informer.is_synced for informer in self._of_secrets):
            return UNKNOWN_SECRET
        if self._tls_secrets.get(namespace, name) is not None:
            return TLS_SECRET
        return OTHER_SECRET if self._other_secrets.get(namespace, name) is not None else None

    def admission_of(self, namespace: str) -> str:
        """Return the namespace's annotation `certshim.io/admission`; empty when it has none."""
        found = self._namespaces.get("", namespace)
        return found.metadata.annotations.get(ADMISSION, "") if found is not None else ""

    def _claim(self, ingress: IngressClaims) -> Claim:
        metadata = ingress.metadata
        wanted = metadata.deletion_timestamp is None and is_annotated(metadata.annotations, self._settings)
        return Claim("Ingress", metadata.namespace, metadata.name, metadata.uid, wanted)


def _secret_of(certificate: KnownCertificate) -> Iterator[str]:
    yield f"{certificate.metadata.namespace}/{certificate.spec.secret_name}"


def _secrets_of(ingress: IngressClaims) -> Iterator[str]:
    for secret in ingress.secrets:
        yield f"{ingress.metadata.namespace}/{secret}"
