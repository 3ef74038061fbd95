"""Keeps the serving certificate: the CA in its Secret, the bundle in the configurations, the leaf in memory.

    Secret ──read──> CA due? ──yes──> make, create or replace it ──(somebody was faster)──> read again
                        │no
                        v
              bundle in every configuration? ──no──> apply it
                        │yes
                        v
              leaf due? ──yes──> make, swap in

Each turn does what is due and says when to look again.  Replicas need no leader: creating fails for
all but one, replacing needs the version that was read, and applying the same bundle twice is one.
The bundle goes out before a leaf of a new CA is served, and `SPREAD` passes in between, because the
API servers learn of a configuration by their own watches.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from certs.api.core import Secret, SecretMeta
from certs.api.injectable import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from shim.kube.client import Client
from shim.kube.errors import AlreadyExists, Conflict, NotFound
from webhook.authority import (
    Authority,
    InvalidAuthority,
    Leaf,
    authority_is_due,
    bundle_of,
    leaf_is_due,
    make_authority,
    make_leaf,
    pem,
    read_authority,
)
from webhook.configuration import (
    ConfigurationT,
    other_writer,
    trusting,
)
from webhook.tls import Serving

log = logging.getLogger(__name__)

FIELD_MANAGER: Final = "certshim-webhook"
LOOK_AGAIN: Final = timedelta(seconds=10)  # somebody may have put back an old bundle, or deleted the Secret
SPREAD: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Names:
    """Where everything is, and what the leaf is for."""

    secret_namespace: str
    secret_name: str
    configurations: Sequence[str]
    dns_names: Sequence[str]
    leaf_lifetime: timedelta


class Keeper:
    """Does the turns; knows no clock and no thread."""

    def __init__(self, client: Client, serving: Serving, names: Names) -> None:
        self._client = client
        self._serving = serving
        self._names = names
        self._leaf: Leaf | None = None
        self._spread: tuple[bytes, datetime] = (
            b"",
            datetime.min.replace(tzinfo=UTC),
        )  # the bundle that is out, and since when
        self._missing: set[tuple[type[object], str]] = set()  # configurations, of which it was told
        self.obstacle = ""  # why a configuration is not ours to write

    def turn(self, now: datetime) -> datetime:
        """Do what is due and return when to look again.  Raises KubeError; every step may be repeated."""
        authority = self._authority(now)
        if authority is None:  # somebody else has just written it
            return now
        self._publish(authority.bundle, now)
        wait_until = self._leaf_may_change_at(authority, now)
        if wait_until > now:
            return wait_until
        if leaf_is_due(self._leaf, authority, self._names.dns_names, now):
            self._leaf = make_leaf(authority, self._names.dns_names, now, self._names.leaf_lifetime)
            self._serving.use(self._leaf.pair)
            log.info("serving certificate made", extra={"renew_at": self._leaf.renew_at.isoformat()})
        return now + LOOK_AGAIN

    def _authority(self, now: datetime) -> Authority | None:
        secret = self._secret()
        authority = _usable(secret)
        older = self._trusted_until_now(secret)
        if not authority_is_due(authority, now):
            return self._still_trusting(secret, authority, older, now)
        made = make_authority(now, older)
        if not self._stored(secret, made):
            return None
        log.info("webhook CA made", extra={"renew_at": made.renew_at.isoformat()})
        return made

    def _still_trusting(
        self, secret: Secret | None, authority: Authority | None, older: bytes, now: datetime
    ) -> Authority | None:
        """Return the CA of the Secret; where somebody put another one there, with ours of until now in its bundle."""
        if authority is None or self._leaf is None or pem(self._leaf.authority) in authority.bundle:
            return authority
        bundle = bundle_of(authority.certificate, older, now)
        if bundle == authority.bundle:
            return authority
        log.warning("another webhook CA was put into the Secret; until now's stays trusted beside it")
        both = replace(authority, bundle=bundle)
        return both if self._stored(secret, both) else None

    def _trusted_until_now(self, secret: Secret | None) -> bytes:
        """Return what must stay in the bundle: the CA of what we serve, and what the Secret says, readable or not."""
        served = pem(self._leaf.authority) if self._leaf is not None else b""
        return served + (secret.data.get("ca.crt", b"") if secret is not None else b"")

    def _secret(self) -> Secret | None:
        try:
            return self._client.get(Secret, self._names.secret_namespace, self._names.secret_name)
        except NotFound:
            return None

    def _stored(self, old: Secret | None, authority: Authority) -> bool:
        """Write it; False when somebody else was faster."""
        try:
            self._store(old, authority)
        except (AlreadyExists, Conflict):
            return False
        return True

    def _store(self, old: Secret | None, authority: Authority) -> None:
        namespace, name = self._names.secret_namespace, self._names.secret_name
        data = authority.data()
        if old is None:
            metadata = SecretMeta(
                name=name, namespace=namespace, labels={"app.kubernetes.io/managed-by": "certshim-webhook"}
            )
            secret = Secret(metadata=metadata, type="kubernetes.io/tls", data=data)
            self._client.create(secret, field_manager=FIELD_MANAGER)
            return
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        patch = {"metadata": {"resourceVersion": old.metadata.resource_version}, "data": encoded}
        self._client.patch(Secret, namespace, name, patch)

    def _publish(self, bundle: bytes, now: datetime) -> None:
        obstacle = ""
        for name in self._names.configurations:
            obstacle = self._publish_in(ValidatingWebhookConfiguration, name, bundle) or obstacle
            obstacle = self._publish_in(MutatingWebhookConfiguration, name, bundle) or obstacle
        if obstacle and obstacle != self.obstacle:
            log.error("somebody else writes caBundle", extra={"reason": obstacle})
        self.obstacle = obstacle
        if self._spread[0] != bundle:
            self._spread = (bundle, now)

    def _leaf_may_change_at(self, authority: Authority, now: datetime) -> datetime:
        """Return when a leaf of this CA may be served: at once, unless one that is still trusted is."""
        leaf = self._leaf
        if leaf is None or leaf.authority == authority.certificate or now >= leaf.certificate.not_valid_after_utc:
            return now
        return self._spread[1] + SPREAD

    def _publish_in(self, kind: type[ConfigurationT], name: str, bundle: bytes) -> str:
        """Have that configuration trust the bundle; return what stands in the way, if anything does."""
        try:
            configuration = self._client.get(kind, "", name)
        except NotFound:
            if (kind, name) not in self._missing:
                log.warning("webhook configuration is missing", extra={"kind": kind.resource.kind, "config": name})
            self._missing.add((kind, name))
            return ""
        self._missing.discard((kind, name))
        obstacle = other_writer(configuration)
        if obstacle:
            return obstacle
        wanted = trusting(configuration, bundle)
        if wanted is not None:
            self._client.apply(wanted, field_manager=FIELD_MANAGER)
            log.info("caBundle applied", extra={"kind": kind.resource.kind, "config": name})
        return ""


def _usable(secret: Secret | None) -> Authority | None:
    if secret is None:
        return None
    try:
        return read_authority(secret.data)
    except InvalidAuthority as error:
        log.warning("the webhook CA is not usable, making a new one", extra={"reason": str(error)})
        return None
