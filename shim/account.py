"""The ACME account of an issuer, as somebody at a terminal may deal with it: read, change its key, give it up.

What is stored is read once, at the beginning; whoever waits for a change looks again.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from certs.api.core import Secret
from certs.api.issuer import ACMEIssuer, AnyIssuer, ClusterIssuer, Issuer
from certs.api.meta import find_condition, is_true
from certs.decide.issuer import DEACTIVATED, DEFAULT_KEY
from certs.decide.keychange import SUFFIX, next_key
from certs.outcomes import Failure, WaitingForUser
from certs.pki.keys import encode_key
from shim import VERSION
from shim.acme.accounts import Accounts
from shim.acme.gateway import Gateway
from shim.acme.signing import AccountKey, key_hash
from shim.acme.transport import Settings
from shim.keys import generate_key
from shim.kube.client import Client
from shim.kube.errors import Forbidden, NotFound

FIELD_MANAGER: Final = "certshim-account"
KINDS: Final[dict[str, type[AnyIssuer]]] = {"issuer": Issuer, "clusterissuer": ClusterIssuer}


@dataclass(frozen=True, slots=True)
class AccountAtHand:
    """An issuer, and the Secret with the key of its account, in the namespace `place`."""

    client: Client
    issuer: AnyIssuer
    acme: ACMEIssuer
    secret: Secret
    place: str

    @property
    def title(self) -> str:
        """The issuer, for sentences."""
        metadata = self.issuer.metadata
        name = f"{metadata.namespace}/{metadata.name}" if metadata.namespace else metadata.name
        return f"{type(self.issuer).resource.kind} {name}"

    @property
    def secret_name(self) -> str:
        """Where the key is."""
        return self.secret.metadata.name

    @property
    def uri(self) -> str:
        """The account's URL; raises WaitingForUser where none is known."""
        status = self.issuer.status.acme
        if status is None or not status.uri:
            ready = find_condition(self.issuer.status.conditions, "Ready")
            why = f": {ready.message}" if ready is not None and ready.message else ""
            raise WaitingForUser(f"{self.title} has no account at {self.acme.server} yet{why}")
        return status.uri

    @property
    def _key_name(self) -> str:
        return self.acme.private_key_secret_ref.key or DEFAULT_KEY

    @property
    def _key(self) -> bytes:
        pem = self.secret.data.get(self._key_name)
        if not pem:
            raise WaitingForUser(f"Secret {self.place}/{self.secret_name} has no account key under {self._key_name}")
        return pem

    def described(self) -> Iterator[str]:
        """Yield lines about it; the CA is asked, and where it does not answer that is said."""
        key, status = AccountKey(self._key), self.issuer.status.acme
        ready = find_condition(self.issuer.status.conditions, "Ready")
        yield self.title
        yield f"  server      {self.acme.server}"
        yield f"  account     {status.uri if status is not None and status.uri else 'none yet'}"
        yield from self._at_ca()
        where = f"{self._key_name} in Secret {self.place}/{self.secret_name}"
        yield f"  key         {key.algorithm}, {key.bits} bits; {where}"
        yield f"  hash        {key.hash}"
        yield f"  thumbprint  {key.thumbprint}"
        if next_key(self.secret, self._key_name):
            yield f"  next key    stored as {self._key_name}{SUFFIX}, not yet in use"
        yield f"  ready       {ready.status if ready is not None else 'Unknown'}: {ready.message if ready else ''}"

    def _at_ca(self) -> Iterator[str]:
        try:
            account = self._gateway().find_account()
        except Failure as error:
            yield f"  at the CA   {error}"
            return
        yield f"  at the CA   {account.status}"
        for contact in account.contact:
            yield f"  contact     {contact.removeprefix('mailto:')}"
        known = self.issuer.status.acme.uri if self.issuer.status.acme is not None else ""
        if known and account.uri != known:
            yield f"  but         the key has the account {account.uri}, another than the issuer's status says"

    def store_next_key(self) -> tuple[str, bool]:
        """Store a next key of the same kind beside the present one; return its hash, and whether it is a new one.

        One that is there already is left: an earlier attempt goes on.
        """
        assert self.uri  # noqa: S101  raises where there is no account whose key could be changed
        waiting = next_key(self.secret, self._key_name)
        if waiting:
            return key_hash(waiting), False
        pem = _like(AccountKey(self._key))
        metadata = self.secret.metadata
        patch = {
            "metadata": {"resourceVersion": metadata.resource_version},
            "data": {f"{self._key_name}{SUFFIX}": base64.b64encode(pem).decode()},
        }
        self.client.patch(Secret, metadata.namespace, metadata.name, patch, field_manager=FIELD_MANAGER)
        return key_hash(pem), True

    def has_key(self, hashed: str) -> bool:
        """Does the issuer sign with that key by now?"""
        status = self._again().status
        return status.acme is not None and status.acme.last_private_key_hash == hashed

    def what_happens(self) -> str:
        """Return what the issuer says of itself now."""
        issuer = self._again()
        if is_true(issuer.status.conditions, "Ready"):
            return "it is ready, and signs as before."
        ready = find_condition(issuer.status.conditions, "Ready")
        return f"it is not ready: {ready.message if ready is not None else 'nothing is known of it'}"

    def deactivate(self) -> str:
        """Give the account up, RFC 8555 §7.3.6, and mark its key, so that the issuer says so; return the CA's word."""
        gateway = self._gateway()
        gateway.use_account(self.uri)
        account = gateway.deactivate_account()
        patch = {"metadata": {"annotations": {DEACTIVATED: self.uri}}}
        self.client.patch(Secret, self.place, self.secret_name, patch, field_manager=FIELD_MANAGER)
        return account.status

    def _again(self) -> AnyIssuer:
        return self.client.get(type(self.issuer), self.issuer.metadata.namespace, self.issuer.metadata.name)

    def _gateway(self) -> Gateway:
        accounts = Accounts(Settings(user_agent=f"certshim/{VERSION}"))
        return accounts.gateway(
            self.acme.server, self._key, ca_bundle=self.acme.ca_bundle, skip_tls_verify=self.acme.skip_tls_verify
        )


