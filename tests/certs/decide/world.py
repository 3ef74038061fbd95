"""A cluster and a CA in a few dictionaries: takes the steps that the decisions name, as controllers and servers would.

`turn` gives one object one turn: observe, decide, act, once.  Everything that a process may forget (`seen`, `progress`)
stands apart from what the API server and the CA hold, so a test can have it forgotten at any moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import msgspec

from certs.api.certificate import Certificate
from certs.api.certificaterequest import CertificateRequest
from certs.api.challenge import Challenge
from certs.api.core import Secret
from certs.api.issuer import Issuer
from certs.api.meta import controller_of, owner_reference
from certs.api.order import ACMEAuthorization, ACMEState, Order
from certs.decide import certificatesteps as certificates
from certs.decide import challenge as challenges
from certs.decide import challengesteps
from certs.decide import order as orders
from certs.decide import request as requests
from certs.decide.certificate import decide as decide_certificate
from certs.decide.certificatesteps import NEXT_KEY_LABEL
from certs.decide.challengestatus import concluded
from certs.decide.challengesteps import ObservedChallenge, Progress, SetChallengeStatus
from certs.decide.order import ObservedOrder, Seen
from certs.outcomes import Done, Wait
from certs.pki.keys import decode_key, matches
from certs.pki.x509 import read_chain
from tests.certs.decide import objects
from tests.certs.decide.objects import DAY, NOW, ObjectT, next_key, pem, sign, with_status, written

ORDER: Final = "shop-order"


def owner_of(obj: Order | Challenge) -> str:
    """Return the uid of the owner."""
    owner = controller_of(obj.metadata)
    return owner.uid if owner is not None else ""


@dataclass
class CAOrder:
    """An order at the CA."""

    authorizations: dict[str, ACMEState]
    state: ACMEState = ACMEState.PENDING
    csr: bytes = b""

    def finalize(self, csr: bytes) -> ACMEState:
        """Begin to sign, if everything is proven; otherwise say how the order stands."""
        if self.state is ACMEState.PENDING and set(self.authorizations.values()) == {ACMEState.VALID}:
            self.state, self.csr = ACMEState.PROCESSING, csr
        return self.state

    def poll(self) -> ACMEState:
        """Say how the order stands; who asks while it is being signed finds it signed the next time."""
        if self.state is ACMEState.PROCESSING:
            self.state = ACMEState.VALID
            return ACMEState.PROCESSING
        return self.state


@dataclass
class CA:
    """The orders of one account, by URL."""

    orders: dict[str, CAOrder] = field(default_factory=dict)

    @property
    def new_orders(self) -> int:
        """How often an order was asked for."""
        return len(self.orders)

    def order(self, hosts: tuple[str, ...]) -> str:
        """Begin an order; return its URL."""
        url = f"https://ca.test/order/{len(self.orders) + 1}"
        self.orders[url] = CAOrder({f"{url}/authorization/{host}": ACMEState.PENDING for host in hosts})
        return url

    def of(self, authorization: str) -> CAOrder:
        """Return the order that has the authorization."""
        return self.orders[authorization.partition("/authorization/")[0]]


@dataclass
class World:
    """What is stored, what is remembered, and what was done."""

    certificate: Certificate
    now: datetime = NOW
    secrets: dict[str, Secret] = field(default_factory=dict)
    requests: dict[str, CertificateRequest] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    challenges: dict[str, Challenge] = field(default_factory=dict)
    issuer: Issuer = field(default_factory=objects.issuer)
    ca: CA = field(default_factory=CA)
    routes: set[str] = field(default_factory=set)
    seen: dict[str, Seen] = field(default_factory=dict)
    progress: dict[str, Progress] = field(default_factory=dict)
    collects: bool = True  # is the garbage collector fast?
    keys: int = 0
    made: int = 0
    writes: int = 0
    steps: list[str] = field(default_factory=list)
    waits: list[datetime] = field(default_factory=list)

    def forget(self) -> None:
        """Be a new process."""
        self.seen.clear()
        self.progress.clear()

    def collect(self) -> None:
        """Delete what belonged to what is gone."""
        requests_left = {one.metadata.uid for one in self.requests.values()}
        self.orders = {n: one for n, one in self.orders.items() if owner_of(one) in requests_left}
        orders_left = {one.metadata.uid for one in self.orders.values()}
        self.challenges = {n: one for n, one in self.challenges.items() if owner_of(one) in orders_left}

    def actors(self) -> list[Callable[[], bool]]:
        """Return a turn for each object; a turn tells whether anything was done."""
        if self.collects:
            self.collect()
        return [
            self.turn_certificate,
            *(lambda name=name: self.turn_request(name) for name in self.requests),
            *(lambda name=name: self.turn_order(name) for name in self.orders),
            *(lambda name=name: self.turn_challenge(name) for name in self.challenges),
        ]

    def run(self, *, most: int = 200) -> None:
        """Give everybody turns, oldest first, until nobody has anything to do before the renewal."""
        for _ in range(most):
            if any(turn() for turn in self.actors()):
                continue
            if not self.sleep():
                return
        raise AssertionError(f"no end after {most} rounds: {self.steps[-10:]}")

    def sleep(self) -> bool:
        """Let the time pass until the first who waits; False when that is further off than a day, or nobody waits."""
        until = min(self.waits, default=None)
        self.waits.clear()
        if until is None or until - self.now > DAY:
            return False
        self.now = max(self.now, until)
        return True

    def observed(self) -> certificates.ObservedCertificate:
        found = certificates.ObservedCertificate(
            certificate=self.certificate,
            secret=self.secrets.get(self.certificate.spec.secret_name),
            requests=tuple(self.requests.values()),
        )
        keys = {name: one for name, one in self.secrets.items() if NEXT_KEY_LABEL in one.metadata.labels}
        chosen = next((keys.pop(name) for name in found.next_key_names if name in keys), None)
        return replace(found, next_key=chosen, leftover_keys=tuple(keys.values()))

    def turn_certificate(self) -> bool:
        observed = self.observed()
        step = decide_certificate(observed, self.now)
        if self._is_rest(step):
            return False
        self._took(step)
        self.writes += 1
        match step:
            case certificates.StoreNextKey(name):
                self.keys += 1
                self.secrets[name] = next_key(self.certificate, name, f"made-{self.keys}")
            case certificates.DeleteNextKey(name):
                del self.secrets[name]
            case certificates.CreateRequest(name, revision):
                assert observed.next_key is not None
                which = next(
                    f"made-{number}"
                    for number in range(1, self.keys + 1)
                    if pem(f"made-{number}") == observed.next_key.data["tls.key"]
                )
                self.requests[name] = self._unique(objects.request(self.certificate, revision, with_key=which))
            case certificates.DeleteRequest(name):
                del self.requests[name]
            case certificates.WriteSecret(request):
                assert observed.next_key is not None
                self._write_secret(request, observed.next_key.data["tls.key"])
            case certificates.SetCertificateStatus(status):
                self.certificate = with_status(self.certificate, status)
        return True

    def _write_secret(self, request: CertificateRequest, key: bytes) -> None:
        chain = request.status.certificate
        assert matches(decode_key(key), read_chain(chain)[0]), "a Secret with a mismatched pair"
        name = self.certificate.spec.secret_name
        self.secrets[name] = written(self.certificate, chain, key)

    def turn_request(self, name: str) -> bool:
        request = self.requests.get(name)
        if request is None:
            return False
        order_name = f"{ORDER}-of-{name}"
        observed = requests.ObservedRequest(request, self.issuer, self.orders.get(order_name), order_name)
        step = requests.decide(observed, self.now)
        if self._is_rest(step):
            return False
        self._took(step)
        self.writes += 1
        match step:
            case requests.SetRequestStatus(status):
                self.requests[name] = with_status(request, status)
            case requests.CreateOrder(made):
                order = self._unique(objects.order(request))
                metadata = msgspec.structs.replace(order.metadata, name=made)
                self.orders[made] = msgspec.structs.replace(order, metadata=metadata)
            case requests.DeleteOrder(gone):
                del self.orders[gone]
        return True

    def turn_order(self, name: str) -> bool:
        order = self.orders.get(name)
        if order is None:
            return False
        mine = tuple(one for one in self.challenges.values() if owner_of(one) == order.metadata.uid)
        observed = ObservedOrder(order, self.issuer, mine, self.seen.get(order.metadata.uid))
        step = orders.decide(observed, self.now)
        if self._is_rest(step):
            return False
        self._took(step)
        self._act_order(observed, step)
        return True

    def _act_order(self, observed: ObservedOrder, step: object) -> None:
        order = observed.order
        match step:
            case orders.NewOrder():
                url = self.new_order(order.spec.dns_names)
                status = orders.ordered(
                    order,
                    url=url,
                    finalize_url=f"{url}/finalize",
                    authorizations=tuple(self.ca.orders[url].authorizations),
                    state=ACMEState.PENDING,
                )
                self._set_order(order, status)
                self.seen[order.metadata.uid] = Seen(ACMEState.PENDING, self.now)
            case orders.Authorize(url):
                host = url.rpartition("/")[2]
                if self.ca.of(url).authorizations[url] is ACMEState.VALID:
                    known = ACMEAuthorization(url=url, identifier=host, initial_state=ACMEState.VALID)
                    self._set_order(order, orders.authorized(order, known))
                else:
                    made = self._unique(objects.challenge(host, authorization_url=url))
                    owned = msgspec.structs.replace(made.metadata, owner_references=(owner_reference(order),))
                    self.challenges[made.metadata.name] = msgspec.structs.replace(made, metadata=owned)
                    self.progress[made.metadata.uid] = Progress(since=self.now, due=self.now, looked=True)
                    self.writes += 1
            case orders.Finalize():
                self._heard(observed, self.ca.orders[order.status.url].finalize(order.spec.request))
            case orders.Poll():
                self._heard(observed, self.ca.orders[order.status.url].poll())
            case orders.Download():
                self._set_order(order, orders.completed(observed, self.signed(self.ca.orders[order.status.url].csr)))
            case orders.SetOrderStatus(status):
                self._set_order(order, status)
            case orders.DeleteChallenge(gone):
                del self.challenges[gone]
                self.writes += 1
            case _:
                raise AssertionError(f"not on this way: {step}")

    def new_order(self, hosts: tuple[str, ...]) -> str:
        """Begin an order; return its URL."""
        return self.ca.order(hosts)

    def signed(self, csr: bytes) -> bytes:
        """Return the certificate that the CA makes of a request."""
        return sign(csr, not_before=self.now - DAY)

    def _heard(self, observed: ObservedOrder, state: ACMEState) -> None:
        url = "https://ca.test/certificate/1" if state is ACMEState.VALID else ""
        polls = observed.seen.polls + 1 if observed.seen is not None else 0
        self.seen[observed.order.metadata.uid] = orders.seen_from(
            state, now=self.now, retry_after=None, certificate_url=url, polls=polls
        )

    def _set_order(self, order: Order, status: object) -> None:
        self.orders[order.metadata.name] = with_status(order, status)
        self.writes += 1

    def turn_challenge(self, name: str) -> bool:
        challenge = self.challenges.get(name)
        if challenge is None:
            return False
        uid, host, url = challenge.metadata.uid, challenge.spec.dns_name, challenge.spec.authorization_url
        before = self.progress.get(uid)
        step = challenges.decide(ObservedChallenge(challenge, self.issuer, host in self.routes, before), self.now)
        if self._is_rest(step):
            return False
        self._took(step)
        remembered = before or Progress(since=self.now, due=self.now)
        match step:
            case challengesteps.Look() if self.ca.of(url).authorizations[url] is ACMEState.VALID:
                self._set_challenge(challenge, concluded(challenge, ACMEState.VALID, "", self.now))
            case challengesteps.Look():
                self.progress[uid] = replace(remembered, looked=True, due=self.now)
            case challengesteps.EnsureRoute():
                self.routes.add(host)
                self.writes += 1
            case challengesteps.SelfCheck():
                self.progress[uid] = replace(remembered, reachable=True)
            case challengesteps.Answer():
                self.ca.of(url).authorizations[url] = ACMEState.VALID
                self.progress[uid] = replace(remembered, answered=True, due=self.now)
            case SetChallengeStatus():
                self._set_challenge(challenge, step)
            case _:
                raise AssertionError(f"not on this way: {step}")
        return True

    def _set_challenge(self, challenge: Challenge, step: SetChallengeStatus) -> None:
        self.challenges[challenge.metadata.name] = with_status(challenge, step.status)
        self.writes += 1

    def _unique(self, obj: ObjectT) -> ObjectT:
        """Return the object with the uid of a new one."""
        self.made += 1
        return msgspec.structs.replace(obj, metadata=msgspec.structs.replace(obj.metadata, uid=f"uid-{self.made}"))

    def _took(self, step: object) -> None:
        self.steps.append(type(step).__name__)

    def _is_rest(self, step: object) -> bool:
        if isinstance(step, Wait):
            self.waits.append(step.until)
        return isinstance(step, Wait | Done)
