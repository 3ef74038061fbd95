"""RSA keys are made here, beside the work: one of 2048 bits takes a moment, one of 8192 half a minute.

    order ──> waiting ──> being made ──> made ──take──> gone
                │                          └── not taken for a while: dropped
                └── too many: the oldest is dropped         (its owner orders again)

Elliptic curves take microseconds and need no order.  One thread is for the slow sizes, the others for the
quick ones, and whoever has nothing to do helps: so nobody's fifty keys of 8192 bits are in the way of another's key
of 2048; and tenants take turns, so neither are somebody's two hundred of 2048.  The library lets go of the
interpreter's lock meanwhile, so workers go on.

Keys are kept in memory alone, are handed out once, and have no repr.  A process that ends loses them, and nothing by
it: no key counts before it is stored in its Secret.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import structlog

from certs.api.certificate import KeyAlgorithm
from certs.pki.keys import DEFAULT_SIZE, Key
from shim.engine.ring import Ring
from shim.keys import generate_key

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Generate = Callable[[KeyAlgorithm | None, int], Key]

# Beyond this it takes seconds; 4096 bits take less than half a one.
LARGEST_QUICK: Final = 4096
MOST_THREADS: Final = 4
# More than can be under way at once; an order is a few hundred bytes.
MOST_ORDERS: Final = 50_000
# Whoever ordered is woken when the key is there: one that is not taken soon is not wanted any more.
MOST_MADE: Final = 500
KEPT_FOR: Final = 600.0
STOPS_WITHIN: Final = 1.0


class Kind(NamedTuple):
    """What key."""

    algorithm: KeyAlgorithm
    size: int

    @classmethod
    def of(cls, algorithm: KeyAlgorithm | None, size: int) -> Kind:
        """Return it with the defaults of the API filled in."""
        chosen = algorithm or KeyAlgorithm.RSA
        return cls(chosen, size or DEFAULT_SIZE[chosen])

    @property
    def is_instant(self) -> bool:
        """Is it made in no time?"""
        return self.algorithm is not KeyAlgorithm.RSA

    @property
    def is_slow(self) -> bool:
        """Does it take seconds?"""
        return self.size > LARGEST_QUICK


@dataclass(slots=True)
class _Order:
    kind: Kind
    then: Callable[[], None]
    key: Key | None = field(default=None, repr=False)
    error: Exception | None = None
    made_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """How many keys wait to be made, are being made, wait to be taken; and how many were made so far."""

    waiting: int
    running: int
    ready: int
    made: int


class KeyMill:
    """Makes private keys for owners (a Certificate's uid, one key each at a time); safe from several threads."""

    def __init__(
        self,
        *,
        threads: int | None = None,
        generate: Generate = generate_key,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._count = threads or max(2, min(os.cpu_count() or 2, MOST_THREADS))
        self._generate = generate
        self._clock = clock
        self._changed = threading.Condition()
        self._quick: Ring[str, _Order] = Ring()
        self._slow: Ring[str, _Order] = Ring()
        self._running: dict[str, _Order] = {}
        self._made: OrderedDict[str, _Order] = OrderedDict()
        self._slow_running = 0
        self._total = 0
        self._threads: list[threading.Thread] = []
        self._stopped = False

    def is_ready(self, owner: str, algorithm: KeyAlgorithm | None, size: int) -> bool:
        """Can `take` answer at once: is the key made, or made in no time?"""
        kind = Kind.of(algorithm, size)
        with self._changed:
            order = self._made.get(owner)
            return kind.is_instant or (order is not None and order.kind == kind)

    def is_ordered(self, owner: str, algorithm: KeyAlgorithm | None, size: int) -> bool:
        """Is that key waiting to be made, or being made?"""
        kind = Kind.of(algorithm, size)
        with self._changed:
            found = (places.get(owner) for places in (self._quick, self._slow, self._running))
            return any(order is not None and order.kind == kind for order in found)

    def order(
        self, owner: str, algorithm: KeyAlgorithm | None, size: int, then: Callable[[], None], *, tenant: str = ""
    ) -> None:
        """Have a key made; `then` is called from another thread when it is there, or cannot be made.

        An order that the owner has already stays as it is; one for another kind of key is replaced.
        """
        order = _Order(Kind.of(algorithm, size), then)
        with self._changed:
            places = (self._quick, self._slow, self._running, self._made)
            known = next((found for place in places if (found := place.get(owner)) is not None), None)
            if known is not None and known.kind == order.kind:
                return
            self._forget(owner)
            waiting = self._slow if order.kind.is_slow else self._quick
            waiting.put(tenant, owner, order)
            if len(waiting) > MOST_ORDERS:
                waiting.take_next()
            self._begin()
            self._changed.notify_all()

    def take(self, owner: str, algorithm: KeyAlgorithm | None, size: int) -> Key:
        """Return the key that was made for the owner, or a new one made here and now (which blocks for RSA).

        Raises what was raised when it was to be made: `Permanent` for a size that the algorithm does not have.
        """
        kind = Kind.of(algorithm, size)
        with self._changed:
            order = self._made.get(owner)
            if order is not None:
                del self._made[owner]
        if order is None or order.kind != kind:
            return self._generate(kind.algorithm, kind.size)
        if order.error is not None:
            raise order.error
        assert order.key is not None  # noqa: S101  it is made
        return order.key

    def figures(self) -> Figures:
        """Return the figures for metrics."""
        with self._changed:
            waiting = len(self._quick) + len(self._slow)
            return Figures(waiting, len(self._running), len(self._made), self._total)

    def stop(self) -> None:
        """Make no more; a key that is being made is left to its thread, which ends with the process."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        ends_at = time.monotonic() + STOPS_WITHIN
        for thread in self._threads:
            thread.join(max(ends_at - time.monotonic(), 0.0))

    def _forget(self, owner: str) -> None:
        for waiting in (self._quick, self._slow):
            if owner in waiting:
                waiting.take(owner)
        for place in (self._running, self._made):
            place.pop(owner, None)

    def _begin(self) -> None:
        """Start the threads with the first order: most clusters never need them."""
        if self._threads or self._stopped:
            return
        for number in range(self._count):
            thread = threading.Thread(target=self._work, name=f"keymill {number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (picked := self._pick()) is not None:
            owner, order = picked
            key, error = self._make(order.kind)
            with self._changed:
                self._slow_running -= order.kind.is_slow
                self._changed.notify_all()
                is_wanted = self._running.get(owner) is order
                if is_wanted:
                    del self._running[owner]
                    order.key, order.error, order.made_at = key, error, self._clock()
                    self._made[owner] = order
                    self._total += 1
                    self._sweep()
            if is_wanted:
                order.then()

    def _make(self, kind: Kind) -> tuple[Key | None, Exception | None]:
        try:
            return self._generate(kind.algorithm, kind.size), None
        except Exception as error:  # noqa: BLE001  it is raised where the key is taken
            return None, error

    def _pick(self) -> tuple[str, _Order] | None:
        """Wait for an order and take it in hand; None at the end."""
        with self._changed:
            while not self._stopped:
                waiting = self._next()
                if waiting is None:
                    self._changed.wait()
                    continue
                owner, order = waiting.take_next()
                self._running[owner] = order
                self._slow_running += order.kind.is_slow
                return owner, order
            return None

    def _next(self) -> Ring[str, _Order] | None:
        """Choose from which orders to take one: at most one thread for the slow, unless there are no others."""
        if self._slow and (not self._slow_running or not self._quick) and self._slow_running < max(self._count - 1, 1):
            return self._slow
        return self._quick or None

    def _sweep(self) -> None:
        """Drop made keys that nobody takes: they are in the order in which they were made."""
        old = self._clock() - KEPT_FOR
        while self._made:
            owner, first = next(iter(self._made.items()))
            if len(self._made) <= MOST_MADE and first.made_at > old:
                return
            del self._made[owner]
            log.warning("private key dropped, nobody took it", owner=owner)
