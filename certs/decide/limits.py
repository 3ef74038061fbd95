"""Whom a refusal for being too many concerns, and how far apart the next ones may come.

A limit of one name, or of one set of names, is that Order's own matter.  A limit of new orders concerns every
Order of the account: the others would be refused one after another, each refusal a request for nothing.
Let's Encrypt says in its refusal how many orders it lets through in which time, with an account's own allowance
in place of the published one; so the pace is read there, and not held in a table.

Texts of a CA are no interface: what is not recognised is taken as the one Order's matter.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from certs.durations import parse_duration

_NEW_ORDERS: Final = re.compile(r"too many new orders \((\d{1,7})\) from this account in the last ([0-9hms.]{2,20})")

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
