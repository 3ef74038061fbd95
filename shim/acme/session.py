"""Signed exchanges with one server for one key: directory, nonces, account URL.

Within the deadline of one exchange a directory and a nonce are fetched when none is at hand, and a rejected
nonce is replaced at once (RFC 8555 §6.5), so that nobody above sees either.  Nothing sleeps.
Threads may share a session; all that it keeps can be lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Final

from certs.outcomes import Failure, Permanent, Transient, Unwatched
from shim.acme import wire
from shim.acme.nonces import Nonces
from shim.acme.problems import NOT_THERE, AccountGone, Refusal, failure
from shim.acme.retry_after import retry_after
from shim.acme.signing import AccountKey
from shim.acme.transport import MAX_JSON, Answer, Transport, address

NONCE_ATTEMPTS: Final = 20  # a server that rejects every second nonce makes us fail once in a million times
POST_AS_GET: Final = b""  # RFC 8555 §6.3: the empty string, not an empty object

# A signature that does not fit is malformed to Boulder and Pebble, or of another algorithm if the keys' kinds differ.
UNFIT_SIGNATURE: Final = frozenset(("malformed", "unauthorized", "badSignatureAlgorithm", "badPublicKey"))

Refused = Callable[[str, Refusal], Failure]


class Session:
    """What the exchanges of an account have in common."""

    def __init__(self, server: str, key: AccountKey, transport: Transport, account_uri: str) -> None:
        self.server: Final = server
        self.host: Final = address(server)[1]
        self.key = key
        self.successor: AccountKey | None = None
        self.account_uri = account_uri
        self._transport = transport
        self._nonces = Nonces()
        self._lock = Lock()
        self._endpoints: wire.Endpoints | None = None
        self._read_at = 0.0

    def deadline(self) -> float:
        """Return the moment (monotonic) at which an exchange that begins now must be over."""
        return time.monotonic() + self._transport.settings.total_seconds

    def endpoints(self, deadline: float, max_age: float = float("inf")) -> wire.Endpoints:
        """Return the directory, from a copy unless that is older than `max_age` seconds."""
        with self._lock:  # one thread asks, the others wait for its answer
            if self._endpoints is None or time.monotonic() - self._read_at > max_age:
                self._endpoints = self._fetch_directory(deadline)
                self._read_at = time.monotonic()
            return self._endpoints

    def post(
        self,
        attempt: str,
        action: str,
        url: str,
        payload: bytes = POST_AS_GET,
        *,
        deadline: float | None = None,
        with_key: bool = False,
        accept: str = "application/json",
        limit: int = MAX_JSON,
        refused: Refused = failure,
    ) -> Answer:
        """Make one signed exchange and return its success; what is none is raised as `refused` tells.

        `with_key` carries the public key instead of the account's URL (§6.2: newAccount).  What the server does not
        take by this key is signed with its successor, if there is one: another may have changed the account's key.
        """
        until = deadline or self.deadline()
        account_uri = "" if with_key else self._require_account(attempt)
        self._require_secure(attempt, url)
        key, first = self.key, None
        for _ in range(NONCE_ATTEMPTS):
            nonce = self._nonces.take() or self._new_nonce(attempt, until)
            body = key.sign(payload, url=url, nonce=nonce, account_uri=account_uri)
            answer = self._transport.exchange(
                attempt, action, "POST", url, deadline=until, body=body, accept=accept, limit=limit
            )
            self._nonces.add(answer.headers.get("Replay-Nonce"))
            if 200 <= answer.status < 300:
                if first is not None:
                    self.key = key
                return answer
            refusal = _refusal(answer)
            if refusal.problem is not None and refusal.problem.type == "badNonce":
                continue
            self._require_unmoved(attempt, url, refusal, until)
            newer = self._newer_key(key, refusal) if first is None and not with_key else None
            if newer is None:
                raise refused(attempt, first or refusal)
            key, first = newer, refusal
        raise Transient(f"{attempt}: the server rejected {NONCE_ATTEMPTS} nonces in a row", reason="BadNonce")

    def _newer_key(self, key: AccountKey, refusal: Refusal) -> AccountKey | None:
        """Return the key to try when the server may know the account by another than this one (RFC 8555 §7.3.5).

        There is no type for it.
        """
        if refusal.problem is None or refusal.problem.type not in UNFIT_SIGNATURE:
            return None
        return self.key if self.key is not key else self.successor

    def get(self, attempt: str, action: str, url: str) -> Answer:
        """Make one exchange without a signature, as only directory, nonces and renewal information allow."""
        self._require_secure(attempt, url)
        answer = self._transport.exchange(attempt, action, "GET", url, deadline=self.deadline())
        if answer.status != 200:
            raise failure(attempt, _refusal(answer))
        return answer

    def _new_nonce(self, attempt: str, deadline: float) -> str:
        url = self.endpoints(deadline).new_nonce
        self._require_secure(attempt, url)
        answer = self._transport.exchange(attempt, "unnamed_action", "HEAD", url, deadline=deadline)
        self._nonces.add(answer.headers.get("Replay-Nonce"))
        nonce = self._nonces.take()
        if nonce is not None:
            return nonce
        refusal = _refusal(answer)
        self._require_unmoved(attempt, url, refusal, deadline)
        found = failure(f"{attempt}: the server gives no nonce", refusal)
        if isinstance(found, Permanent):  # it has not heard yet what we want, so that is not what it refuses
            raise Unwatched(
                f"{attempt}: the server gives no nonce: it answered {answer.status}: nothing to do unless it lasts",
                reason="ACME",
            )
        raise found

    def _require_unmoved(self, attempt: str, url: str, refusal: Refusal, deadline: float) -> None:
        """Raise `Transient` for an address of the directory that is not there, when another stands there by now."""
        with self._lock:
            if self._endpoints is None or refusal.status not in NOT_THERE or url not in _urls(self._endpoints):
                return
        if url not in _urls(self.endpoints(deadline, max_age=0)):
            raise Transient(
                f"{attempt}: the server has moved it, and its directory says where to: nothing to do unless it lasts",
                reason="ACME",
            )

    def _fetch_directory(self, deadline: float) -> wire.Endpoints:
        attempt = f"cannot read the ACME directory {self.server}"
        answer = self._transport.exchange(attempt, "discover", "GET", self.server, deadline=deadline)
        if answer.status == 429 or answer.status >= 500:
            raise failure(attempt, _refusal(answer))
        try:
            return wire.read_directory(answer)
        except wire.Unreadable as error:
            told = error if answer.status == 200 else f"the server answered {answer.status}"
            # The wrong URL, or the right one of a server that is not itself: nothing tells when it is mended.
            raise Unwatched(
                f"{attempt}: {told}: check that spec.acme.server is the URL of an ACME directory",
                reason="InvalidConfig",
            ) from error

    def _require_account(self, attempt: str) -> str:
        if not self.account_uri:
            raise AccountGone(f"{attempt}: no account is registered there with this key", reason="AccountDoesNotExist")
        return self.account_uri

    def _require_secure(self, attempt: str, url: str) -> None:
        # RFC 8555 §6.1; and a server that was reached safely shall not lead us into the plain.
        if address(self.server)[0] == "https" and address(url)[0] != "https":
            raise Permanent(f"{attempt}: {self.host} names {url!r}, which is not https", reason="InsecureURL")


def _urls(endpoints: wire.Endpoints) -> tuple[str, ...]:
    return (endpoints.new_nonce, endpoints.new_account, endpoints.directory.new_order, endpoints.key_change)


def _refusal(answer: Answer) -> Refusal:
    return Refusal(
        status=answer.status,
        problem=wire.read_problem(answer),
        retry_at=retry_after(answer.headers, answer.received_at),
        received_at=answer.received_at,
    )
