"""The gateway to one ACME account: each public method is one exchange of RFC 8555.

    new_order ─> order ─> authorization ─> answer ─> … ─> finalize ─> order ─> certificate

An exchange is one signed request with a deadline (`shim.acme.session` hides directory and nonces).  Nothing
sleeps and nothing polls: what is to be done next, and when, is told in the value (`status`, `retry_after`) or
in the failure that is raised (`shim.acme.problems`).  Threads may share a gateway.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, TypeVar
from urllib.parse import urljoin

import msgspec
from acme.messages import NewRegistration, Registration, UpdateRegistration
from josepy.b64 import b64encode

from certs.outcomes import Failure, Permanent, Transient, WaitingForUser
from certs.pki import pem
from certs.pki.names import canonical_dns_names
from shim.acme import wire
from shim.acme.problems import AlreadyReplaced, OrderGone, OrderNotReady, Refusal, failure, forgotten
from shim.acme.resources import (
    Account,
    AuthorizationResource,
    Directory,
    IssuedChain,
    OrderPage,
    OrderResource,
    RenewalInfo,
)
from shim.acme.session import Session
from shim.acme.signing import AccountKey, ExternalAccount
from shim.acme.transport import Transport

_T = TypeVar("_T")

DIRECTORY_AGE: Final = 3600.0  # seconds; endpoints hardly ever change, profiles and terms now and then
UNAUTHORIZED: Final = "Unauthorized"
_ALTERNATE: Final = re.compile(r'<([^<>]{1,2000})>\s*;[^,<]{0,200}?\brel="?alternate"?', re.IGNORECASE)
_NEXT: Final = re.compile(r'<([^<>]{1,2000})>\s*;[^,<]{0,200}?\brel="?next"?', re.IGNORECASE)
_SHOWN_NAMES: Final = 5  # in a sentence; an order may have a hundred


class Gateway:
    """Speaks to one server in the name of one account key."""

    def __init__(self, server: str, key: AccountKey, transport: Transport, *, account_uri: str = "") -> None:
        """`server` is the directory's URL; `account_uri` is known from an earlier registration, or empty."""
        self._session = Session(server, key, transport, account_uri)
        self._expected = b""

    @property
    def server(self) -> str:
        """The directory's URL."""
        return self._session.server

    @property
    def account_uri(self) -> str:
        """The account's URL; empty before it was found, registered or taken."""
        return self._session.account_uri

    def use_account(self, uri: str) -> None:
        """Take an account URL that was stored by an earlier process."""
        self._session.account_uri = uri

    def expect_key(self, pem: bytes) -> None:
        """Take it that the account may have got this key meanwhile; one that cannot be used is left alone."""
        if pem != self._expected:
            self._expected = pem
            with suppress(WaitingForUser):
                self._session.successor = AccountKey(pem)

    def key_authorization(self, token: str) -> str:
        """Return the key authorization for a challenge's token (§8.1); no exchange.

        Raises `Permanent` for what is no token, so that nothing else gets served or published.
        """
        try:
            return self._session.key.authorize(token)
        except ValueError as error:
            attempt = f"cannot answer a challenge of {self._session.host}"
            raise Permanent(f"{attempt}: {error}", reason="InvalidToken") from error

    def dns_value(self, token: str) -> str:
        """Return the value of the TXT record for a challenge's token (§8.4); no exchange."""
        digest = hashlib.sha256(self.key_authorization(token).encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    # --- directory and account -------------------------------------------------------------------

    def directory(self, max_age: float = DIRECTORY_AGE) -> Directory:
        """Return what the server offers (§7.1.1), from a copy of at most `max_age` seconds."""
        return self._session.endpoints(self._session.deadline(), max_age).directory

    def find_account(self) -> Account:
        """Return the account that the key has (§7.3.1); raises `AccountGone` when there is none."""
        attempt = f"cannot find the ACME account at {self._session.host}"
        message = NewRegistration(only_return_existing=True)
        return self._open_account(attempt, "get_registration", message, self._session.deadline())

    def register(
        self, email: str = "", *, external_account: ExternalAccount | None = None, terms_agreed: bool = True
    ) -> Account:
        """Register the key, or return the account that it already has (§7.3); idempotent."""
        attempt = f"cannot register an ACME account at {self._session.host}"
        deadline = self._session.deadline()
        binding = None
        if external_account is not None:
            url = self._session.endpoints(deadline).new_account
            binding = self._session.key.bind(external_account, url=url)
        message = NewRegistration(
            contact=_contact(email), terms_of_service_agreed=terms_agreed, external_account_binding=binding
        )
        return self._open_account(attempt, "register_account", message, deadline)

    def update_account(self, email: str) -> Account:
        """Set the account's contact (§7.3.2), none when empty; idempotent."""
        uri = self.account_uri
        attempt = f"cannot update the ACME account {uri or 'at ' + self._session.host}"
        message = UpdateRegistration(contact=_contact(email))
        answer = self._session.post(attempt, "update_registration", uri, _json(message))
        return _read(attempt, lambda: wire.read_account(answer, uri))

    def change_key(self, new: AccountKey) -> None:
        """Have the account belong to another key from now on (§7.3.5).

        Store the new key before, and make a gateway of it afterwards, with the same account URL; this one goes on with
        the new key by itself, as soon as the server does not take the old.  Afterwards, and after a crash, ask with
        `find_account` which of the two keys has the account: there are servers that answer 200 where they should refuse
        a key that has another.
        """
        uri = self.account_uri
        attempt = f"cannot change the key of the ACME account {uri or 'at ' + self._session.host}"
        deadline = self._session.deadline()
        url = self._session.endpoints(deadline).key_change
        if not url:
            raise Permanent(f"{attempt}: the server does not offer it: keep the key", reason="KeyChangeNotOffered")
        inner = new.consent(self._session.key, account_uri=uri, url=url)
        self._session.successor = new
        self._session.post(attempt, "key_change", url, inner, deadline=deadline)

    def deactivate_account(self) -> Account:
        """Give the account up (§7.3.6): the server accepts nothing of it any more, and its key stays refused."""
        uri = self.account_uri
        attempt = f"cannot deactivate the ACME account {uri or 'at ' + self._session.host}"
        body = msgspec.json.encode({"status": "deactivated"})
        answer = self._session.post(attempt, "deactivate_registration", uri, body)
        return _read(attempt, lambda: wire.read_account(answer, uri))

    # --- orders ----------------------------------------------------------------------------------

    def new_order(
        self,
        identifiers: Iterable[str],
        *,
        not_after: datetime | None = None,
        profile: str = "",
        replaces: str = "",
    ) -> OrderResource:
        """Open an order for DNS names and IP addresses (§7.4).

        **Not** idempotent: store the order's URL before anything else.  Raises `AlreadyReplaced` when the
        server does not like `replaces` (RFC 9773 §5): order again without.
        """
        names = tuple(identifiers)
        attempt = f"cannot create an order for {_listed(names)} at {self._session.host}"
        deadline = self._session.deadline()
        payload: dict[str, object] = {"identifiers": [_identifier(name) for name in names]}
        if not_after is not None:
            payload["notAfter"] = not_after.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        payload |= {key: value for key, value in (("profile", profile), ("replaces", replaces)) if value}
        url = self._session.endpoints(deadline).directory.new_order
        body = msgspec.json.encode(payload)
        refused = _of_replacing if replaces else failure
        answer = self._session.post(attempt, "authorize_order", url, body, deadline=deadline, refused=refused)
        location = answer.headers.get("Location", "")
        if not location:
            raise Permanent(f"{attempt}: the server did not name the order's URL", reason="ACME")
        order = _read(attempt, lambda: wire.read_order(answer, urljoin(url, location)))
        _require_same(attempt, names, order.identifiers)
        return order

    def order_page(self, url: str) -> OrderPage:
        """Read one page of the account's orders (§7.1.2.1), the first at `Account.orders`; few servers have it."""
        attempt = f"cannot read the list of orders {url}"
        answer = self._session.post(attempt, "get_orders", url)
        urls = _read(attempt, lambda: wire.read_order_list(answer))
        following = _NEXT.search(", ".join(answer.headers.getlist("Link")))
        return OrderPage(urls, urljoin(url, following[1]) if following else "")

    def order(self, url: str) -> OrderResource:
        """Read an order (§7.1.3); raises `OrderGone` when the server forgot it."""
        attempt = f"cannot read the order {url}"
        answer = self._session.post(attempt, "get_order", url, refused=forgotten)
        return _read(attempt, lambda: wire.read_order(answer, url))

    def authorization(self, url: str) -> AuthorizationResource:
        """Read an authorization (§7.5); raises `OrderGone` when the server forgot it."""
        attempt = f"cannot read the authorization {url}"
        answer = self._session.post(attempt, "get_authorization", url, refused=forgotten)
        return _read(attempt, lambda: wire.read_authorization(answer))

    def answer(self, challenge_url: str) -> None:
        """Tell the server that the challenge can be validated (§7.5.1); then read the authorization.

        Raises `OrderGone` when the server forgot the challenge, or finds that it is over already.
        """
        attempt = f"cannot answer the challenge {challenge_url}"
        self._session.post(attempt, "accept_challenge", challenge_url, b"{}", refused=forgotten)

    def finalize(self, finalize_url: str, csr_der: bytes, *, order_url: str) -> OrderResource:
        """Send the request for signing (§7.4) and return the order, often still `processing`.

        Raises `OrderNotReady` when the order is in another state than `ready`: then read it.
        """
        attempt = f"cannot finalize the order {order_url}"
        payload = msgspec.json.encode({"csr": b64encode(csr_der).decode()})
        answer = self._session.post(attempt, "create_order_cert", finalize_url, payload, refused=_of_finalizing)
        return _read(attempt, lambda: wire.read_order(answer, order_url))

    def certificate(self, url: str) -> IssuedChain:
        """Download a chain (§7.4.2), leaf first, as PEM; raises `OrderGone` when the server forgot it."""
        attempt = f"cannot download the certificate {url}"
        media_type = "application/pem-certificate-chain"
        answer = self._session.post(
            attempt, "fetch_cert", url, accept=media_type, limit=pem.MAX_CHAIN, refused=forgotten
        )
        try:
            pem.blocks(answer.body, "certificate chain", pem.MAX_CHAIN)
        except pem.InvalidPEM as error:
            raise Transient(f"{attempt}: {error}", reason="ACME") from error
        links = ", ".join(answer.headers.getlist("Link"))
        return IssuedChain(answer.body, tuple(urljoin(url, found) for found in _ALTERNATE.findall(links)))

    def renewal_info(self, certificate_id: str) -> RenewalInfo | None:
        """Return when the CA suggests to renew a certificate (RFC 9773 §4.1); None where it has no such service."""
        url = self.directory().renewal_info
        if not url:
            return None
        attempt = f"cannot read the renewal information of {certificate_id} at {self._session.host}"
        answer = self._session.get(attempt, "renewal_info", f"{url.rstrip('/')}/{certificate_id}")
        return _read(attempt, lambda: wire.read_renewal_info(answer))

    def _open_account(self, attempt: str, action: str, message: Registration, deadline: float) -> Account:
        url = self._session.endpoints(deadline).new_account
        answer = self._session.post(
            attempt, action, url, _json(message), deadline=deadline, with_key=True, refused=_of_registering
        )
        location = answer.headers.get("Location", "")
        if not location:
            raise Permanent(f"{attempt}: the server did not name the account's URL", reason="ACME")
        uri = urljoin(url, location)
        account = _read(attempt, lambda: wire.read_account(answer, uri))
        if account.status in {"deactivated", "revoked"}:  # most servers refuse to tell
            raise _given_up(f"{attempt}: the account {uri} is {account.status}")
        self._session.account_uri = uri
        return account


def _read(attempt: str, read: Callable[[], _T]) -> _T:
    try:
        return read()
    except wire.Unreadable as error:
        raise Transient(f"{attempt}: {error}", reason="ACME") from error


def _json(message: Registration) -> bytes:
    text: str = message.json_dumps()
    return text.encode()


def _contact(email: str) -> tuple[str, ...]:
    return (f"mailto:{email.lower()}",) if email else ()


def _identifier(name: str) -> dict[str, str]:
    return {"type": "ip" if _ip(name) else "dns", "value": _canonical(name)}


def _canonical(name: str) -> str:
    """Return lower case, or the shortest form of an address (RFC 8738 §3, RFC 5952)."""
    return _ip(name) or canonical_dns_names((name,))[0]


def _ip(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return ""


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN_NAMES
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")


def _require_same(attempt: str, asked: Iterable[str], answered: Iterable[str]) -> None:
    # A certificate for other names would be refused later anyway, after all the challenges.
    differing = {_canonical(name) for name in asked} ^ {_canonical(name) for name in answered}
    if differing:
        raise Permanent(
            f"{attempt}: the server made an order for other names (RFC 8555 §7.1.3), differing in "
            f"{_listed(sorted(differing))}: report it to the CA",
            reason="IdentifierMismatch",
        )


def _of_registering(attempt: str, refusal: Refusal) -> Failure:
    if refusal.problem is None or refusal.problem.type != "unauthorized":
        return failure(attempt, refusal)
    return _given_up(f"{attempt}: {refusal.problem}")


def _given_up(told: str) -> WaitingForUser:
    return WaitingForUser(
        f"{told}: if the account was deactivated, delete the Secret of its key to have a new one made; with an "
        "external account, copy keyID and key again from the CA",
        reason=UNAUTHORIZED,
    )


def _of_replacing(attempt: str, refusal: Refusal) -> Failure:
    # Each server has its own type and words for a certificate that it does not know, or that another account asked
    # for: with a new account every renewal would fail.  What is refused for another reason is refused again without.
    refused = failure(attempt, refusal)
    if isinstance(refused, Permanent) or refusal.status == 409:
        told = refusal.problem or refusal.status
        return AlreadyReplaced(f"{attempt}: {told}: order without replaces", reason="Replaced")
    return refused


def _of_finalizing(attempt: str, refusal: Refusal) -> Failure:
    if refusal.status in {404, 410}:
        return OrderGone(f"{attempt}: the server answered {refusal.status}: start a new order", reason="OrderGone")
    if refusal.status == 403 and (refusal.problem is None or refusal.problem.type in {"orderNotReady", "malformed"}):
        return OrderNotReady(f"{attempt}: {refusal.problem or refusal.status}: read the order", reason="OrderNotReady")
    return failure(attempt, refusal)
