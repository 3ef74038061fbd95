"""Who else orders the same names with an account, and whose an order of the CA is (`certs.decide.sharing`)."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from certs.api.issuer import AnyIssuer
from certs.api.order import Order
from certs.decide.sharing import goes_first, has_rival, holds, is_under_way, same_names, sentence
from certs.outcomes import Transient
from shim.controllers.memory import Memory
from shim.kube.store import Key, key_of
from shim.stores import SAME_NAMES, Stores


class Sharing:
    """Safe from several threads.  What it remembers may be forgotten: the next answer of the CA teaches it again.

    The claims are there for the moment between the CA's answer and our seeing the status in which its URL is stored.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._claims: Memory[tuple[Key, str]] = Memory()  # key and uid of an Order, by the URL of its order
        self._gives_twice: Memory[bool] = Memory()  # by the URI of the account
        self._lock = threading.Lock()

    def first(self, order: Order) -> Order | None:
        """Return the Order that goes before this one, which has no URL yet; None when it is its turn."""
        if order.status.url or not self._gives_twice.get(self._account(order)):
            return None
        return goes_first(order, self._others(order))

    def claim(self, order: Order, url: str) -> None:
        """Take an order of the CA for this Order; raises `Transient` where it is another's that is under way."""
        with self._lock:
            holder = self._holder(order, url)
            if holder is None:
                self._claims.put(url, (key_of(order), order.metadata.uid))
                return
        self._gives_twice.put(self._account(order), note=True)
        raise Transient(sentence(order, holder), reason="OrderShared")

    def is_free(self, order: Order, url: str) -> bool:
        """May this Order have that order of the CA?"""
        return self._holder(order, url) is None

    def is_shared(self, order: Order) -> bool:
        """Has another Order the same order of the CA?  Only where somebody else than this process has ordered."""
        return has_rival(order, self._others(order))

    def _holder(self, order: Order, url: str) -> Order | None:
        """By the claim first: what the store knows may be some milliseconds old."""
        if (claim := self._claims.get(url)) is not None and claim[1] != order.metadata.uid:
            claimant = self._stores.orders.get(*claim[0])
            if claimant is not None and claimant.metadata.uid == claim[1] and is_under_way(claimant):
                return claimant
        return holds(order, url, self._others(order))

    def _others(self, order: Order) -> Iterator[Order]:
        """Yield the Orders of the account for the same names, itself among them."""
        account = self._account(order)
        same = self._stores.orders.by_index(SAME_NAMES, same_names(order))
        return (one for one in same if self._account(one) == account)

    def _account(self, order: Order) -> str:
        """Return the URI of its issuer's account, empty when there is none."""
        return _uri(self._stores.issuer(order.metadata.namespace, order.spec.issuer_ref))


def _uri(issuer: AnyIssuer | None) -> str:
    acme = issuer.status.acme if issuer is not None else None
    return acme.uri if acme is not None else ""
