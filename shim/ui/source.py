"""What the page knows of a cluster: followed by watches, so that ten thousand certificates cost one list.

Of requests and Orders only the words are kept (`shim.ui.glances`); Events are read with the chain of one certificate.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from certs.api.certificate import Certificate
from certs.api.challenge import Challenge
from certs.api.issuer import AnyIssuer, ClusterIssuer, Issuer
from certs.api.meta import KubeObject, controller_of
from shim.chain.links import Chain, newest
from shim.chain.reading import read_chain
from shim.kube.cluster import Cluster
from shim.kube.kubeclient import KubeClient
from shim.kube.transport import Transport
from shim.ui.glances import OrderGlance, RequestGlance
from shim.ui.model import IssuerRow, Row, chain_of, issuer_row, rows

OWNER: Final = "owner"
# States depend on the time, too: what was reckoned is reckoned anew after this.
FRESH: Final = 30.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All lines at a moment; `version` is another when they may be."""

    version: int
    at: datetime
    certificates: list[Row]
    issuers: list[IssuerRow]


class Source:
    """The certificates and issuers of one cluster or namespace.  Thread-safe."""

    def __init__(self, transport: Transport, namespace: str = "") -> None:
        self._cluster = Cluster(transport, namespace=namespace)
        self._client = KubeClient(transport)
        self._certificates = self._cluster.follow(Certificate)
        self._issuers = self._cluster.follow(Issuer)
        self._cluster_issuers = None if namespace else self._cluster.follow(ClusterIssuer)
        self._requests = self._cluster.follow(RequestGlance)
        self._orders = self._cluster.follow(OrderGlance)
        self._challenges = self._cluster.follow(Challenge)
        self._lock = threading.Lock()
        self._changes = 0
        self._known: tuple[int, float, Snapshot] | None = None
        self.namespace = namespace
        for owned in (self._requests, self._orders, self._challenges):
            owned.add_index(OWNER, _owner)
            owned.subscribe(self._changed)
        for store in (self._certificates, self._issuers, self._cluster_issuers):
            if store is not None:
                store.subscribe(self._changed)

    def start(self) -> None:
        """Begin to follow."""
        self._cluster.start()

    def stop(self) -> None:
        """End it, within two seconds."""
        self._cluster.stop()

    @property
    def obstacle(self) -> str:
        """What is not known yet, as when the user may not list it; empty when all is."""
        failing = [one for one in self._cluster.informers if one.failure]
        if failing:
            return "; ".join(f"not up to date: {one.failure}" for one in failing)
        missing = self._cluster.unsynced
        return f"not read yet: {', '.join(missing)}" if missing else ""

    def snapshot(self) -> Snapshot:
        """Return all lines, reckoned at most `FRESH` seconds ago."""
        with self._lock:
            known = self._known
            if known is not None and known[0] == self._changes and time.monotonic() - known[1] < FRESH:
                return known[2]
            changes, now = self._changes, datetime.now(UTC)
            issuers: list[AnyIssuer] = list(self._issuers.values())
            issuers += self._cluster_issuers.values() if self._cluster_issuers is not None else ()
            made = Snapshot(
                known[2].version + 1 if known is not None else 1,
                now,
                rows(map(self._at_a_glance, self._certificates.values()), now),
                sorted((issuer_row(one) for one in issuers), key=lambda one: (one.ready, one.namespace, one.name)),
            )
            self._known = (changes, time.monotonic(), made)
            return made

    def chain(self, namespace: str, name: str) -> dict[str, Any]:
        """Return all about one certificate, read now; KubeError when it cannot be."""
        return chain_of(read_chain(self._client, namespace, name), datetime.now(UTC))

    def _at_a_glance(self, certificate: Certificate) -> Chain:
        """Return what is known here of its chain; of an issuer that is not, that it was not read."""
        request = newest(self._requests.by_index(OWNER, certificate.metadata.uid))
        order = newest(self._orders.by_index(OWNER, request.metadata.uid)) if request is not None else None
        kind = certificate.spec.issuer_ref.effective_kind
        issuer = self._issuer(certificate)
        return Chain(
            certificate,
            issuer=issuer,
            request=request.request if request is not None else None,
            order=order.order if order is not None else None,
            challenges=self._challenges.by_index(OWNER, order.metadata.uid) if order is not None else (),
            unread={} if issuer is not None or self._knows(kind) else {kind: "it is not followed"},
        )

    def _issuer(self, certificate: Certificate) -> AnyIssuer | None:
        ref = certificate.spec.issuer_ref
        if ref.effective_kind == "Issuer":
            return self._issuers.get(certificate.metadata.namespace, ref.name)
        return self._cluster_issuers.get("", ref.name) if self._cluster_issuers is not None else None

    def _knows(self, kind: str) -> bool:
        """Are all issuers of that kind known?"""
        return any(one.kind.resource.kind == kind and one.is_synced for one in self._cluster.informers)

    def _changed(self, old: KubeObject | None, new: KubeObject | None) -> None:
        del old, new
        self._changes += 1


def _owner(obj: KubeObject) -> tuple[str, ...]:
    owner = controller_of(obj.metadata)
    return (owner.uid,) if owner is not None else ()