def open_account(client: Client, name: str, namespace: str, cluster_namespace: str) -> AccountAtHand:
    """Return the account of an issuer; `name` as `issuer/NAME`, `clusterissuer/NAME`, or NAME if only one is there.

    Raises `WaitingForUser` where there is no such issuer, it is no ACME issuer, or its key's Secret is not there.
    """
    issuer = _issuer(client, name, namespace)
    if issuer.spec.acme is None:
        raise WaitingForUser(f"{name} is no ACME issuer, so it has no account")
    place = issuer.metadata.namespace or cluster_namespace
    secret_name = issuer.spec.acme.private_key_secret_ref.name
    try:
        secret = client.get(Secret, place, secret_name)
    except NotFound:
        raise WaitingForUser(
            f"cannot read the account key of {name}: there is no Secret {place}/{secret_name}; for a ClusterIssuer "
            "name its namespace by --cluster-resource-namespace"
        ) from None
    return AccountAtHand(client, issuer, issuer.spec.acme, secret, place)


def _issuer(client: Client, name: str, namespace: str) -> AnyIssuer:
    kind, slash, rest = name.lower().partition("/")
    if slash and kind not in KINDS:
        raise WaitingForUser(f"{kind} is no kind of issuer: write issuer/NAME or clusterissuer/NAME")
    kinds = (KINDS[kind],) if slash else (Issuer, ClusterIssuer)
    found: list[AnyIssuer] = []
    for one in kinds:
        try:
            issuer = _read(client, one, namespace, rest if slash else name)
        except Forbidden:  # who may not read ClusterIssuers means the Issuer that there is
            if not found:
                raise
        else:
            found += [issuer] if issuer is not None else []
    if not found:
        raise WaitingForUser(f"there is no issuer {name}, neither in namespace {namespace} nor as a ClusterIssuer")
    if len(found) > 1:
        raise WaitingForUser(f"there are two issuers {name}: write issuer/{name} or clusterissuer/{name}")
    return found[0]


def _read(client: Client, kind: type[AnyIssuer], namespace: str, name: str) -> AnyIssuer | None:
    try:
        return client.get(kind, namespace if kind.resource.namespaced else "", name)
    except NotFound:
        return None


def _like(key: AccountKey) -> bytes:
    """Return a new key of the same kind."""
    return bytes(encode_key(generate_key(key.algorithm, key.bits)))
