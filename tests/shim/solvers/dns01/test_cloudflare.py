"""Cloudflare: credentials, zones, pages and races; the contract is in tests/contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from certs.api.issuer import Cloudflare, DNS01Solver
from certs.outcomes import WaitingForUser
from shim.solvers.dns01 import Change
from shim.solvers.dns01.cloudflare import Writer, build
from tests.contract.dns01 import ZONE, credentials
from tests.contract.dns01.cloudflare import Fake
from tests.contract.dns01.server import Reply, Request
from tests.contract.dns01.vendor import REF, SECRET

NAME = f"_acme-challenge.shop.{ZONE}"
ADD = Change(zone=ZONE, name=NAME, add=frozenset({"ours"}))


@pytest.fixture
def cloudflare() -> Iterator[Fake]:
    fake = Fake()
    with fake.serving():
        yield fake


def test_a_key_goes_with_the_accounts_address() -> None:
    solver = DNS01Solver(cloudflare=Cloudflare(email="dns@example.org", api_key_secret_ref=REF))

    writer = build(solver, credentials(vendor=SECRET))

    assert isinstance(writer, Writer)
    assert writer.api.headers == {"X-Auth-Email": "dns@example.org", "X-Auth-Key": SECRET}


def test_no_credentials_wait_for_the_user() -> None:
    with pytest.raises(WaitingForUser, match="add apiTokenSecretRef"):
        build(DNS01Solver(cloudflare=Cloudflare()), credentials(ambient=True))


def test_a_wrong_token_is_told_though_it_is_400(cloudflare: Fake) -> None:
    cloudflare.credentials = credentials(vendor="wrong")

    with pytest.raises(WaitingForUser, match=r'refuses the API token in Secret "vendor".*6003'):
        cloudflare.writer().change(ADD)


def test_a_token_with_a_line_feed_works(cloudflare: Fake) -> None:
    cloudflare.credentials = credentials(vendor=f"{SECRET}\n")

    cloudflare.writer().change(ADD)

    assert cloudflare.values(NAME) == {"ours"}


def test_a_zone_that_a_token_does_not_show_says_what_it_needs(cloudflare: Fake) -> None:
    """A token for another zone, or without Zone:Read, lists nothing and says nothing."""
    with pytest.raises(WaitingForUser, match=r"shows no zone other\.test.*Zone:Zone:Read"):
        cloudflare.writer().change(Change(zone="other.test", name="other.test", add=frozenset({"ours"})))


def test_all_pages_are_read(cloudflare: Fake) -> None:
    cloudflare.page = 2
    cloudflare.put(NAME, "a", "b", "c", "d", "ours")

    cloudflare.writer().change(Change(zone=ZONE, name=NAME, remove=frozenset({"ours"})))

    assert cloudflare.values(NAME) == {"a", "b", "c", "d"}


@pytest.mark.parametrize("written", ["ours", '"ours"'])
def test_a_value_is_known_with_and_without_quotes(cloudflare: Fake, written: str) -> None:
    cloudflare.records.add(NAME, written)

    cloudflare.writer().change(ADD)

    assert list(cloudflare.records.of(NAME).values()) == [written]


def test_a_record_that_somebody_else_adds_first_is_no_failure(cloudflare: Fake) -> None:
    def racing(request: Request) -> Reply:
        if request.method == "POST":
            cloudflare.records.add(NAME, '"ours"')
        return cloudflare.handle(request)

    cloudflare.server._handle = racing

    cloudflare.writer().change(ADD)

    assert cloudflare.values(NAME) == {"ours"}


def test_a_record_that_is_deleted_meanwhile_is_no_failure(cloudflare: Fake) -> None:
    def racing(request: Request) -> Reply:
        if request.method == "DELETE":
            cloudflare.records.all.clear()
        return cloudflare.handle(request)

    cloudflare.put(NAME, "ours")
    cloudflare.server._handle = racing

    cloudflare.writer().change(Change(zone=ZONE, name=NAME, remove=frozenset({"ours"})))

    assert not cloudflare.values(NAME)
