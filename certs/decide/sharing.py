"""Whose an order of the CA is, when two Orders of one account ask for the same names at the same time.

A CA may answer newOrder with an order of the account that is under way for these names (Boulder, which Let's Encrypt
runs, does).  It is finalized once, with one signing request, so it belongs to the Order that has it first.  The others
wait until that has ended, and then order: what it has proven need not be proven again.

Most CAs make an order each time, and there nobody waits: this is asked only about accounts of which it was seen.
"""

from __future__ import annotations

from collections.abc import Iterable

from certs.api.order import Order


def names_of(order: Order) -> tuple[str, ...]:
    """Return the identifiers as they are ordered: DNS names, then addresses, each sorted."""
    spec = order.spec
    return (*sorted(spec.dns_names), *sorted(spec.ip_addresses)) or (spec.common_name,)


def same_names(order: Order) -> str:
    """Return what is equal for Orders that a CA may give one order to; case does not count (RFC 4343)."""
    return ",".join(sorted({name.lower() for name in names_of(order)}))


def is_under_way(order: Order) -> bool:
    """Might its order still be finalized?"""
    return not order.status.state.is_final and order.metadata.deletion_timestamp is None


def goes_first(order: Order, others: Iterable[Order]) -> Order | None:
    """Return the Order that `order`, which has no URL yet, lets go first; None when it is its turn.

    `others` are the account's for the same names.  Whoever has an order at the CA goes first, then the oldest of those
    of one issuer: what keeps the oldest back (a limit, an issuer that is not ready) then keeps all of them back.
    """
    rivals = [
        one for one in others if is_under_way(one) and (one.status.url or one.spec.issuer_ref == order.spec.issuer_ref)
    ]
    first = min((*rivals, order), key=_turn)
    return None if first.metadata.uid == order.metadata.uid else first


def _turn(order: Order) -> tuple[bool, str, str, str]:
    metadata = order.metadata
    created = metadata.creation_timestamp.isoformat() if metadata.creation_timestamp is not None else ""
    return not order.status.url, created, metadata.namespace, metadata.name


def holds(order: Order, url: str, others: Iterable[Order]) -> Order | None:
    """Return the one of the others that has that order of the CA and may still finalize it, or None."""
    return next(
        (one for one in others if one.status.url == url and _is_other(one, order) and is_under_way(one)),
        None,
    )


def has_rival(order: Order, others: Iterable[Order]) -> bool:
    """Has another Order the same order of the CA, whatever has become of it?"""
    return any(one.status.url == order.status.url and _is_other(one, order) for one in others)


def _is_other(one: Order, order: Order) -> bool:
    return one.metadata.uid != order.metadata.uid


def sentence(order: Order, first: Order) -> str:
    """Return why the Order waits; whose the other is is not told across namespaces."""
    is_near = first.metadata.namespace == order.metadata.namespace
    whose = f'Order "{first.metadata.name}"' if is_near else "an Order in another namespace"
    return f"waits for {whose}, to which the CA has given the account's order for the same names; orders after it"
