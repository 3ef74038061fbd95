"""The ledgers of all accounts: one lock around what `certs.decide.ledger` keeps, and what is to be stored of it.

A ledger is opened when the first order of an account with limits comes, with what an earlier process has stored.
Accounts of CAs without known limits have none, and cost nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from certs.decide.ledger import Ledger
from certs.decide.limits import LIMITED
from certs.decide.ratelimits import Charge, Kind, Limits
from certs.outcomes import RateLimited


class AccountAt(NamedTuple):
    """An account, by the URL of its CA's directory and its own."""

    server: str
    uri: str


def _nothing(_account: AccountAt) -> str:
    return ""


class Ledgers:
    """Safe from several threads.  `load` returns what was stored of an account; it may block and raise."""

    def __init__(self, load: Callable[[AccountAt], str] = _nothing) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._books: dict[AccountAt, Ledger] = {}
        self._changed: set[AccountAt] = set()

    def enter(
        self,
        account: AccountAt,
        limits: Limits,
        uid: str,
        charges: Iterable[Charge],
        failures: Iterable[Charge],
        *,
        attempt: str,
        now: datetime,
    ) -> None:
        """Return when the Order of that uid may go; raises `RateLimited` until its turn, beginning with `attempt`."""
        if not limits:
            return
        book = self._book(account, limits)
        with self._lock:
            turn = book.enter(uid, charges, failures, now)
            self._changed.add(account)
        if turn.at > now:
            raise RateLimited(
                f"{attempt}: {turn.why}, and they are used up: its turn is at {turn.at:%Y-%m-%d %H:%M:%S} UTC",
                until=turn.at,
                reason=LIMITED,
            )

    def failed(self, account: AccountAt, limits: Limits, charges: Iterable[Charge], now: datetime) -> None:
        """Note proofs that the CA has found wanting."""
        if limits:
            book = self._book(account, limits)
            with self._lock:
                book.failed(charges, now)
                self._changed.add(account)

    def ended(self, uid: str, *, issued: bool) -> None:
        """Note how an Order has ended, of whatever account; one that has ended before, or never began, is no matter."""
        with self._lock:
            for account, book in self._books.items():
                if book.ended(uid, issued=issued):
                    self._changed.add(account)

    def refused(self, account: AccountAt, charges: Iterable[Charge], until: datetime) -> None:
        """Note that the CA knows better."""
        with self._lock:
            if account in self._books:
                self._books[account].refused(charges, until)
                self._changed.add(account)

    def take_changed(self, now: datetime) -> Mapping[AccountAt, str]:
        """Return what is to be stored of the accounts that have changed since the last time."""
        with self._lock:
            changed, self._changed = self._changed, set()
            return {account: self._books[account].dump(now) for account in changed}

    def put_back(self, account: AccountAt) -> None:
        """Have it returned again: it could not be stored."""
        with self._lock:
            self._changed.add(account)

    def least_left(self, now: datetime) -> Mapping[tuple[AccountAt, Kind], int]:
        """Return how many are left of the emptiest bucket of each kind, for figures."""
        with self._lock:
            found: dict[tuple[AccountAt, Kind], int] = {}
            for account, book in self._books.items():
                for kind, limit in book.limits.items():
                    left = (book.left(charge, now) for charge in book.full_at if charge.kind == kind)
                    found[account, kind] = min(left, default=limit.most)
            return found

    def _book(self, account: AccountAt, limits: Limits) -> Ledger:
        with self._lock:
            book = self._books.get(account)
        if book is None:
            stored = self._load(account)
            with self._lock:
                book = self._books.setdefault(account, Ledger())
                book.load(stored)
        book.limits = limits  # an admin may have written others since
        return book
