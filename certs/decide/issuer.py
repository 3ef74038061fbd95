"""The next step for an Issuer or ClusterIssuer.

ACME: have an account key, have an account, say so.

    no key Secret ── StoreAccountKey ──> key ── Register ──> Ready=True ACMEAccountRegistered ── ChangeKey ──> Register
                                          │
         key generation disabled, key unfit, v1 URL: Ready=False with the sentence, until somebody mends it

While Ready, with an account URL at the same host, the same contact and the same key, nothing is asked of the CA.

CA: Ready while the key pair in the Secret can sign, looked at whenever the Secret changes and when it expires.
Self-signed: always Ready.  Of any other type: not Ready, and the sentence says that this release cannot sign so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import msgspec

from certs.api.core import Secret
from certs.api.issuer import ACMEIssuer, ACMEIssuerStatus, AnyIssuer, CAIssuer, IssuerStatus, issuer_types
from certs.api.meta import Condition, ConditionStatus, find_condition, is_true, with_condition
from certs.decide.effects import Tell
from certs.decide.keychange import LOOK_AGAIN, NOBODY, KeyChange, Sharing, key_change
from certs.outcomes import DONE, Outcome, Permanent, Wait, WaitingForUser
from certs.pki.authority import Flaw, UnusableAuthority, read_authority

REGISTERED: Final = "The ACME account was registered with the ACME server"
KEY_PAIR_VERIFIED: Final = "Signing CA verified"
DEFAULT_KEY: Final = "tls.key"
DEACTIVATED: Final = "acme.certshim.io/deactivated"  # on the key's Secret: the URL of the account that was given up

_REASON_OF: Final = {Flaw.UNREADABLE: "ErrGetKeyPair", Flaw.UNFIT: "ErrInvalidKeyPair"}

# The v1 directories are gone since June 2021; people still copy them from old tutorials.
V2_OF_V1: Final = {
    "https://acme-v01.api.letsencrypt.org/directory": "https://acme-v02.api.letsencrypt.org/directory",
    "https://acme-staging.api.letsencrypt.org/directory": "https://acme-staging-v02.api.letsencrypt.org/directory",
}


@dataclass(frozen=True, slots=True)
class ObservedIssuer:
    """An issuer and what it refers to; `key_hash` is the hash of the account key in the Secret, if it can be read.

    `key_secret` has the account key or, of a CA, the key pair; `namespace` is where it is looked for.
    """

    issuer: AnyIssuer
    key_secret: Secret | None = None
    key_hash: str = ""
    key_problem: str = ""
    namespace: str = ""
    sharing: Sharing = NOBODY


@dataclass(frozen=True, slots=True)
class StoreAccountKey:
    """Make an account key and create its Secret."""

    secret_name: str
    key: str


@dataclass(frozen=True, slots=True)
class ChangeKey:
    """Have the account belong to the next key that is stored in the Secret, and store that as the key."""

    acme: ACMEIssuer
    key: str


@dataclass(frozen=True, slots=True)
class Register:
    """Find or create the account at the CA, or update its contact; then write the status."""

    acme: ACMEIssuer
    key: str


@dataclass(frozen=True, slots=True)
class SetIssuerStatus:
    """Write the status."""

    status: IssuerStatus
    tell: Tell | None = None


Step = StoreAccountKey | ChangeKey | Register | SetIssuerStatus


def decide(observed: ObservedIssuer, now: datetime) -> Step | Outcome:
    """Return the next step.  Raises WaitingForUser or Permanent with the sentence for the Ready condition."""
    issuer, spec = observed.issuer, observed.issuer.spec
    if issuer.metadata.deletion_timestamp is not None:
        return DONE
    if spec.acme is not None:
        return _decide_acme(observed, spec.acme, now)
    if spec.ca is not None:
        return _decide_ca(observed, spec.ca, now)
    if spec.self_signed is not None:
        return _say_ready(issuer, reason="IsReady", message="", now=now) or DONE
    unusable = unusable_type(issuer)
    raise Permanent(unusable.message, reason=unusable.reason)


def unusable_type(issuer: AnyIssuer) -> Tell:
    """Return why nothing can be signed with an issuer of its type."""
    name = f'{type(issuer).resource.kind} "{issuer.metadata.name}"'
    types = issuer_types(issuer.spec)
    if not types:
        return Tell("IssuerTypeMissing", f"Missing issuer type: {name} configures none")
    sentence = f"{name} is of type {types[0]}, which this release cannot sign with; use acme, ca or selfSigned"
    return Tell("IssuerTypeUnsupported", sentence)


def _decide_ca(observed: ObservedIssuer, ca: CAIssuer, now: datetime) -> Step | Outcome:
    failed = "Error getting keypair for CA issuer"
    if observed.key_secret is None:
        raise WaitingForUser(
            f'{failed}: Secret "{ca.secret_name}" not found in namespace "{observed.namespace}"; '
            "create it with tls.crt and tls.key of the CA",
            reason="ErrGetKeyPair",
        )
    try:
        authority = read_authority(observed.key_secret.data, now)
    except UnusableAuthority as error:
        # `from None`: nothing of a key may stand in a traceback
        raise WaitingForUser(
            f'{failed}: {error}; mend Secret "{ca.secret_name}" in namespace "{observed.namespace}"',
            reason=_REASON_OF[error.flaw],
        ) from None
    step = _say_ready(
        observed.issuer,
        reason="KeyPairVerified",
        message=KEY_PAIR_VERIFIED,
        now=now,
        tell=Tell("KeyPairVerified", KEY_PAIR_VERIFIED),
    )
    return step or Wait(authority.certificate.not_after, "expiry of the CA")


def _say_ready(
    issuer: AnyIssuer, *, reason: str, message: str, now: datetime, tell: Tell | None = None
) -> SetIssuerStatus | None:
    """Return the status that says so, or None when it stands there already."""
    conditions = _with_ready(issuer, ConditionStatus.TRUE, reason=reason, message=message, now=now)
    if conditions == issuer.status.conditions:
        return None
    return SetIssuerStatus(msgspec.structs.replace(issuer.status, conditions=conditions), tell)


def _decide_acme(observed: ObservedIssuer, acme: ACMEIssuer, now: datetime) -> Step | Outcome:
    issuer = observed.issuer
    _refuse_v1(acme)
    name, key = acme.private_key_secret_ref.name, acme.private_key_secret_ref.key or DEFAULT_KEY
    if observed.key_secret is None or key not in observed.key_secret.data:
        if acme.disable_account_key_generation:
            raise WaitingForUser(
                f'Failed to verify ACME account: Secret "{name}" with key "{key}" does not exist and '
                "disableAccountKeyGeneration is set; create it, or let the key be generated",
                reason="ErrVerifyACMEAccount",
            )
        return StoreAccountKey(name, key)
    if observed.key_problem:
        raise WaitingForUser(
            f'Failed to verify ACME account: Secret "{name}", key "{key}": {observed.key_problem}; '
            "mend the Secret, or delete it to have a new key made",
            reason="ErrVerifyACMEAccount",
        )
    _refuse_deactivated(observed, name)
    # Before all else: the key that is stored may not be the account's any more.
    match key_change(issuer, observed.key_secret, key, observed.sharing, now):
        case KeyChange.DUE:
            return ChangeKey(acme, key)
        case KeyChange.PROVING:
            return Wait(now + LOOK_AGAIN, "what is being proven with the old account key")
        case KeyChange.ANOTHERS | KeyChange.NONE:
            return DONE if is_registered(issuer, acme, observed.key_hash) else Register(acme, key)


def may_fail_quietly(observed: ObservedIssuer) -> bool:
    """Is it only a change of keys that fails?  The issuer signs as before."""
    issuer = observed.issuer
    acme = issuer.spec.acme
    return observed.sharing != NOBODY and acme is not None and is_registered(issuer, acme, observed.key_hash)


def _refuse_deactivated(observed: ObservedIssuer, name: str) -> None:
    """Raise WaitingForUser for an account that somebody gave up: with its key the CA makes no other."""
    status, secret = observed.issuer.status.acme, observed.key_secret
    uri = secret.metadata.annotations.get(DEACTIVATED) if secret is not None else None
    if uri and status is not None and (status.uri, status.last_private_key_hash) == (uri, observed.key_hash):
        raise WaitingForUser(
            f'the ACME account {uri} was deactivated; delete Secret "{name}" in namespace "{observed.namespace}" to '
            "have a new key and account made",
            reason="AccountDeactivated",
        )


def _refuse_v1(acme: ACMEIssuer) -> None:
    successor = V2_OF_V1.get(acme.server.rstrip("/"))
    if successor is not None:
        raise Permanent(
            f"Your ACME server URL is set to a v1 endpoint ({acme.server}). "
            f'You should update the spec.acme.server field to "{successor}"',
            reason="InvalidConfig",
        )


def is_registered(issuer: AnyIssuer, acme: ACMEIssuer, key_hash: str) -> bool:
    """Is everything that the CA knows of us what the spec says, as far as the status tells?"""
    status = issuer.status.acme
    return (
        status is not None
        and status.uri != ""
        and is_true(issuer.status.conditions, "Ready")
        and host_of(status.uri) == host_of(acme.server) != ""
        and status.last_registered_email == acme.email
        and status.last_private_key_hash == key_hash
    )


def host_of(url: str) -> str:
    """Return host and port of a URL, by which CAs and their accounts are told apart; empty when it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:  # half an IPv6 address, for example; whoever connects there says what is wrong
        return ""
    return f"{parts.hostname}:{port}" if parts.hostname else ""


