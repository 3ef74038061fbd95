"""One limit for all new orders of an account: who was refused once does not have the others refused, too.

    open ──AccountLimited──> closed until the moment that the CA named
      ^                               │  each Order that comes has a slot: the moment, one pace later for each further
      └──one pace after the last slot──┘

An Order keeps its slot, so it is told once when its turn is.  Held in memory: a new process finds the gate
open, and learns of the limit with its first order.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from certs.decide.limits import LIMITED
from certs.outcomes import RateLimited
from shim.acme.problems import AccountLimited


@dataclass(slots=True)
class _Closed:
    """A closed gate: the next slot that nobody has, and who has which."""

    pace: timedelta
    only_new: bool  # renewals that name what they replace are exempt
    free: datetime
    slots: dict[str, datetime] = field(default_factory=dict)


class Gate:
    """The gates of all accounts, by server and account URL; safe from several threads."""

    def __init__(self) -> None:
        self._closed: dict[tuple[str, str], _Closed] = {}
        self._lock = threading.Lock()

    def enter(self, account: tuple[str, str], uid: str, attempt: str, now: datetime, *, replaces: bool) -> None:
        """Return when the Order of that uid may ask; raises `RateLimited` until its slot, beginning with `attempt`."""
        with self._lock:
            closed = self._closed.get(account)
            if closed is None or (replaces and closed.only_new):
                return
            if closed.free <= now:  # whoever had a slot may go, or has gone, or never comes
                del self._closed[account]
                return
            slot = closed.slots.get(uid)
            if slot is None:
                slot = closed.slots[uid] = max(closed.free, now)
                closed.free = slot + closed.pace
            if slot <= now:
                del closed.slots[uid]
                return
        raise RateLimited(
            f"{attempt}: the CA limits how many orders this account may begin: its turn is at "
            f"{slot:%Y-%m-%d %H:%M:%S} UTC",
            until=slot,
            reason=LIMITED,
        )

    def close(self, account: tuple[str, str], uid: str, limited: AccountLimited) -> None:
        """Let no order through before the moment that the CA named; the one that it refused is the first then.

        Slots before that moment are void: who had one queues anew.
        """
        with self._lock:
            before = self._closed.get(account)
            kept = before.slots if before is not None else {}
            slots = {other: slot for other, slot in kept.items() if slot > limited.until} | {uid: limited.until}
            free = max(slots.values()) + limited.pace
            self._closed[account] = _Closed(limited.pace, limited.only_new, free, slots)
