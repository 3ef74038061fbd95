from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import pytest

from certs.api.core import Secret
from certs.api.issuer import (
    ACMEIssuerStatus,
    CAIssuer,
    ClusterIssuer,
    Issuer,
    IssuerSpec,
    IssuerStatus,
    SelfSignedIssuer,
    VaultAuth,
    VaultIssuer,
)
from certs.api.meta import ConditionStatus, ObjectMeta, SecretKeySelector, find_condition
from certs.decide.effects import Tell
from certs.decide.issuer import (
    ObservedIssuer,
    Register,
    SetIssuerStatus,
    StoreAccountKey,
    decide,
    not_ready,
    registered,
)
from certs.outcomes import DONE, Permanent, Wait, WaitingForUser
from certs.pki.csr import build_csr
from certs.pki.signing import Wanted, sign_by_itself
from tests.certs.decide.objects import DAY, NOW, condition, issuer, key, pem, secret, spec

URI = "https://ca.test/account/1"
KEY = secret("account", data={"tls.key": b"a key"})
READY = condition("Ready", reason="ACMEAccountRegistered")


def with_account(
    *, uri: str = URI, email: str = "", key_hash: str = "hash", ready: str = "True", **acme: Any
) -> Issuer:
    """Return an issuer that was set up with these values."""
    account = ACMEIssuerStatus(uri=uri, last_registered_email=email, last_private_key_hash=key_hash)
    return issuer(status=IssuerStatus(conditions=(condition("Ready", ready),), acme=account), **acme)


def of_type(*, status: IssuerStatus | None = None, deleted: bool = False, **spec: Any) -> Issuer:
    """Return an issuer of another type, without a condition yet."""
    one = issuer(status=status or IssuerStatus(), deleted=deleted)
    return msgspec.structs.replace(one, spec=IssuerSpec(**spec))


def step(of: Issuer, held: Secret | None = KEY, key_hash: str = "hash", problem: str = "") -> object:
    return decide(ObservedIssuer(of, held, key_hash, problem), NOW)


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(issuer(deleted=True), id="being deleted"),
        pytest.param(of_type(deleted=True, ca=CAIssuer("ca")), id="a CA being deleted"),
        pytest.param(with_account(), id="all is set up"),
    ],
)
def test_nothing_to_do(of: Issuer) -> None:
    """The CA is not asked."""
    assert step(of) == DONE


@pytest.mark.parametrize(
    ("of", "reason", "sentence"),
    [
        pytest.param(
            of_type(vault=VaultIssuer("https://vault.test", "pki/sign/x", VaultAuth())),
            "IssuerTypeUnsupported",
            'Issuer "letsencrypt" is of type vault, which this release cannot sign with; use acme, ca or selfSigned',
            id="another type",
        ),
        pytest.param(
            of_type(), "IssuerTypeMissing", 'Missing issuer type: Issuer "letsencrypt" configures none', id="no type"
        ),
    ],
)
def test_what_cannot_sign_says_so(of: Issuer, reason: str, sentence: str) -> None:
    with pytest.raises(Permanent) as raised:
        step(of)

    assert (raised.value.reason, str(raised.value)) == (reason, sentence)


@pytest.mark.parametrize(
    ("of", "held", "expected"),
    [
        pytest.param(issuer(ready=False), None, StoreAccountKey("account", "tls.key"), id="no Secret"),
        pytest.param(
            issuer(ready=False),
            secret("account", data={"other": b""}),
            StoreAccountKey("account", "tls.key"),
            id="no key in it",
        ),
        pytest.param(
            issuer(private_key_secret_ref=SecretKeySelector("account", "acme.pem")),
            KEY,
            StoreAccountKey("account", "acme.pem"),
            id="another key in it",
        ),
        pytest.param(with_account(), None, StoreAccountKey("account", "tls.key"), id="Secret deleted"),
    ],
)
def test_an_account_key_is_made(of: Issuer, held: Secret | None, expected: object) -> None:
    """Before the account that belongs to it."""
    assert step(of, held) == expected


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(issuer(ready=False), id="new"),
        pytest.param(issuer(), id="Ready without account"),
        pytest.param(with_account(ready="False"), id="not Ready"),
        pytest.param(with_account(uri=""), id="no URI"),
        pytest.param(with_account(uri="https://other.test/account/1"), id="server changed"),
        pytest.param(with_account(server="https://ca.test:14000/dir"), id="port of the server changed"),
        pytest.param(with_account(uri="https://[::1/account/1"), id="URI is no URL"),
        pytest.param(with_account(server="https://[::1/dir"), id="server is no URL"),
        pytest.param(with_account(uri="about:blank", server="about:blank"), id="neither has a host"),
        pytest.param(with_account(email="a@b.test"), id="contact removed"),
        pytest.param(with_account(email="a@b.test"), id="contact changed"),
        pytest.param(with_account(key_hash="other"), id="key changed"),
    ],
)
def test_an_account_is_registered(of: Issuer) -> None:
    """Whenever what the status tells is not what the spec says."""
    assert of.spec.acme is not None
    assert step(of) == Register(of.spec.acme, "tls.key")


