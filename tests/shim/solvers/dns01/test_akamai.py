"""Akamai: races, foreign sets and the address; the contract, with the vendor's own signer, is in tests/contract."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from certs.api.issuer import DNS01Solver
from certs.outcomes import WaitingForUser
from shim.solvers.dns01 import Change
from shim.solvers.dns01.akamai import Writer, build
from tests.contract.dns01 import ZONE, credentials
from tests.contract.dns01.akamai import Fake

NAME = f"_acme-challenge.shop.{ZONE}"
ADD = Change(zone=ZONE, name=NAME, add=frozenset({"ours"}))


@pytest.fixture
def akamai() -> Iterator[Fake]:
    fake = Fake()
    with fake.serving():
        yield fake


def test_a_wrong_secret_is_refused(akamai: Fake) -> None:
    akamai.credentials = credentials(client="akab-client", secret="wrong", access="akab-access")

    with pytest.raises(WaitingForUser, match='Secret "client"'):
        akamai.writer().change(ADD)


def test_a_set_that_somebody_else_creates_first_is_joined(akamai: Fake) -> None:
    akamai.races = 1

    akamai.writer().change(ADD)

    assert akamai.values(NAME) == {"ours", "race-0"}


def test_a_foreign_sets_lifetime_stays(akamai: Fake) -> None:
    akamai.put(NAME, "theirs")

    akamai.writer().change(ADD)

    assert akamai.values(NAME) == {"ours", "theirs"}
    assert akamai.ttls[NAME] == 300


@pytest.mark.parametrize(
    ("domain", "url"),
    [
        ("akab-x.luna.akamaiapis.net", "https://akab-x.luna.akamaiapis.net/config-dns/v2"),
        ("https://akab-x.luna.akamaiapis.net/", "https://akab-x.luna.akamaiapis.net/config-dns/v2"),
    ],
)
def test_the_domain_is_the_apis_host(akamai: Fake, domain: str, url: str) -> None:
    writer = build(_with(akamai.solver, domain), akamai.credentials)

    assert isinstance(writer, Writer)
    assert writer.api.url == url


@pytest.mark.parametrize("domain", ["", "https://", "host/path", "user@host"])
def test_a_domain_that_is_no_host_waits_for_the_user(akamai: Fake, domain: str) -> None:
    with pytest.raises(WaitingForUser, match="serviceConsumerDomain"):
        build(_with(akamai.solver, domain), akamai.credentials)


def _with(solver: DNS01Solver, domain: str) -> DNS01Solver:
    assert solver.akamai is not None
    return DNS01Solver(akamai=msgspec.structs.replace(solver.akamai, service_consumer_domain=domain))
