"""Whom a refusal for being too many concerns, and how far apart the next ones may come.

A limit of one name, or of one set of names, is that Order's own matter.  A limit of new orders concerns every
Order of the account: the others would be refused one after another, each refusal a request for nothing.
Let's Encrypt says in its refusal how many orders it lets through in which time, with an account's own allowance
in place of the published one; so the pace is read there, and not held in a table.

Texts of a CA are no interface: what is not recognised is taken as the one Order's matter.

And whether it is a limit of the CA that an Order waits for, for those who are to be told.  The process that came upon
the limit knows its moment.  Another, which has not asked yet, goes by what the Order says, and only where that can be
about the CA: once there is an order at the CA, it may be a provider of DNS that asks to slow down.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from certs.api.order import Order
from certs.durations import parse_duration

_NEW_ORDERS: Final = re.compile(r"too many new orders \((\d{1,7})\) from this account in the last ([0-9hms.]{2,20})")

# The word for machines (`Failure.reason`, the reason of an event) of what a CA's limit holds up.
LIMITED: Final = "RateLimited"
# How it is told to people; heeds no case.
LIMIT_SENTENCE: Final = r"rate.?limit|too many (new orders|certificates|failed)|its turn is at"
_SENTENCE: Final = re.compile(LIMIT_SENTENCE, re.IGNORECASE)
# The moment has come: how long the answer may take that says whether it was one limit or the first of two.
_ASKING: Final = timedelta(minutes=2)

# Whoever made the text up: thousands of Orders one after another still have a moment each that a calendar knows.
SLOWEST: Final = timedelta(hours=1)


def pace_of_account(told: str) -> timedelta | None:
    """Return how far apart new orders of an account may come; None when the text limits something else.

    >>> pace_of_account("too many new orders (300) from this account in the last 3h0m0s, retry after 2026-01-01")
    datetime.timedelta(seconds=36)
    >>> pace_of_account('too many certificates (50) already issued for "example.org" in the last 168h0m0s')
    """
    found = _NEW_ORDERS.search(told)
    if found is None:
        return None
    try:
        within = parse_duration(found[2]).timedelta
    except (ValueError, OverflowError):
        return None
    return min(within / max(int(found[1]), 1), SLOWEST)


def is_limited(order: Order | None, until: datetime | None, now: datetime) -> bool:
    """Does a limit of the CA hold up that Order?

    `until` is the moment that the CA has named to this process, for the Order or one of its Challenges; None when it
    has named none.
    """
    if order is None or order.status.state.is_final:
        return False
    if until is not None and now < until + _ASKING:
        return True
    return not order.status.url and _SENTENCE.search(order.status.reason) is not None
