"""Have ACME accounts belong to the next key that is stored beside the present one (`certs.decide.keychange`)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Final

import structlog

from certs.api.challenge import Challenge
from certs.api.core import Secret
from certs.api.issuer import AnyIssuer
from certs.api.meta import controller_of
from certs.decide.issuer import DEFAULT_KEY
from certs.decide.keychange import NOBODY, SUFFIX, Sharing, next_key, stale
from certs.outcomes import WaitingForUser
from shim.acme.gateway import Gateway
from shim.acme.problems import AccountGone
from shim.acme.signing import AccountKey
from shim.controllers.world import World
from shim.stores import ISSUER, SECRET

log: structlog.stdlib.BoundLogger = structlog.get_logger()

KEY_CHANGED: Final = "The ACME account has got another key"


class AccountKeys:
    """The account keys of issuers, by the Secrets that hold them."""

    def __init__(self, world: World) -> None:
        self._world = world

    def sharing(self, issuer: AnyIssuer, secret: Secret | None, key: str) -> Sharing:
        """Return who is concerned by a change of the key; nearly always none is due, and nobody is looked for."""
        if not next_key(secret, key):
            return NOBODY
        issuers = tuple(self._sharing(issuer, key))
        return Sharing(issuers, tuple(self._challenges(issuers)))

    def change(self, issuer: AnyIssuer, secret: Secret, key: str, old_gateways: dict[str, Gateway]) -> None:
        """Move the accounts of all issuers with this Secret to its next key, then store that in the place of the old.

        `old_gateways` speak with the present key, one for each account's URL.  Raises `WaitingForUser` for a next key
        that cannot be used; the present one is kept then.  May be repeated after a crash.
        """
        pem = next_key(secret, key)
        successor = AccountKey(pem)
        sharing = tuple(self._sharing(issuer, key))
        new_gateways = {uri: self._with(pem, one) for one in sharing if (uri := _uri_of(one)) in old_gateways}
        # All are asked before anything is changed: a CA that is down keeps every account as it is.
        owners = {uri: _account_of(gateway) for uri, gateway in new_gateways.items()}
        for uri, found in owners.items():
            if not found:
                self._move(old_gateways[uri], new_gateways[uri], successor)
            elif found != uri:
                raise _of_another_account(issuer, secret, key, found)
        self._promote(secret, key, pem)
        for gateway in old_gateways.values():
            self._world.accounts.forget(gateway)
        for challenge in stale(self._challenges(sharing)):
            if controller_of(challenge.metadata) is not None:  # its Order makes another
                metadata = challenge.metadata
                self._world.client.delete(Challenge, metadata.namespace, metadata.name, uid=metadata.uid)

    def accounts(self, issuer: AnyIssuer, key: str) -> Iterator[AnyIssuer]:
        """Yield one issuer for each account of the issuers that share the issuer's Secret."""
        yield from {_uri_of(one): one for one in self._sharing(issuer, key) if _uri_of(one)}.values()

    def _move(self, old: Gateway, new: Gateway, successor: AccountKey) -> None:
        uri = old.account_uri
        try:
            old.change_key(successor)
        except AccountGone:
            log.info("no account to change the key of", account=uri)  # it will be registered with the next key
            return
        found = new.find_account().uri  # there are servers that answer 200 to what they have not done
        if found != uri:
            raise WaitingForUser(
                f"cannot change the key of the ACME account {uri}: the next key has the account {found}; "
                f"remove it from the Secret and start again",
                reason="KeyChangeFailed",
            )

    def _with(self, pem: bytes, issuer: AnyIssuer) -> Gateway:
        acme = issuer.spec.acme
        assert acme is not None  # noqa: S101  it has an account
        return self._world.accounts.gateway(
            acme.server, pem, ca_bundle=acme.ca_bundle, skip_tls_verify=acme.skip_tls_verify
        )

    def _promote(self, secret: Secret, key: str, pem: bytes) -> None:
        metadata = secret.metadata
        data = {key: base64.b64encode(pem).decode(), key + SUFFIX: None}
        patch = {"metadata": {"resourceVersion": metadata.resource_version}, "data": data}
        self._world.client.patch(Secret, metadata.namespace, metadata.name, patch, field_manager="cert-manager-issuers")

    def _sharing(self, issuer: AnyIssuer, key: str) -> Iterator[AnyIssuer]:
        """Yield the issuers of that Secret and key, the issuer itself among them."""
        stores, place = self._world.stores, self._world.issuer_namespace(issuer)
        name = issuer.spec.acme.private_key_secret_ref.name if issuer.spec.acme is not None else ""
        found: list[AnyIssuer] = [
            *stores.issuers.by_index(SECRET, name),
            *stores.cluster_issuers.by_index(SECRET, name),
        ]
        for one in found:
            acme = one.spec.acme
            if acme is None or self._world.issuer_namespace(one) != place:
                continue
            if acme.private_key_secret_ref.name == name and (acme.private_key_secret_ref.key or DEFAULT_KEY) == key:
                yield one

    def _challenges(self, issuers: tuple[AnyIssuer, ...]) -> Iterator[Challenge]:
        for issuer in issuers:
            place = f"{issuer.metadata.namespace}/{issuer.metadata.name}"
            yield from self._world.stores.challenges.by_index(ISSUER, place)


def _uri_of(issuer: AnyIssuer) -> str:
    return issuer.status.acme.uri if issuer.status.acme is not None else ""


def _account_of(gateway: Gateway) -> str:
    """Return the URL of the account that the key has; empty when it has none."""
    try:
        return gateway.find_account().uri
    except AccountGone:
        return ""


def _of_another_account(issuer: AnyIssuer, secret: Secret, key: str, found: str) -> WaitingForUser:
    return WaitingForUser(
        f'cannot change the account key of {type(issuer).resource.kind} "{issuer.metadata.name}": {key}{SUFFIX} in '
        f'Secret "{secret.metadata.name}" has the account {found} already; put a new key there, or remove it',
        reason="KeyChangeFailed",
    )
