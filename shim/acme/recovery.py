"""Find the order that a newOrder has made whose answer we never read.

`newOrder` is the one exchange that cannot be repeated without consequence: a crash, or a lost answer, between the
CA's making the order and our storing its URL leaves an order that nobody knows.  Boulder hands the same pending order
out again for the same names, to others too (`certs.decide.sharing`).  Others may list an account's orders (RFC 8555
§7.1.2.1); there we look.  What has no such list costs a second order, which expires by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from certs.api.order import ACMEState
from certs.outcomes import Permanent, Unwatched
from shim.acme.gateway import Gateway
from shim.acme.resources import OrderResource

# Bounds for a list that we do not know the order of: newest last, at all servers that have one.
_PAGES: Final = 60
_LOOKED_AT: Final = 10
_ALIVE: Final = frozenset((ACMEState.PENDING, ACMEState.READY, ACMEState.PROCESSING))


def find_order(
    gateway: Gateway, identifiers: Iterable[str], *, free: Callable[[str], bool] = lambda _url: True
) -> OrderResource | None:
    """Return the newest order of the account for exactly these names that can still be issued, or None.

    `free` tells of a URL whether the order is nobody else's.
    """
    names = {name.lower() for name in identifiers}
    for url in filter(free, reversed(_listed(gateway)[-_LOOKED_AT:])):
        order = gateway.order(url)
        if order.status in _ALIVE and {name.lower() for name in order.identifiers} == names:
            return order
    return None


def _listed(gateway: Gateway) -> tuple[str, ...]:
    """Return the URLs of the account's orders; none when the server does not list them."""
    url = gateway.find_account().orders
    urls: tuple[str, ...] = ()
    for _ in range(_PAGES):
        if not url:
            break
        try:
            page = gateway.order_page(url)
        except (Permanent, Unwatched):
            # The account names a list that cannot be read: as good as none (seen at CAs that copied the field).
            return urls
        urls += page.urls
        url = page.next_url
    return urls
