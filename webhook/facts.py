"""What the informers know: the `Facts` of `certs.facts`, answered from stores that other threads fill.

Reading takes no lock; a review may see the moment before a change or the one after it.
"""

from __future__ import annotations

from certs.api.issuer import AnyIssuer, ClusterIssuer, Issuer
from certs.api.meta import IssuerReference
from certs.facts import NothingKnown
from shim.kube.cluster import Cluster
from shim.kube.informer import Informer


class InformedFacts(NothingKnown):
    """Facts about issuers."""

    def __init__(self, cluster: Cluster) -> None:
        self._issuers = cluster.follow(Issuer)
        self._cluster_issuers = cluster.follow(ClusterIssuer)
        self._informers: tuple[Informer[Issuer] | Informer[ClusterIssuer], ...] = tuple(
            informer for informer in cluster.informers if informer.kind in (Issuer, ClusterIssuer)
        )

    @property
    def synced(self) -> bool:
        """Are both kinds complete?"""
        return all(informer.is_synced for informer in self._informers)

    def issuer(self, namespace: str, ref: IssuerReference) -> AnyIssuer | None:
        """Return the issuer of that name and kind; None for an external one."""
        if ref.effective_group != Issuer.resource.group:
            return None
        if ref.effective_kind == Issuer.resource.kind:
            return self._issuers.get(namespace, ref.name)
        if ref.effective_kind == ClusterIssuer.resource.kind:
            return self._cluster_issuers.get("", ref.name)
        return None