@pytest.mark.parametrize("server", ["https://ca.test/dir", "https://CA.test:443/other"])
def test_the_same_host_is_the_same_server(server: str) -> None:
    """A directory that moved within its host has the same accounts."""
    assert step(with_account(server=server)) == DONE


@pytest.mark.parametrize(
    ("of", "held", "problem", "sentence"),
    [
        pytest.param(
            issuer(disable_account_key_generation=True),
            None,
            "",
            'Failed to verify ACME account: Secret "account" with key "tls.key" does not exist and '
            "disableAccountKeyGeneration is set; create it, or let the key be generated",
            id="key generation is disabled",
        ),
        pytest.param(
            issuer(),
            KEY,
            "it is no key",
            'Failed to verify ACME account: Secret "account", key "tls.key": it is no key; '
            "mend the Secret, or delete it to have a new key made",
            id="key cannot be used",
        ),
    ],
)
def test_a_key_that_somebody_must_bring(of: Issuer, held: Secret | None, problem: str, sentence: str) -> None:
    """Waiting for the user, whose Secret wakes the issuer."""
    with pytest.raises(WaitingForUser) as raised:
        step(of, held, problem=problem)

    assert (str(raised.value), raised.value.reason) == (sentence, "ErrVerifyACMEAccount")


@pytest.mark.parametrize(
    ("server", "successor"),
    [
        (
            "https://acme-v01.api.letsencrypt.org/directory",
            "https://acme-v02.api.letsencrypt.org/directory",
        ),
        (
            "https://acme-staging.api.letsencrypt.org/directory/",
            "https://acme-staging-v02.api.letsencrypt.org/directory",
        ),
    ],
)
def test_servers_that_are_gone(server: str, successor: str) -> None:
    """An old tutorial is told by name, before a key is made for it."""
    with pytest.raises(Permanent) as raised:
        step(issuer(server=server), None)

    assert raised.value.reason == "InvalidConfig"
    assert str(raised.value) == (
        f"Your ACME server URL is set to a v1 endpoint ({server}). "
        f'You should update the spec.acme.server field to "{successor}"'
    )


def test_a_cluster_issuer_is_decided_alike() -> None:
    """Only where its Secrets are differs, which is the controller's business."""
    of = ClusterIssuer(metadata=ObjectMeta(name="le"), spec=issuer().spec)

    assert decide(ObservedIssuer(of), NOW) == StoreAccountKey("account", "tls.key")


def test_status_of_a_registered_issuer() -> None:
    """Ready=True in the API's words, with everything by which a change is noticed."""
    status = registered(issuer(ready=False), uri=URI, email="a@b.test", key_hash="hash", now=NOW)
    ready = find_condition(status.conditions, "Ready")

    assert ready is not None
    assert (ready.status, ready.reason) == ("True", "ACMEAccountRegistered")
    assert (ready.message, ready.observed_generation) == (
        "The ACME account was registered with the ACME server",
        1,
    )
    assert status.acme == ACMEIssuerStatus(uri=URI, last_registered_email="a@b.test", last_private_key_hash="hash")
    assert step(msgspec.structs.replace(issuer(email="a@b.test"), status=status)) == DONE


