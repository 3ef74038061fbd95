"""What the challenge controller needs for DNS-01: write a value, see whether it is there, take it out again.

    Challenge ─> _acme-challenge.<name> ─(cnameStrategy)─> target, its zone ─> writer ─> the vendor's API

Changes of one name come one after another, and the first that gets its turn writes the values of all Challenges that
wait for it.  Where a value stands is remembered together with its writer, so that it can be taken out when issuer
and Secret are gone, as they are in a namespace that is being deleted; who has forgotten builds both anew.

A worker never waits here for more than a moment (`shim.solvers.jobs`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from certs.api.challenge import Challenge
from certs.api.core import Secret
from certs.api.issuer import AnyIssuer, DNS01Solver
from certs.api.meta import SecretKeySelector
from certs.decide.challengesteps import UNDERWAY, Underway, record_name
from certs.outcomes import Permanent, WaitingForUser
from shim.controllers.secrets import Secrets
from shim.kube.transport import Transport
from shim.solvers.dns01 import Change, Credentials, DNSWriter, Registry
from shim.solvers.dns01.propagation import NotYet, Propagation
from shim.solvers.dns01.questions import Questions
from shim.solvers.dns01.registry import REGISTRY, WEBHOOK, provider
from shim.solvers.dns01.tokens import request_token
from shim.solvers.dns01.webhook import Webhook
from shim.solvers.dns01.zones import Zones
from shim.solvers.jobs import Jobs, StillWorking
from shim.stores import solver_secrets

__all__ = ["DNS01", "DNSSettings", "NotYet", "StillWorking"]

PATIENCE: Final = 0.1  # seconds; a fast API is done, a slow one tells when it is
_STRIPES: Final = 64  # names that share one wait for each other: harmless, and no lock has to be cleared away
_MOST_ZONES: Final = 64  # different `nameservers` of solvers


@dataclass(frozen=True, slots=True)
class DNSSettings:
    """What the admin chose."""

    nameservers: tuple[str, ...] = ()
    recursive_only: bool = False
    authoritative_port: int = 53
    issuer_ambient: bool = False
    cluster_issuer_ambient: bool = True


@dataclass(frozen=True, slots=True)
class _Placed:
    """Where a value stands, and who can take it out."""

    change: Change
    writer: DNSWriter


class DNS01:
    """What the challenge controller needs for DNS-01.  Safe to use from several threads."""

    def __init__(
        self,
        secrets: Secrets,
        transport: Transport,
        settings: DNSSettings,
        namespace_of: Callable[[AnyIssuer], str],
        *,
        registry: Registry = REGISTRY,
        patience: float = PATIENCE,
        wake: Callable[[Challenge], None] = lambda _: None,
    ) -> None:
        """`wake` is called when work for a Challenge is over that nobody waited for."""
        self._secrets = secrets
        self._transport = transport
        self._settings = settings
        self._namespace_of = namespace_of
        self._registry = registry
        self._patience = patience
        self._jobs = Jobs()
        self._wake = wake
        self._lock = threading.Lock()
        self._stripes = tuple(threading.Lock() for _ in range(_STRIPES))
        self._targets = tuple(threading.Lock() for _ in range(_STRIPES))
        self._placed: dict[str, _Placed] = {}
        self._zones: dict[tuple[str, ...], Zones] = {}

    def is_presented(self, challenge: Challenge) -> bool:
        """Has this process written its value?"""
        return challenge.metadata.uid in self._placed

    def over(self, challenge: Challenge) -> frozenset[Underway]:
        """Return what is over that was StillWorking, and was not asked about again."""
        uid = challenge.metadata.uid
        return frozenset(what for what in UNDERWAY if self._jobs.is_over(f"{what}/{uid}"))

    def present(self, challenge: Challenge, issuer: AnyIssuer, others: Callable[[], Iterable[Challenge]]) -> None:
        """Write the value, and with it those of others that are at the same name and have the same solver.

        `others` is asked when it is this name's turn.  Idempotent.  Raises StillWorking, or why it cannot be done.
        """

        def work() -> None:
            with self._turn(challenge):
                if not self.is_presented(challenge):
                    self._write(challenge, issuer, others())

        self._run("present", challenge, work, self._inputs(issuer))

    def check(self, challenge: Challenge) -> None:
        """Look whether the value can be seen; raises NotYet with the reason, or StillWorking."""
        solver = _solver(challenge)

        def work() -> None:
            zones = self._zones_for(solver)
            at = solver.nameservers or (zones.questions.asked() if self._settings.recursive_only else ())
            # acme-dns writes to the target of the CNAME whatever the strategy is.
            in_place = solver.cname_strategy != "Follow" and solver.acme_dns is None
            Propagation(zones, at, in_place).check(record_name(challenge), challenge.spec.key)

        self._run("check", challenge, work)

    def clean_up(
        self, challenge: Challenge, issuer: AnyIssuer | None, why_not: str, needed: Callable[[], bool]
    ) -> None:
        """Take the value out, unless another Challenge still needs the same one.

        Without an issuer whose solver it is (`why_not` says why) only what this process has written itself can be
        taken out.  Idempotent.  Raises StillWorking, or why it cannot be done.
        """
        uid = challenge.metadata.uid
        # A change that is under way would write what is taken out now.
        self._jobs.join(f"present/{uid}", patience=self._patience)

        def work() -> None:
            with self._turn(challenge):
                if not needed():
                    self._remove(challenge, None if why_not else issuer, why_not)
                self._forget(uid)

        self._run("clean-up", challenge, work, self._inputs(issuer))

    def _inputs(self, issuer: AnyIssuer | None) -> str:
        """Return what a change depends on beside the Challenge: the versions of its issuer and of the credentials."""
        if issuer is None:
            return ""
        namespace = self._namespace_of(issuer)
        secrets = (f"{name}@{self._secrets.version(namespace, name)}" for name in solver_secrets(issuer))
        return " ".join((issuer.metadata.resource_version, *secrets))

    def _run(self, what: Underway, challenge: Challenge, work: Callable[[], None], of: str = "") -> None:
        metadata = challenge.metadata
        self._jobs.run(
            f"{what}/{metadata.uid}",
            work,
            patience=self._patience,
            tenant=metadata.namespace,
            of=of,
            ended=partial(self._wake, challenge),
        )

    def _turn(self, challenge: Challenge) -> threading.Lock:
        """Return the lock of a name before CNAMEs: who comes second finds written what was written together."""
        return self._stripes[hash(record_name(challenge)) % _STRIPES]

    def _change(self, writer: DNSWriter, change: Change) -> None:
        """Make a change when it is the turn of the name itself, to which CNAMEs of several may lead.

        The locks are others than those of `_turn`, within which this is called, so nobody waits in a circle.
        """
        with self._targets[hash(change.name) % _STRIPES]:
            writer.change(change)

    def _write(self, challenge: Challenge, issuer: AnyIssuer, others: Iterable[Challenge]) -> None:
        name, solver = record_name(challenge), _solver(challenge)
        together = [challenge, *(one for one in others if not self.is_presented(one) and record_name(one) == name)]
        writer = self._build(challenge, issuer)
        zones = self._zones_for(solver)
        target = zones.target(name, follow=solver.cname_strategy == "Follow")
        change = Change(zone=zones.zone(target).name, name=target, add=frozenset(one.spec.key for one in together))
        self._change(writer, change)
        with self._lock:
            for one in together:
                self._placed[one.metadata.uid] = _Placed(change, writer)

    def _remove(self, challenge: Challenge, issuer: AnyIssuer | None, why_not: str) -> None:
        placed = self._placed.get(challenge.metadata.uid)
        gone = frozenset((challenge.spec.key,))
        if placed is not None:
            change = Change(zone=placed.change.zone, name=placed.change.name, remove=gone)
            self._change(self._rebuilt(challenge, issuer, placed.writer), change)
            return
        if issuer is None:
            raise WaitingForUser(why_not)
        solver, zones = _solver(challenge), self._zones_for(_solver(challenge))
        writer = self._build(challenge, issuer)
        target = zones.target(record_name(challenge), follow=solver.cname_strategy == "Follow")
        self._change(writer, Change(zone=zones.zone(target).name, name=target, remove=gone))

    def _rebuilt(self, challenge: Challenge, issuer: AnyIssuer | None, known: DNSWriter) -> DNSWriter:
        """Return a writer with today's credentials, or the one that has written the value."""
        if issuer is None:
            return known
        try:
            return self._build(challenge, issuer)
        except WaitingForUser:
            return known

    def _forget(self, uid: str) -> None:
        with self._lock:
            self._placed.pop(uid, None)

    def _zones_for(self, solver: DNS01Solver) -> Zones:
        servers = solver.nameservers or self._settings.nameservers
        with self._lock:
            if len(self._zones) > _MOST_ZONES:
                self._zones.clear()
            if servers not in self._zones:
                questions = Questions(servers, self._settings.authoritative_port)
                self._zones[servers] = Zones(
                    questions, recursive_only=self._settings.recursive_only or bool(solver.nameservers)
                )
            return self._zones[servers]

    def _build(self, challenge: Challenge, issuer: AnyIssuer) -> DNSWriter:
        solver = _solver(challenge)
        credentials = self._credentials(issuer)
        field = provider(solver)
        if field == WEBHOOK and solver.webhook is not None:
            return Webhook(
                self._transport,
                solver.webhook,
                challenge.spec.dns_name,
                self._namespace_of(issuer),
                credentials.ambient,
            )
        return self._registry[field](solver, credentials)

    def _credentials(self, issuer: AnyIssuer) -> Credentials:
        namespace = self._namespace_of(issuer)
        is_cluster_wide = not issuer.metadata.namespace
        settings = self._settings

        def secret(ref: SecretKeySelector) -> str:
            return self._secret(namespace, ref)

        def keys(name: str) -> Mapping[str, str]:
            found = self._found(namespace, name)
            return {key: self._secret(namespace, SecretKeySelector(name=name, key=key)) for key in found.data}

        def token(account: str, audiences: tuple[str, ...]) -> str:
            return request_token(self._transport, namespace, account, audiences)

        ambient = settings.cluster_issuer_ambient if is_cluster_wide else settings.issuer_ambient
        return Credentials(secret=secret, keys=keys, ambient=ambient, token=token)

    def _secret(self, namespace: str, ref: SecretKeySelector) -> str:
        """Return the text under a key of a Secret of the issuer's."""
        found, which = self._found(namespace, ref.name), _which(namespace, ref.name)
        if ref.key not in found.data:
            raise WaitingForUser(f'{which} has no key "{ref.key}"; add it, or name another in the issuer')
        try:
            return found.data[ref.key].decode()
        except UnicodeDecodeError:
            raise WaitingForUser(f'{which} has no text under "{ref.key}"') from None

    def _found(self, namespace: str, name: str) -> Secret:
        if (found := self._secrets.get(namespace, name)) is None:
            raise WaitingForUser(f"{_which(namespace, name)} does not exist; create it")
        return found


def _which(namespace: str, name: str) -> str:
    return f'the Secret "{namespace}/{name}" with the DNS credentials'


def _solver(challenge: Challenge) -> DNS01Solver:
    solver = challenge.spec.solver.dns01
    if solver is None:
        raise Permanent(f'the solver of "{challenge.spec.dns_name}" has no dns01')
    return solver
