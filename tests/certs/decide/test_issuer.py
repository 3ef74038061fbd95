from __future__ import annotations

from typing import Any

import msgspec
import pytest

from certs.api.core import Secret
from certs.api.issuer import ACMEIssuerStatus, CAIssuer, ClusterIssuer, Issuer, IssuerSpec, IssuerStatus
from certs.api.meta import ConditionStatus, ObjectMeta, SecretKeySelector, find_condition
from certs.decide.issuer import (
    ObservedIssuer,
    Register,
    StoreAccountKey,
    decide,
    not_ready,
    registered,
)
from certs.outcomes import DONE, Permanent, WaitingForUser
from tests.certs.decide.objects import NOW, condition, issuer, secret

URI = "https://ca.test/account/1"
KEY = secret("account", data={"tls.key": b"a key"})
READY = condition("Ready", reason="ACMEAccountRegistered")


def with_account(
    *, uri: str = URI, email: str = "", key_hash: str = "hash", ready: str = "True", **acme: Any
) -> Issuer:
    """Return an issuer that was set up with these values."""
    account = ACMEIssuerStatus(uri=uri, last_registered_email=email, last_private_key_hash=key_hash)
    return issuer(status=IssuerStatus(conditions=(condition("Ready", ready),), acme=account), **acme)


def step(of: Issuer, held: Secret | None = KEY, key_hash: str = "hash", problem: str = "") -> object:
    return decide(ObservedIssuer(of, held, key_hash, problem), NOW)


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(issuer(deleted=True), id="being deleted"),
        pytest.param(msgspec.structs.replace(issuer(), spec=IssuerSpec(ca=CAIssuer("ca"))), id="another type"),
        pytest.param(msgspec.structs.replace(issuer(), spec=IssuerSpec()), id="no type"),
        pytest.param(with_account(), id="all is set up"),
    ],
)
def test_nothing_to_do(of: Issuer) -> None:
    """The CA is not asked."""
    assert step(of) == DONE


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


@pytest.mark.parametrize("server", ["https://ca.test/dir", "https://CA.test:14000/other"])
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