def test_an_issuer_that_cannot_sign_says_so_once() -> None:
    """Ready=False, the account kept; the same sentence is not written again, another one is."""
    status = not_ready(with_account(), reason="ErrRegisterACMEAccount", message="no route", now=NOW)
    assert status is not None
    ready = find_condition(status.conditions, "Ready")
    assert ready is not None
    assert (ready.status, ready.reason, ready.message) == (ConditionStatus.FALSE, "ErrRegisterACMEAccount", "no route")
    assert status.acme is not None

    said = msgspec.structs.replace(issuer(), status=status)

    assert not_ready(said, reason="ErrRegisterACMEAccount", message="no route", now=NOW) is None
    assert not_ready(said, reason="ErrRegisterACMEAccount", message="no answer", now=NOW) is not None
    changed = msgspec.structs.replace(said, metadata=msgspec.structs.replace(said.metadata, generation=2))
    assert not_ready(changed, reason="ErrRegisterACMEAccount", message="no route", now=NOW) is not None


def ca_secret(*, is_ca: bool = True, key_of: str = "one") -> Secret:
    """Return the Secret of a CA that lives for ten days."""
    csr = build_csr(spec(common_name="Root", dns_names=(), is_ca=is_ca), key())
    chain = sign_by_itself(key(), Wanted(csr, 1, NOW, 10 * DAY, is_ca=is_ca)).chain
    return secret("ca", data={"tls.crt": chain, "tls.key": pem(key_of)})


CA = of_type(ca=CAIssuer("ca"))


def look(of: Issuer, held: Secret | None, *, at: datetime = NOW) -> object:
    return decide(ObservedIssuer(of, held, namespace="web"), at)


def ready_of(decided: object) -> tuple[str, str, str]:
    assert isinstance(decided, SetIssuerStatus)
    found = find_condition(decided.status.conditions, "Ready")
    assert found is not None
    assert found.observed_generation == 1
    return found.status, found.reason, found.message


def test_a_ca_with_a_good_pair_is_ready_until_it_expires() -> None:
    """Said once, with an event; the next look is at the second of its expiry."""
    decided = look(CA, ca_secret())
    assert ready_of(decided) == ("True", "KeyPairVerified", "Signing CA verified")
    assert isinstance(decided, SetIssuerStatus)
    assert decided.tell == Tell("KeyPairVerified", "Signing CA verified")

    said = msgspec.structs.replace(CA, status=decided.status)

    assert look(said, ca_secret()) == Wait(NOW + 10 * DAY, "expiry of the CA")


@pytest.mark.parametrize(
    ("held", "at", "reason", "sentence"),
    [
        pytest.param(
            None,
            NOW,
            "ErrGetKeyPair",
            'Secret "ca" not found in namespace "web"; create it with tls.crt and tls.key of the CA',
            id="no Secret",
        ),
        pytest.param(
            secret("ca"), NOW, "ErrGetKeyPair", 'it has no "tls.crt"; mend Secret "ca" in namespace "web"', id="empty"
        ),
        pytest.param(
            ca_secret(is_ca=False),
            NOW,
            "ErrInvalidKeyPair",
            'certificate is not a CA; mend Secret "ca" in namespace "web"',
            id="a leaf in its place",
        ),
        pytest.param(
            ca_secret(key_of="two"),
            NOW,
            "ErrInvalidKeyPair",
            'the private key does not belong to the certificate; mend Secret "ca" in namespace "web"',
            id="another key",
        ),
        pytest.param(
            ca_secret(),
            NOW + 10 * DAY,
            "ErrInvalidKeyPair",
            'the CA certificate has expired (notAfter: 2026-03-11T12:00:00Z); mend Secret "ca" in namespace "web"',
            id="expired",
        ),
    ],
)
def test_a_pair_that_cannot_sign(held: Secret | None, at: datetime, reason: str, sentence: str) -> None:
    """Waiting for the user, whose Secret wakes the issuer; also when it has been Ready."""
    was_ready = of_type(ca=CAIssuer("ca"), status=IssuerStatus(conditions=(condition("Ready"),)))
    for of in (CA, was_ready):
        with pytest.raises(WaitingForUser) as raised:
            look(of, held, at=at)

        assert str(raised.value) == f"Error getting keypair for CA issuer: {sentence}"
        assert raised.value.reason == reason


def test_a_self_signed_issuer_is_always_ready() -> None:
    of = of_type(self_signed=SelfSignedIssuer())
    decided = look(of, None)

    assert ready_of(decided) == ("True", "IsReady", "")
    assert isinstance(decided, SetIssuerStatus)
    assert decided.tell is None
    assert look(msgspec.structs.replace(of, status=decided.status), None) == DONE
