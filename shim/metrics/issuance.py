"""How long certificates take, as the working replica sees it: from when one was due until it is in its Secret.

    Certificate new, or Issuing ──────────────────────────────────────────> revision + 1    phase total
    Order       new ──> URL known (order) ──> all proven (proof) ──> certificate (finalize)

Durations come from the moments at which changes reach the store.  What is older than a second when it is first
seen (after a restart) counts from the time that the object names.  A failure does not end the time of a
certificate: users wait for the certificate, not for the attempt.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from certs.api.certificate import Certificate
from certs.api.certificaterequest import CertificateRequest
from certs.api.meta import ConditionStatus, ObjectMeta, controller_of, find_condition
from certs.api.order import ACMEState, Order
from certs.decide.policies import REVISION
from shim.engine.figures import Timings
from shim.metrics.engine import histogram
from shim.stores import Stores

# A CA in this process takes some 0.1 s, an ACME CA seconds, DNS minutes, and what needs a person longer.
BOUNDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 86400.0)
AT_ONCE: Final = 1.0  # seconds: times in objects are whole seconds


class Issuances(Collector):
    """Times issuances; `follow` subscribes it to the stores, once this replica is the one that works."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._timings = Timings(BOUNDS)
        self._lock = threading.Lock()
        self._certificates: dict[str, float] = {}  # by uid, since when it is due
        self._orders: dict[str, tuple[str, float]] = {}  # by uid, the phase that it is in and since when

    def follow(self, stores: Stores) -> None:
        """See every change from now on."""
        stores.certificates.subscribe(self.certificate)
        stores.requests.subscribe(self.request)
        stores.orders.subscribe(self.order)

    def collect(self) -> Iterator[Metric]:
        """Yield one histogram."""
        yield histogram(
            "certshim_time_to_certificate_seconds",
            "How long certificates take: kind issue or renew; phase total, and of ACME order, proof, finalize.",
            ("kind", "phase"),
            BOUNDS,
            self._timings.timings(),
        )

    def certificate(self, old: Certificate | None, new: Certificate | None) -> None:
        """See a change of a Certificate."""
        if new is None:
            if old is not None:
                with self._lock:
                    self._certificates.pop(old.metadata.uid, None)
            return
        uid, revision = new.metadata.uid, new.status.revision or 0
        before = old.status.revision or 0 if old is not None else revision
        with self._lock:
            if revision > before:
                since = self._certificates.pop(uid, None)
                if since is not None:
                    self._timings.add(self._clock() - since, _kind(before), "total")
            elif uid not in self._certificates and (since := self._due_since(new)) is not None:
                self._certificates[uid] = since

    def request(self, old: CertificateRequest | None, new: CertificateRequest | None) -> None:
        """See a request: where a CA signs in this process, it is all there is to see of the beginning."""
        owner = controller_of(new.metadata) if new is not None and old is None else None
        # One that is done when it is first seen belongs to an issuance that is over.
        if owner is None or new is None or new.status.certificate or owner.kind != "Certificate":
            return
        with self._lock:
            self._certificates.setdefault(owner.uid, self._since(new.metadata))

    def order(self, old: Order | None, new: Order | None) -> None:
        """See a change of an Order."""
        if new is None:
            if old is not None:
                with self._lock:
                    self._orders.pop(old.metadata.uid, None)
            return
        uid, now = new.metadata.uid, self._clock()
        phase = phase_of(new)
        with self._lock:
            was = self._orders.get(uid)
            if not phase or old is None:
                self._orders.pop(uid, None)
            if was is not None and phase != was[0] and (phase or new.status.state is ACMEState.VALID):
                self._timings.add(now - was[1], kind_of(new), was[0])
            if phase and (was is None or phase != was[0]):
                self._orders[uid] = (phase, now)

    def _due_since(self, certificate: Certificate) -> float | None:
        """Return since when a certificate is due, None when none is."""
        issuing = find_condition(certificate.status.conditions, "Issuing")
        if issuing is not None and issuing.status is ConditionStatus.TRUE and certificate.status.revision:
            return self._at_once_or(issuing.last_transition_time.timestamp() if issuing.last_transition_time else None)
        return None if certificate.status.revision else self._since(certificate.metadata)

    def _since(self, metadata: ObjectMeta) -> float:
        created = metadata.creation_timestamp
        return self._at_once_or(created.timestamp() if created else None)

    def _at_once_or(self, named: float | None) -> float:
        now = self._clock()
        return now if named is None or now - named < AT_ONCE else named


def phase_of(order: Order) -> str:
    """Return what an Order is at: order, proof or finalize; empty when it is over."""
    match order.status.state:
        case ACMEState.UNKNOWN:
            return "proof" if order.status.url else "order"
        case ACMEState.PENDING:
            return "proof"
        case ACMEState.READY | ACMEState.PROCESSING:
            return "finalize"
        case _:
            return ""


def kind_of(order: Order) -> str:
    """Return `issue` for the first revision of a Certificate, `renew` for later ones."""
    revision = order.metadata.annotations.get(REVISION, "1")
    return _kind(0 if revision == "1" else 1)


def _kind(revision_before: int) -> str:
    return "renew" if revision_before else "issue"
