"""Which state of its issuer an Order was made by, so that a failure is not held against an issuer that was mended.

An Order that fails has its Certificate stay away for a while (`certs.decide.backoff`).  Whoever then mends the issuer
(a profile, a solver, the server) need not wait for that: the pause is over once the issuer's spec is another
than the one that the Order failed by.  Each change of the spec ends it once.

An Order that is under way is of no use any more when its issuer has become another CA's, or has another account:
only then is it made anew, which is why it matters here, too, that the next one says another revision.
"""

from __future__ import annotations

from typing import Final

from certs.api.issuer import AnyIssuer
from certs.api.order import Order

ISSUER_REVISION: Final = "acme.certshim.io/issuer-revision"


def issuer_revision(issuer: AnyIssuer) -> str:
    """Return what differs for each spec of an issuer: its generation, and the uid, since one made anew begins at 1."""
    return f"{issuer.metadata.generation or 0}-{issuer.metadata.uid}"


def is_superseded(order: Order, issuer: AnyIssuer | None) -> bool:
    """Has the order failed by another spec of its issuer than it has now?"""
    return order.status.state.is_failure and is_outdated(order, issuer)


def is_outdated(order: Order, issuer: AnyIssuer | None) -> bool:
    """Was the order made by another spec of its issuer than it has now?  An Order that does not say was not."""
    made_by = order.metadata.annotations.get(ISSUER_REVISION)
    return issuer is not None and made_by not in {None, issuer_revision(issuer)}
