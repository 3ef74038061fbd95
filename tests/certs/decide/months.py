"""The world of `world`, lived in for months: with a calendar, a CA of 2026, and things that go wrong on some days."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from certs.api.certificate import CertificateStatus
from certs.api.order import ACMEState
from certs.decide import ari, challengestatus
from certs.decide import certificatesteps as certificates
from certs.decide import order as orders
from certs.decide.ari import Asked, Suggestion
from certs.decide.challengesteps import Progress
from certs.pki.ari import certificate_id
from certs.pki.x509 import Leaf, read_chain
from tests.certs.decide.objects import DAY, sign, with_status
from tests.certs.decide.world import CA, ORDER, World

HOUR: Final = timedelta(hours=1)
# For how long a valid authorization spares another proof: Let's Encrypt's profiles `tlsserver` and `shortlived`.
REUSED_FOR: Final = 7 * HOUR
BACKDATED: Final = HOUR
# What a clock, a queue and two networks cost beside the moment that was waited for.
LATE: Final = timedelta(seconds=1)
# The back-off of the queue ends at some minutes; months would take too long by that.
RETRY: Final = timedelta(hours=1)


class Period(NamedTuple):
    """From when until when, not included."""

    start: datetime
    end: datetime

    def has(self, moment: datetime) -> bool:
        """Does the moment lie in it?"""
        return self.start <= moment < self.end


@dataclass(frozen=True, slots=True)
class Calendar:
    """When what is out of order."""

    ca_down: tuple[Period, ...] = ()
    shim_down: tuple[Period, ...] = ()
    proofs_fail: tuple[Period, ...] = ()
    limited: tuple[Period, ...] = ()  # every newOrder is answered with 429 and the end as Retry-After


def period_of(periods: tuple[Period, ...], moment: datetime) -> Period | None:
    """Return the period that has the moment."""
    return next((one for one in periods if one.has(moment)), None)


@dataclass
class LastingCA(CA):
    """Remembers when each name was proven, and when it was asked for what."""

    validated: dict[str, datetime] = field(default_factory=dict)
    ordered_at: list[datetime] = field(default_factory=list)
    issued_at: list[datetime] = field(default_factory=list)
    proofs_at: list[datetime] = field(default_factory=list)
    failures_at: list[datetime] = field(default_factory=list)
    questions_at: list[datetime] = field(default_factory=list)

    def order_at(self, hosts: tuple[str, ...], now: datetime) -> str:
        """Begin an order; names proven lately need no other proof."""
        url = self.order(hosts)
        self.ordered_at.append(now)
        for authorization in self.orders[url].authorizations:
            proven = self.validated.get(authorization.rpartition("/")[2])
            if proven is not None and now - proven < REUSED_FOR:
                self.orders[url].authorizations[authorization] = ACMEState.VALID
        return url


# The window that a CA suggests for a certificate, and since when it says so.
Suggest = Callable[[Leaf, datetime], Suggestion]


@dataclass
class Months(World):
    """One certificate and its CA for as long as it takes; `suggest` None is a CA without renewal information."""

    ca: LastingCA = field(default_factory=LastingCA)
    lifetime: timedelta = 6 * DAY
    calendar: Calendar = field(default_factory=Calendar)
    suggest: Suggest | None = None
    forgets_every: int = 0  # so many renewals the shim is a new process
    asked: Asked | None = None
    expired_at: list[datetime] = field(default_factory=list)
    busiest: int = 0  # most turns without the clock moving on

    def live(self, renewals: int) -> None:
        """Let the time pass until so many certificates were issued after the first."""
        while len(self.ca.issued_at) <= renewals:
            turns = 0
            while any(turn() for turn in self.actors()):
                turns += 1
                assert turns < 500, f"no rest at {self.now}: {self.steps[-10:]}"
            self.busiest = max(self.busiest, turns)
            self._pass_time()

    def _pass_time(self) -> None:
        until = min(self.waits, default=None)
        assert until is not None, f"nobody waits for anything at {self.now}: {self.steps[-10:]}"
        self.waits.clear()
        self._clock(max(self.now, until) + LATE)
        asleep = period_of(self.calendar.shim_down, self.now)
        if asleep is not None:
            self._clock(asleep.end)
            self._restart()
        if self.forgets_every and len(self.ca.issued_at) % self.forgets_every == 0:
            self._restart()

    def _restart(self) -> None:
        self.forget()
        self.asked = None

    def _clock(self, moment: datetime) -> None:
        leaf = self.leaf
        if leaf is not None and leaf.not_after <= moment:
            self.expired_at.append(leaf.not_after)
        self.now = moment

    @property
    def leaf(self) -> Leaf | None:
        """What is served."""
        secret = self.secrets.get(self.certificate.spec.secret_name)
        return read_chain(secret.data["tls.crt"])[0] if secret is not None else None

    def signed(self, csr: bytes) -> bytes:
        """Return a certificate of the lifetime, dated back a little."""
        self.ca.issued_at.append(self.now)
        return sign(csr, not_before=self.now - BACKDATED, lifetime=self.lifetime, key_id=b"the CA's key")

    def observed(self) -> certificates.ObservedCertificate:
        found = super().observed()
        failed = self.orders.get(f"{ORDER}-of-{found.next_request.metadata.name}") if found.next_request else None
        setback = orders.setback(failed) if failed is not None else None
        heeds = self.suggest is not None
        return replace(found, by_acme=True, heeds_ari=heeds, asked=self.asked, setback=setback)

    def turn_certificate(self) -> bool:
        leaf = self.leaf
        before = self.certificate.status
        took = super().turn_certificate()
        if took and self.steps[-1] == "AskRenewalInfo":
            assert leaf is not None
            self.certificate = with_status(self.certificate, self._answered(leaf, before))
        return took

    def _answered(self, leaf: Leaf, status: CertificateStatus) -> CertificateStatus:
        assert self.suggest is not None
        self.ca.questions_at.append(self.now)
        own = certificate_id(leaf)
        if period_of(self.calendar.ca_down, self.now):
            self.asked = ari.after_failure(own, self.asked, self.now, is_temporary=True)
            return ari.unheard(status, "the CA does not answer", self.asked, self.now)
        said = self.suggest(leaf, self.now)
        self.asked = Asked(own, ari.next_check(said, self.now))
        return ari.heard(status, said, self.now)

    def turn_order(self, name: str) -> bool:
        limited = period_of(self.calendar.limited, self.now)
        if limited is not None and name in self.orders and not self.orders[name].status.url:
            self.waits.append(limited.end)
            return False
        return self._reaches_the_ca() and super().turn_order(name)

    def turn_challenge(self, name: str) -> bool:
        if name not in self.challenges or not self._reaches_the_ca():
            return False
        challenge = self.challenges[name]
        spec, uid = challenge.spec, challenge.metadata.uid
        known = self.progress.get(uid)
        states = self.ca.of(spec.authorization_url).authorizations
        refused = states[spec.authorization_url] is ACMEState.INVALID
        if known is not None and known.answered and refused and not challenge.status.state.is_final:
            verdict = challengestatus.verdict(ACMEState.INVALID, known)
            self._set_challenge(challenge, challengestatus.concluded(challenge, verdict, "nobody answers", self.now))
            return True
        took = super().turn_challenge(name)
        if took and self.steps[-1] == "Answer":
            self._validate(spec.dns_name, spec.authorization_url, states, self.progress[uid])
        return took

    def _validate(self, host: str, url: str, states: dict[str, ACMEState], known: Progress) -> None:
        assert known.answered
        self.ca.proofs_at.append(self.now)
        if period_of(self.calendar.proofs_fail, self.now):
            self.ca.failures_at.append(self.now)
            states[url] = ACMEState.INVALID
        else:
            self.ca.validated[host] = self.now

    def _reaches_the_ca(self) -> bool:
        """A CA that is away is asked again again and again."""
        if period_of(self.calendar.ca_down, self.now) is None:
            return True
        if any(not order.status.state.is_final for order in self.orders.values()):
            self.waits.append(self.now + RETRY)
        return False

    def new_order(self, hosts: tuple[str, ...]) -> str:
        """Begin an order at this hour."""
        return self.ca.order_at(hosts, self.now)
