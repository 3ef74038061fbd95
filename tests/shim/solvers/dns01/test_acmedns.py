"""acme-dns: which account a name has; the contract is in tests/contract."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from certs.api.issuer import AcmeDNS, DNS01Solver
from certs.outcomes import WaitingForUser
from shim.solvers.dns01 import Change, DNSWriter
from shim.solvers.dns01.acmedns import build
from tests.contract.dns01 import ZONE, credentials
from tests.contract.dns01.acmedns import SUBDOMAINS, Fake, account
from tests.contract.dns01.vendor import REF

SHOP = f"_acme-challenge.shop.{ZONE}"
VALUE = "v" * 43


@pytest.fixture
def server() -> Iterator[Fake]:
    fake = Fake()
    with fake.serving():
        yield fake


def writer(accounts: str, host: str) -> DNSWriter:
    settings = AcmeDNS(host=host, account_secret_ref=REF)
    return build(DNS01Solver(acme_dns=settings), credentials(vendor=accounts))


@pytest.mark.parametrize("key", [f"shop.{ZONE}", f"*.shop.{ZONE}", f"Shop.{ZONE}."])
def test_an_account_is_found_by_its_domain(server: Fake, key: str) -> None:
    accounts = json.dumps({key: account(SHOP, SUBDOMAINS[SHOP])})

    writer(accounts, server.url).change(Change(zone=ZONE, name=SHOP, add=frozenset({VALUE})))

    assert server.values(SHOP) == {VALUE}


def test_an_account_is_found_by_its_full_domain(server: Fake) -> None:
    """With cnameStrategy Follow the name is the CNAME's target."""
    full = f"{SUBDOMAINS[SHOP]}.auth.example.org"
    accounts = json.dumps({"whatever.test": account(SHOP, SUBDOMAINS[SHOP])})

    writer(accounts, server.url).change(Change(zone="auth.example.org", name=full, add=frozenset({VALUE})))

    assert server.values(SHOP) == {VALUE}


def test_three_values_at_once_are_refused(server: Fake) -> None:
    """The third would push the first out, and one of the challenges would fail."""
    change = Change(zone=ZONE, name=SHOP, add=frozenset(c * 43 for c in "abc"))

    with pytest.raises(WaitingForUser, match="keeps two"):
        server.writer().change(change)

    assert not server.server.seen


@pytest.mark.parametrize("accounts", ["", "hunter2", "[]", '{"shop.example.test": {"password": "hunter2"}}'])
def test_accounts_that_are_none_wait_for_the_user(accounts: str) -> None:
    with pytest.raises(WaitingForUser, match="JSON object of accounts") as raised:
        writer(accounts, "https://auth.example.org")

    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("host", ["ftp://auth.example.org", "https://", "https://[bad"])
def test_a_host_that_is_no_address_waits_for_the_user(host: str) -> None:
    with pytest.raises(WaitingForUser, match=r"acmeDNS\.host"):
        writer("{}", host)
