"""What an account has used up of its CA's limits, and when the next order may go.

Each limit is a token bucket, kept as one moment (generic cell rate algorithm): when all that was taken will have come
back.  A token may be taken `most - 1` refills before that moment.  So a bucket is one timestamp, a full one is none
at all, and whatever is lost only forgets that something was taken: the CA says so, then.

    enter ──room──> taken                          ended without a certificate ──> what certificates count is given back
      └── none ──> a turn of its own, kept         refused by the CA ──> nothing before the moment that it named

No clock and no lock of its own; `shim.acme` brings both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from certs.decide.ratelimits import KINDS, NONE, Charge, Limits, sentence

# A ConfigMap holds one MiB; a line takes up to 300 bytes.
MOST_STORED: Final = 3000
# An Order is woken when its turn has come; one that does not come for so long has lost it.
LAPSE: Final = timedelta(minutes=1)
LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Turn:
    """When an order may go, and which limit says so; empty when none does."""

    at: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """The turn of an Order, and the empty buckets of which it is to get a token then."""

    turn: Turn
    of: tuple[Charge, ...]


@dataclass(slots=True)
class Ledger:
    """The buckets of one account by what they are of, who waits for which (by the Order's uid), and who took what."""

    limits: Limits = field(default_factory=lambda: NONE)
    full_at: dict[Charge, datetime] = field(default_factory=dict)
    taken: dict[str, tuple[Charge, ...]] = field(default_factory=dict)
    _waiting: dict[str, _Waiting] = field(default_factory=dict)
    _ahead: Counter[Charge] = field(default_factory=Counter)
    _looked_at: datetime = LONG_AGO

    def enter(self, uid: str, charges: Iterable[Charge], failures: Iterable[Charge], now: datetime) -> Turn:
        """Return the turn of an Order: now, with its tokens taken, or the moment that is kept for it.

        Whoever comes anew waits behind those who wait already; who has its tokens and comes again (no answer has come
        back) takes no others.  `failures` are looked at only: failed proofs use them up.
        """
        if uid in self.taken:
            return Turn(now)
        kept = self._waiting.get(uid)
        if kept is not None and kept.turn.at > now:
            return kept.turn
        self._drop(uid)
        self._drop_who_never_came(now)
        wanted = [charge for charge in charges if charge.kind in self.limits]
        watched = [charge for charge in failures if charge.kind in self.limits]
        # Its turn has come: nobody is ahead of it any more.
        turns = {charge: self._turn(charge, now, 0 if kept else self._ahead[charge]) for charge in (*wanted, *watched)}
        turn = max(turns.values(), key=_at, default=Turn(now))
        if turn.at <= now:
            for charge in wanted:
                self._take(charge, now)
            self.taken[uid] = tuple(wanted)
        else:
            self._waiting[uid] = _Waiting(turn, tuple(charge for charge in wanted if turns[charge].at > now))
            self._ahead.update(self._waiting[uid].of)
        return turn

    def failed(self, charges: Iterable[Charge], now: datetime) -> None:
        """Note proofs that have failed."""
        for charge in charges:
            if charge.kind in self.limits:
                self._take(charge, now)

    def ended(self, uid: str, *, issued: bool) -> bool:
        """Give back what only certificates use up, if there was none; False when nothing is known of the Order."""
        is_known = uid in self._waiting or uid in self.taken
        self._drop(uid)
        for charge in self.taken.pop(uid, ()):
            limit = self.limits.get(charge.kind)  # None when an admin has taken it away meanwhile
            if not issued and charge.kind in {"domain", "set"} and charge in self.full_at and limit is not None:
                self.full_at[charge] -= limit.refill
        return is_known

    def refused(self, charges: Iterable[Charge], until: datetime) -> None:
        """Have nothing of these go before the moment that the CA has named."""
        for charge in charges:
            if charge.kind in self.limits:
                limit = self.limits[charge.kind]
                empty = until + (limit.most - 1) * limit.refill
                self.full_at[charge] = max(self.full_at.get(charge, empty), empty)

    def left(self, charge: Charge, now: datetime) -> int:
        """Return how many tokens a bucket has."""
        limit = self.limits[charge.kind]
        full_at = self.full_at.get(charge)
        if full_at is None or full_at <= now:
            return limit.most
        return max(limit.most + (now - full_at) // limit.refill, 0)

    def dump(self, now: datetime) -> str:
        """Return what is worth storing: buckets that are not full; of very many those that take longest."""
        lasting = sorted(((full_at, charge) for charge, full_at in self.full_at.items() if full_at > now), reverse=True)
        self.full_at = {charge: full_at for full_at, charge in lasting}
        stored = {f"{charge.kind} {charge.key}".strip(): full_at for full_at, charge in lasting[:MOST_STORED]}
        return msgspec.json.encode(stored).decode()

    def load(self, text: str) -> None:
        """Add what was stored; what cannot be read is left out, and of a bucket that is known the emptier counts."""
        for charge, full_at in _read(text).items():
            self.full_at[charge] = max(full_at, self.full_at.get(charge, full_at))

    def _turn(self, charge: Charge, now: datetime, ahead: int) -> Turn:
        limit = self.limits[charge.kind]
        # An empty bucket is full after `within`: what is further off was taken by a clock that has gone back since.
        full_at = min(max(self.full_at.get(charge, now), now), now + limit.within) + ahead * limit.refill
        return Turn(max(now, full_at - (limit.most - 1) * limit.refill), sentence(charge, limit))

    def _take(self, charge: Charge, at: datetime) -> None:
        limit = self.limits[charge.kind]
        full_at = min(max(self.full_at.get(charge, at), at), at + limit.within)
        self.full_at[charge] = full_at + limit.refill

    def _drop(self, uid: str) -> None:
        waiting = self._waiting.pop(uid, None)
        if waiting is not None:
            self._ahead.subtract(waiting.of)

    def _drop_who_never_came(self, now: datetime) -> None:
        """Forget the turns of Orders that did not come, whatever holds them up now."""
        if now - self._looked_at < LAPSE and self._looked_at <= now:
            return
        self._looked_at = now
        for uid in [uid for uid, waiting in self._waiting.items() if waiting.turn.at + LAPSE < now]:
            self._drop(uid)
        self._ahead = +self._ahead


def _at(turn: Turn) -> datetime:
    return turn.at


def _read(text: str) -> Mapping[Charge, datetime]:
    try:
        stored = msgspec.json.decode(text, type=dict[str, datetime])
    except msgspec.DecodeError:
        return {}
    found = {}
    for name, full_at in stored.items():
        kind, _, key = name.partition(" ")
        known = next((one for one in KINDS if one == kind), None)
        if known is not None:
            found[Charge(known, key)] = full_at if full_at.tzinfo is not None else full_at.replace(tzinfo=UTC)
    return found
