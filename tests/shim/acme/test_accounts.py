from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from certs.api.certificate import KeyAlgorithm
from certs.outcomes import RateLimited, Transient
from certs.pki.keys import PrivateKeyPEM, encode_key
from shim.acme.accounts import Accounts
from shim.acme.transport import Settings
from shim.keys import generate_key
from tests.fakes.acme import FakeCA, Scripted, problem
from tests.shim.acme.conftest import NOW


@pytest.fixture
def accounts(settings: Settings) -> Accounts:
    return Accounts(settings)


def test_the_same_account_shares_a_gateway(accounts: Accounts, ca: FakeCA, key_pem: PrivateKeyPEM) -> None:
    """Server, key and trust make the difference; the URL of the account does not."""
    gateway = accounts.gateway(ca.url, key_pem)

    assert accounts.gateway(ca.url, key_pem, account_uri="https://ca/1") is gateway
    assert gateway.account_uri == "https://ca/1"
    assert accounts.gateway(ca.url, key_pem) is gateway
    assert gateway.account_uri == "https://ca/1"


def test_different_accounts_do_not(accounts: Accounts, ca: FakeCA, key_pem: PrivateKeyPEM) -> None:
    """Another server, key or trust is another gateway."""
    other_key = encode_key(generate_key(KeyAlgorithm.ECDSA))
    made = [
        accounts.gateway(ca.url, key_pem),
        accounts.gateway(ca.url + "2", key_pem),
        accounts.gateway(ca.url, other_key),
        accounts.gateway(ca.url, key_pem, skip_tls_verify=True),
    ]

    assert len(set(map(id, made))) == 4


def test_registrations_at_a_server_go_one_after_the_other(
    settings: Settings, ca: FakeCA, key_pem: PrivateKeyPEM
) -> None:
    """The second one does not wait for the first, it comes again."""
    arrived = threading.Event()
    accounts = Accounts(replace(settings, observe=lambda exchange: arrived.set(), total_seconds=1.0))
    gateway = accounts.gateway(ca.url, key_pem)
    ca.script("/new-account", Scripted(hang=True))

    def first() -> None:
        with pytest.raises(Transient, match="no complete answer in time"):
            accounts.register(gateway)

    thread = threading.Thread(target=first)
    thread.start()
    assert arrived.wait(5)

    with pytest.raises(Transient, match="another registration there is under way"):
        accounts.register(accounts.gateway(ca.url, key_pem, skip_tls_verify=True))
    thread.join()
    assert accounts.register(gateway).uri


def test_after_a_limit_nobody_asks_before_its_end(settings: Settings, ca: FakeCA, key_pem: PrivateKeyPEM) -> None:
    """All issuers of the server wait; exactly then the next one asks."""
    clock = [NOW]

    def now() -> datetime:
        return clock[0]

    accounts = Accounts(replace(settings, now=now))
    gateway = accounts.gateway(ca.url, key_pem)
    ca.script("/new-account", problem("rateLimited", 429, headers={"Retry-After": "60"}))

    for _ in range(3):
        with pytest.raises(RateLimited) as caught:
            accounts.register(gateway)
        assert caught.value.until == NOW + timedelta(seconds=60)
    assert len(ca.requests("/new-account")) == 1

    clock[0] = NOW + timedelta(seconds=60)
    assert accounts.register(gateway).uri
