"""All ACME accounts of the process: who shares connections and nonces, and who may register when.

Issuers with the same server, key and trust share one gateway; those with the same trust share connections.
CAs limit new accounts hard (Let's Encrypt: ten per address in three hours), so registrations at one server
go one after the other, and after a refusal nobody asks before the moment that the server named.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Final, TypeVar

from certs.outcomes import RateLimited, Transient
from shim.acme.gateway import Gateway
from shim.acme.resources import Account
from shim.acme.signing import AccountKey, ExternalAccount
from shim.acme.transport import Settings, Transport, Trust

_PlaceT = TypeVar("_PlaceT")
_ValueT = TypeVar("_ValueT")

_KEPT: Final = 256  # gateways; the least recently used goes (its nonces and directory are fetched again)


@dataclass(slots=True)
class _Server:
    """Registrations at one server: whether one is under way, and how long there must be none."""

    lock: Lock = field(default_factory=Lock)
    limited: RateLimited | None = None


class Accounts:
    """Gateways by server, key and trust.  Threads may share it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._gateways: OrderedDict[tuple[str, str, str], Gateway] = OrderedDict()
        self._transports: OrderedDict[str, Transport] = OrderedDict()
        self._servers: dict[str, _Server] = {}

    def gateway(
        self,
        server: str,
        key_pem: bytes,
        *,
        account_uri: str = "",
        next_key: bytes = b"",
        ca_bundle: bytes = b"",
        skip_tls_verify: bool = False,
    ) -> Gateway:
        """Return the gateway; raises `WaitingForUser` when key or bundle cannot be used.

        `account_uri` is what the issuer's status holds; an empty one leaves what the gateway knows.  `next_key` is what
        the account may have got meanwhile.
        """
        trust = Trust(ca_bundle, skip_tls_verify)
        place = (server, hashlib.sha256(key_pem).hexdigest(), trust.fingerprint)
        with self._lock:
            gateway = self._gateways.get(place)
            if gateway is None:
                gateway = Gateway(server, AccountKey(key_pem), self._transport(trust))
            _keep(self._gateways, place, gateway)
        if account_uri:
            gateway.use_account(account_uri)
        if next_key:
            gateway.expect_key(next_key)
        return gateway

    def forget(self, gateway: Gateway) -> None:
        """Drop a gateway whose account has another key now: should its key come back, it is another account's."""
        with self._lock:
            places = [place for place, kept in self._gateways.items() if kept is gateway]
            for place in places:
                del self._gateways[place]

    def register(
        self, gateway: Gateway, email: str = "", *, external_account: ExternalAccount | None = None
    ) -> Account:
        """Register the gateway's key, agreeing to the terms; idempotent.

        Raises `Transient` at once while another registration at the server is under way, and the
        same `RateLimited` as before until the moment that it named.
        """
        with self._turn(gateway.server) as turn:
            try:
                return gateway.register(email, external_account=external_account)
            except RateLimited as limited:
                turn.limited = limited
                raise

    @contextmanager
    def _turn(self, server: str) -> Iterator[_Server]:
        with self._lock:
            turn = self._servers.setdefault(server, _Server())
        if not turn.lock.acquire(blocking=False):  # a worker that waits here could do something else
            raise Transient(
                f"cannot register an ACME account at {server}: another registration there is under way: "
                "it will be tried again",
                reason="RegistrationUnderWay",
            )
        try:
            if turn.limited is not None and self._now() < turn.limited.until:
                raise RateLimited(str(turn.limited), until=turn.limited.until, reason=turn.limited.reason)
            turn.limited = None
            yield turn
        finally:
            turn.lock.release()

    def _transport(self, trust: Trust) -> Transport:
        transport = self._transports.get(trust.fingerprint) or Transport(trust, self._settings)
        _keep(self._transports, trust.fingerprint, transport)
        return transport

    def _now(self) -> datetime:
        return self._settings.now()


def _keep(kept: OrderedDict[_PlaceT, _ValueT], place: _PlaceT, value: _ValueT) -> None:
    kept[place] = value
    kept.move_to_end(place)
    while len(kept) > _KEPT:
        kept.popitem(last=False)
