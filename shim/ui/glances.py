"""What the page keeps of requests and Orders: what they say, without what was signed.

An Order with its request and chain is 6 kB, its words are 1; of ten thousand that is what a page can afford.
"""

from __future__ import annotations

from typing import ClassVar, Final

from certs.api.certificaterequest import CertificateRequest, CertificateRequestSpec, CertificateRequestStatus
from certs.api.meta import APIStruct, Condition, IssuerReference, ObjectMeta, Resource
from certs.api.order import ACMEState, Order, OrderSpec, OrderStatus

_NOBODY: Final = IssuerReference(name="")
_NO_REQUEST: Final = CertificateRequestSpec(request=b"", issuer_ref=_NOBODY)
_NO_ORDER: Final = OrderSpec(request=b"", issuer_ref=_NOBODY)


class RequestWords(APIStruct, frozen=True):
    """The conditions of a CertificateRequest."""

    conditions: tuple[Condition, ...] = ()


class RequestGlance(APIStruct, frozen=True):
    """A CertificateRequest of which only the conditions were kept."""

    resource: ClassVar[Resource] = CertificateRequest.resource

    metadata: ObjectMeta
    status: RequestWords = RequestWords()

    @property
    def request(self) -> CertificateRequest:
        """The same as a CertificateRequest that asks for nothing."""
        return CertificateRequest(self.metadata, _NO_REQUEST, CertificateRequestStatus(self.status.conditions))


class OrderWords(APIStruct, frozen=True):
    """How far an Order is, and why."""

    state: ACMEState = ACMEState.UNKNOWN
    reason: str = ""


class OrderGlance(APIStruct, frozen=True):
    """An Order of which only the state was kept."""

    resource: ClassVar[Resource] = Order.resource

    metadata: ObjectMeta
    status: OrderWords = OrderWords()

    @property
    def order(self) -> Order:
        """The same as an Order of no name."""
        return Order(self.metadata, _NO_ORDER, OrderStatus(state=self.status.state, reason=self.status.reason))