def registered(issuer: AnyIssuer, *, uri: str, email: str, key_hash: str, now: datetime) -> IssuerStatus:
    """Return the status after a registration that went well."""
    conditions = _with_ready(issuer, ConditionStatus.TRUE, reason="ACMEAccountRegistered", message=REGISTERED, now=now)
    acme = ACMEIssuerStatus(uri=uri, last_registered_email=email, last_private_key_hash=key_hash)
    return IssuerStatus(conditions=conditions, acme=acme)


def not_ready(issuer: AnyIssuer, *, reason: str, message: str, now: datetime) -> IssuerStatus | None:
    """Return the status that says why the issuer cannot sign, or None when it says so already."""
    old = find_condition(issuer.status.conditions, "Ready")
    if (
        old is not None
        and old.status is ConditionStatus.FALSE
        and (old.reason, old.message, old.observed_generation) == (reason, message, issuer.metadata.generation)
    ):
        return None
    conditions = _with_ready(issuer, ConditionStatus.FALSE, reason=reason, message=message, now=now)
    return msgspec.structs.replace(issuer.status, conditions=conditions)


def _with_ready(
    issuer: AnyIssuer, status: ConditionStatus, *, reason: str, message: str, now: datetime
) -> tuple[Condition, ...]:
    return with_condition(
        issuer.status.conditions,
        "Ready",
        status,
        reason=reason,
        message=message,
        now=now,
        generation=issuer.metadata.generation,
    )
