"""The Issuer and ClusterIssuer controllers: an account key and an account for ACME, a Ready condition that is true."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from certs.api.core import Secret, SecretMeta
from certs.api.issuer import ACMEIssuer, AnyIssuer, ClusterIssuer, Issuer, IssuerStatus
from certs.decide import issuer as decision
from certs.decide.effects import Tell, one_line
from certs.decide.issuer import (
    DEFAULT_KEY,
    ChangeKey,
    ObservedIssuer,
    Register,
    SetIssuerStatus,
    Step,
    StoreAccountKey,
    not_ready,
    registered,
)
from certs.decide.keychange import next_key
from certs.outcomes import Failure, Outcome, WaitingForUser
from shim.acme.gateway import Gateway
from shim.acme.signing import ExternalAccount, generate_account_key, key_hash
from shim.controllers.accountkey import KEY_CHANGED, AccountKeys
from shim.controllers.world import World, with_next_attempt
from shim.kube.errors import AlreadyExists
from shim.kube.store import Store
from shim.stores import OURS

# An account that is gone again so soon was not lost meanwhile: the CA does not know what it has just registered.
GONE_AGAIN: Final = timedelta(minutes=1)
MANAGED_BY: Final = {"app.kubernetes.io/managed-by": "cert-manager"}


class IssuerController:
    """One issuer of either kind; `store` is the kind's, `name` the controller's."""

    def __init__(self, world: World, store: Store[Issuer] | Store[ClusterIssuer], name: str) -> None:
        self._world = world
        self._store = store
        self.name = name
        self._component = f"cert-manager-{name}"
        self._account_keys = AccountKeys(world)

    def observe(self, namespace: str, name: str) -> ObservedIssuer | None:
        """Gather the issuer and the Secrets that it refers to."""
        issuer = self._store.get(namespace, name)
        if issuer is None:
            return None
        acme, place = issuer.spec.acme, self._world.issuer_namespace(issuer)
        if issuer.spec.ca is not None and acme is None:
            pair = self._world.secrets.get(place, issuer.spec.ca.secret_name)
            return ObservedIssuer(issuer=issuer, key_secret=pair, namespace=place)
        if acme is None:
            return ObservedIssuer(issuer)
        secret = self._world.secrets.get(place, acme.private_key_secret_ref.name)
        key = acme.private_key_secret_ref.key or DEFAULT_KEY
        hashed, problem = _key_state(secret, key)
        return ObservedIssuer(
            issuer=issuer,
            key_secret=secret,
            key_hash=hashed,
            key_problem=problem,
            namespace=place,
            sharing=self._account_keys.sharing(issuer, secret, key),
        )

    def decide(self, observed: ObservedIssuer, now: datetime) -> Step | Outcome:
        """Return the next step."""
        return decision.decide(observed, now)

    def act(self, observed: ObservedIssuer, step: Step, now: datetime) -> None:
        """Take it."""
        match step:
            case StoreAccountKey():
                self._store_key(observed, step)
            case ChangeKey():
                self._change_key(observed, step)
            case Register():
                self._register(observed, step, now)
            case SetIssuerStatus():
                self._write(observed.issuer, step.status)
                if step.tell is not None:
                    self._world.tell(observed.issuer, (step.tell,), self._component)

    def report(self, observed: ObservedIssuer, failure: Failure, retry_at: datetime | None, now: datetime) -> None:
        """Say in the Ready condition and in an event why the issuer cannot sign."""
        sentence = one_line(with_next_attempt(failure, retry_at))
        reason = failure.reason or "ErrRegisterACMEAccount"
        self._world.tell(observed.issuer, (Tell(reason, sentence, "Warning"),), self._component)
        if decision.may_fail_quietly(observed):
            return
        status = not_ready(observed.issuer, reason=reason, message=sentence, now=now)
        if status is not None:
            self._write(observed.issuer, status)

    def _write(self, issuer: AnyIssuer, status: IssuerStatus) -> None:
        self._world.client.update_status(msgspec.structs.replace(issuer, status=status), field_manager=self._component)

    def _store_key(self, observed: ObservedIssuer, step: StoreAccountKey) -> None:
        place = self._world.issuer_namespace(observed.issuer)
        secret = Secret(
            metadata=SecretMeta(name=step.secret_name, namespace=place, labels={**MANAGED_BY, **OURS}),
            type="Opaque",
            data={step.key: bytes(generate_account_key())},
        )
        try:
            self._world.client.create(secret, field_manager=self._component)
        except AlreadyExists:
            existing = self._world.client.get(Secret, place, step.secret_name)
            if step.key not in existing.data:
                raise WaitingForUser(
                    f'Failed to verify ACME account: Secret "{step.secret_name}" exists and has no key "{step.key}"; '
                    "put an account key there, or name another Secret in privateKeySecretRef",
                    reason="ErrVerifyACMEAccount",
                ) from None

    def _change_key(self, observed: ObservedIssuer, step: ChangeKey) -> None:
        issuer, secret = observed.issuer, observed.key_secret
        assert secret is not None  # noqa: S101  decided so
        gateways = {}
        for one in self._account_keys.accounts(issuer, step.key):
            if one.spec.acme is not None and one.status.acme is not None:
                gateways[one.status.acme.uri] = gateway_of(self._world, one, one.spec.acme)
        self._account_keys.change(issuer, secret, step.key, gateways)
        self._world.tell(issuer, (Tell("AccountKeyChanged", KEY_CHANGED),), self._component)

    def _register(self, observed: ObservedIssuer, step: Register, now: datetime) -> None:
        acme, issuer = step.acme, observed.issuer
        gateway = gateway_of(self._world, issuer, acme)
        binding = self._external_account(issuer, acme)
        account = self._world.accounts.register(gateway, acme.email, external_account=binding)
        if issuer.status.acme is not None and issuer.status.acme.last_registered_email != acme.email:
            gateway.update_account(acme.email)
        status = registered(issuer, uri=account.uri, email=acme.email, key_hash=observed.key_hash, now=now)
        self._write(issuer, status)
        self._world.tell(issuer, (Tell("ACMEAccountRegistered", decision.REGISTERED),), self._component)

    def _external_account(self, issuer: AnyIssuer, acme: ACMEIssuer) -> ExternalAccount | None:
        binding = acme.external_account_binding
        if binding is None:
            return None
        ref = binding.key_secret_ref
        secret = self._world.secrets.get(self._world.issuer_namespace(issuer), ref.name)
        if secret is None or ref.key not in secret.data:
            raise WaitingForUser(
                f'Failed to register ACME account: Secret "{ref.name}" with key "{ref.key}" of the external account '
                "binding does not exist; create it with the MAC key that the CA gave",
                reason="ErrRegisterACMEAccount",
            )
        return ExternalAccount(
            key_id=binding.key_id,
            hmac_key=secret.data[ref.key].decode(errors="replace"),
            algorithm=binding.key_algorithm or "HS256",
        )


def _key_state(secret: Secret | None, key: str) -> tuple[str, str]:
    """Return the hash of the account key, or what is wrong with it."""
    if secret is None or key not in secret.data:
        return "", ""
    try:
        return key_hash(secret.data[key]), ""
    except WaitingForUser as error:
        return "", str(error)


def gateway_of(world: World, issuer: AnyIssuer, acme: ACMEIssuer) -> Gateway:
    """Return the gateway for the issuer's account; raises WaitingForUser when its key is not there."""
    ref = acme.private_key_secret_ref
    secret = world.secrets.get(world.issuer_namespace(issuer), ref.name)
    key = ref.key or DEFAULT_KEY
    if secret is None or key not in secret.data:
        raise WaitingForUser(
            f'cannot sign ACME requests: the account key Secret "{ref.name}" (key "{key}") of '
            f'{type(issuer).resource.kind} "{issuer.metadata.name}" is gone; a new one is made with the next attempt',
            reason="ErrVerifyACMEAccount",
        )
    return world.accounts.gateway(
        acme.server,
        secret.data[key],
        ca_bundle=acme.ca_bundle,
        skip_tls_verify=acme.skip_tls_verify,
        account_uri=issuer.status.acme.uri if issuer.status.acme is not None else "",
        next_key=next_key(secret, key),
    )


def forget_account(world: World, issuer: AnyIssuer | None, now: datetime) -> None:
    """The CA does not know our account any more: say so, which has the issuer's controller register again."""
    if issuer is None or issuer.status.acme is None or not issuer.status.acme.uri:
        return
    whose = f"{issuer.metadata.uid} {issuer.status.acme.uri}"
    told = world.forgotten.get(whose)
    if told is not None and now < told + GONE_AGAIN:  # who asks has a back-off, which a registration would end
        return
    world.forgotten.put(whose, now)
    message = f"the CA does not know the account {issuer.status.acme.uri} any more; registering again"
    status = not_ready(issuer, reason="ErrVerifyACMEAccount", message=message, now=now) or issuer.status
    status = msgspec.structs.replace(status, acme=None)
    component = f"cert-manager-{type(issuer).resource.plural}"
    world.client.update_status(msgspec.structs.replace(issuer, status=status), field_manager=component)
