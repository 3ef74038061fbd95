"""Has the names looked at that a Certificate has failed by, while it sits out its pause (`certs.decide.repair`)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from certs.api.certificate import Certificate
from certs.api.order import Order
from certs.decide.backoff import Setback
from certs.decide.findings import Outlook
from certs.decide.repair import Watch, looked, looking
from shim.controllers.inquiry import Inquiry
from shim.controllers.memory import Memory
from shim.stores import OWNER


@dataclass(frozen=True, slots=True)
class Repair:
    """What the Certificate controller needs; without an inquiry nobody looks."""

    inquiry: Inquiry | None = None
    _watches: Memory[Watch] = field(default_factory=Memory)

    def watch(self, certificate: Certificate) -> Watch | None:
        """Return what was seen since a Certificate has failed; None when nobody is to look."""
        if self.inquiry is None or certificate.status.last_failure_time is None:
            return None
        return self._watches.get(certificate.metadata.uid) or Watch()

    def look(self, certificate: Certificate, setback: Setback, now: datetime) -> None:
        """Begin to look whether what its last Order has failed by is mended; what is seen wakes the Certificate."""
        failed_at, uid, inquiry = certificate.status.last_failure_time, certificate.metadata.uid, self.inquiry
        assert failed_at is not None and inquiry is not None  # noqa: S101, PT018  decided so
        watch = looking(self._watches.get(uid), failed_at, now)
        self._watches.put(uid, watch)

        def seen(what: Outlook) -> None:
            after = looked(watch, what, setback)
            self._watches.put(uid, after)
            if after.wrong:
                inquiry.world.wake_certificate(certificate.metadata.namespace, certificate.metadata.name)

        order = _failed_order(inquiry, certificate)
        issuer = inquiry.world.stores.issuer(certificate.metadata.namespace, certificate.spec.issuer_ref)
        if order is None or issuer is None or issuer.spec.acme is None:
            self._watches.put(uid, replace(watch, answered=True, wrong=frozenset()))
        else:
            questions = inquiry.questions(order, issuer, routed_since=now)
            inquiry.begin(order, list(questions), issuer, seen)


def _failed_order(inquiry: Inquiry, certificate: Certificate) -> Order | None:
    stores = inquiry.world.stores
    orders = (
        order
        for request in stores.requests.by_index(OWNER, certificate.metadata.uid)
        for order in stores.orders.by_index(OWNER, request.metadata.uid)
        if order.status.state.is_failure
    )
    return max(orders, key=lambda order: str(order.status.failure_time), default=None)
