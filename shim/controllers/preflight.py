"""Has the names of an Order asked about before it is made; the answers wake it (`certs.decide.preflight` says why)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from certs.api.issuer import AnyIssuer
from certs.api.meta import ObjectMeta
from certs.api.order import Order
from certs.decide.findings import Outlook
from certs.decide.order import ObservedOrder
from certs.decide.policies import ISSUER_KIND, ISSUER_NAME
from certs.decide.preflight import AskNames, Look, Mode, TellFindings, answered, asked
from certs.decide.sharing import names_of
from shim.controllers.inquiry import Inquiry
from shim.controllers.memory import Memory
from shim.preflight.survey import Question

COMPONENT: Final = "cert-manager-orders"
LEARNT: Final = timedelta(seconds=30)  # every proxy knows a route by then
# Annotations of a Secret, with the names in its certificate.
NAMES: Final = ("cert-manager.io/alt-names", "cert-manager.io/ip-sans")


@dataclass(frozen=True, slots=True)
class Preflight:
    """What the Order controller needs; `wake` has an Order looked at.  Without an inquiry nobody is asked."""

    inquiry: Inquiry | None = None
    mode: Mode = Mode.OFF
    wake: Callable[[ObjectMeta], None] = field(default=lambda _metadata: None)
    _looks: Memory[Look] = field(default_factory=Memory)
    _proven: Memory[bool] = field(default_factory=Memory)

    def look(self, order: Order) -> Look | None:
        """Return what is known of an Order's names; None when nobody is to be asked."""
        if self.inquiry is None or self.mode is Mode.OFF or order.spec.replaces:
            return None
        return self._looks.get(order.metadata.uid) or Look(self.mode)

    def act(self, observed: ObservedOrder, step: AskNames | TellFindings, now: datetime) -> None:
        """Begin to ask, or tell what was found."""
        inquiry, issuer, order = self.inquiry, observed.issuer, observed.order
        assert inquiry is not None and issuer is not None  # noqa: S101, PT018  decided so
        if isinstance(step, AskNames):
            self._ask(inquiry, order, issuer, now)
            return
        inquiry.world.tell(order, step.tells, COMPONENT)
        look = self._looks.get(order.metadata.uid)
        if look is not None:
            self._looks.put(order.metadata.uid, replace(look, told=look.findings))

    def _ask(self, inquiry: Inquiry, order: Order, issuer: AnyIssuer, now: datetime) -> None:
        """Begin to ask about the names of an Order that were not proven before."""
        acme, uid = issuer.spec.acme, order.metadata.uid
        assert acme is not None  # noqa: S101  decided so
        new = self._new(inquiry, order, issuer, acme.server, now)
        before = self._looks.get(uid) or Look(self.mode)
        look = asked(before, frozenset(one.name for one in new), now)
        self._looks.put(uid, look)

        def seen(what: Outlook) -> None:
            last = self._looks.get(uid) or look  # with what was told meanwhile
            self._looks.put(uid, answered(last, what))
            if what.wrong or before.findings or self.mode is Mode.ENFORCE:
                self.wake(order.metadata)

        inquiry.begin(order, new, issuer, seen)

    def _new(self, inquiry: Inquiry, order: Order, issuer: AnyIssuer, server: str, now: datetime) -> list[Question]:
        """Return what to ask about names that were not proven to this CA before."""
        known = self._known(inquiry, order)
        questions = inquiry.questions(order, issuer, routed_since=now - LEARNT)
        return [one for one in questions if one.name not in known and not self._proven.get(f"{server} {one.name}")]

    def proven(self, observed: ObservedOrder) -> None:
        """Remember that the names of an Order were proven, to this CA."""
        acme = observed.issuer.spec.acme if observed.issuer is not None else None
        if self.inquiry is not None and acme is not None:
            for name in names_of(observed.order):
                self._proven.put(f"{acme.server} {name}", note=True)
            self._looks.drop(observed.order.metadata.uid)

    def _known(self, inquiry: Inquiry, order: Order) -> frozenset[str]:
        """Return the names of the certificate that the Order is to follow, if the same issuer has issued it."""
        certificate, secret = inquiry.world.stores.certificate_of(order), None
        if certificate is not None:
            secret = inquiry.world.secrets.get(order.metadata.namespace, certificate.spec.secret_name)
        if secret is None or not secret.data.get("tls.crt"):
            return frozenset()
        annotations, ref = secret.metadata.annotations, order.spec.issuer_ref
        if (annotations.get(ISSUER_NAME), annotations.get(ISSUER_KIND)) != (ref.name, ref.effective_kind):
            return frozenset()
        return frozenset(name for key in NAMES for name in annotations.get(key, "").split(",") if name)
