"""Has names looked at before they are ordered for the first time, and keeps the line of those at which nobody answers.

What it means is decided in `certs.decide.precedence`.  All of this is memory: a new process looks again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Final

from certs.api.certificate import Certificate
from certs.api.issuer import AnyIssuer
from certs.api.meta import is_true
from certs.decide.challengesteps import Progress
from certs.decide.precedence import APART, BEHIND, ONE_IN, UNDER_WAY_FOR, WITHIN, Prospect, Sight, is_doubtful, looking
from certs.decide.route import looked_at
from shim.controllers.memory import Memory
from shim.preflight.background import Background
from shim.solvers.selfcheck import NotReachable, SelfCheck

# A look that finds nobody keeps a thread for half a second; of two hundred such names at once most are known in two.
THREADS: Final = 32
LONGEST_LOOK: Final = 0.5  # seconds, for the DNS and for the connection
# Of a hundred names in a certificate some are enough to tell.
MOST_NAMES: Final = 10
LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class Precedence:
    """What is known of Certificates, by namespace and name, since it is asked before they are made.

    Safe from several threads.  Without a check nobody is looked at, and everybody begins at once.
    """

    def __init__(self, check: SelfCheck | None = None) -> None:
        self._check = replace(check, timeout=LONGEST_LOOK) if check is not None else None
        self._lock = threading.Lock()
        self._prospects: Memory[Prospect] = Memory()
        self._under_way: dict[str, datetime] = {}  # good ones, and until when they count
        self._next_turn = LONG_AGO
        self._next_start = LONG_AGO  # of a doubtful one while good ones are under way
        self._blind = False
        self.background: Background[Sight] = Background(threads=THREADS, within=WITHIN.total_seconds())

    def prospect(self, certificate: Certificate, issuer: AnyIssuer | None) -> Prospect | None:
        """Return what is known of a Certificate's names; None when it is not to be looked at."""
        status = certificate.status
        if self._check is None or status.revision or status.last_failure_time is not None:
            return None
        if is_true(status.conditions, "Issuing") or not _names(certificate, issuer):
            return None
        known = self._prospects.get(_place(certificate)) or Prospect()
        if known.turn_at is None:
            return known
        with self._lock:
            until = min(max(self._under_way.values(), default=LONG_AGO), self._next_start)
        return replace(known, yield_until=until)

    def look(self, certificate: Certificate, issuer: AnyIssuer | None, now: datetime, then: Callable[[], None]) -> None:
        """Begin to look; `then` is called, from another thread, when it is known."""
        check, place = self._check, _place(certificate)
        assert check is not None  # noqa: S101  decided so
        before = self._prospects.get(place) or Prospect()
        again_at = self._turn(now + BEHIND) if before.turn_at is not None else None
        asked = looking(before, again_at, now)
        self._prospects.put(place, asked)

        def seen(what: tuple[Sight, ...]) -> None:
            turn_at = None
            if is_doubtful(what, blind=self._blind):
                turn_at = again_at or self._turn(now)
            self._prospects.put(place, replace(asked, answered=True, turn_at=turn_at))
            then()

        tasks = [partial(_seen, check, name) for name in _names(certificate, issuer)]
        self.background.begin(tasks, seen, tenant=certificate.metadata.namespace)

    def began(self, certificate: Certificate, now: datetime) -> None:
        """Note that a first issuance begins, or has just begun; one that was not to be looked at counts as good."""
        place = _place(certificate)
        prospect = self._prospects.get(place)
        with self._lock:
            if prospect is not None and prospect.turn_at is not None:
                self._next_start = max(self._next_start, now + ONE_IN)
            else:
                self._under_way = {one: until for one, until in self._under_way.items() if now < until}
                self._under_way[place] = now + UNDER_WAY_FOR
        if prospect is not None and not prospect.begun:
            self._prospects.put(place, replace(prospect, begun=True))

    def ended(self, certificate: Certificate) -> None:
        """Note that none is under way any more.  Idempotent."""
        with self._lock:
            self._under_way.pop(_place(certificate), None)
        self._prospects.drop(_place(certificate))

    def gone(self, namespace: str, name: str) -> None:
        """Note that there is no such Certificate, so that what it had under way will not end.  Idempotent.

        What is known of its names stays: they are looked at before it is made.
        """
        with self._lock:
            self._under_way.pop(f"{namespace}/{name}", None)

    def learn(self, progress: Progress | None) -> None:
        """Learn from a name that was proven over HTTP whether it could be seen from here."""
        if progress is not None and (progress.reachable or progress.unseen_from_here):
            self._blind = not progress.reachable

    def _turn(self, earliest: datetime) -> datetime:
        """Return the next turn that is not given away."""
        with self._lock:
            turn = max(earliest, self._next_turn)
            self._next_turn = turn + APART
        return turn


def _place(certificate: Certificate) -> str:
    return f"{certificate.metadata.namespace}/{certificate.metadata.name}"


def _names(certificate: Certificate, issuer: AnyIssuer | None) -> tuple[str, ...]:
    acme = issuer.spec.acme if issuer is not None else None
    if acme is None:
        return ()
    return tuple(islice(looked_at(certificate, acme), MOST_NAMES))


def _seen(check: SelfCheck, name: str, _end: float) -> Sight:
    try:
        check.reach(name)
    except NotReachable as error:
        return Sight.NOBODY if error.from_here else Sight.NOWHERE
    return Sight.SOMEBODY
