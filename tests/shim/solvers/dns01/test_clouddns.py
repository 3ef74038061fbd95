"""Cloud DNS: identities, zones, limits and races; the contract is in tests/contract."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from certs.api.issuer import CloudDNS, DNS01Solver
from certs.outcomes import RateLimited, Transient, WaitingForUser
from shim.solvers.dns01 import Change
from shim.solvers.dns01.clouddns import build
from tests.contract.dns01 import ZONE, credentials
from tests.contract.dns01.clouddns import Fake, service_account
from tests.contract.dns01.vendor import REF

NAME = f"_acme-challenge.shop.{ZONE}"
ADD = Change(zone=ZONE, name=NAME, add=frozenset({"ours"}))
AMBIENT = DNS01Solver(cloud_dns=CloudDNS(project="shop"))


@pytest.fixture
def google() -> Iterator[Fake]:
    fake = Fake()
    with fake.serving():
        yield fake


def test_the_shims_own_identity_is_used_where_it_may(
    google: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key.json"
    key.write_text(service_account(f"{google.url}/token"))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))

    build(AMBIENT, credentials(ambient=True), http=google.http, url=google.url).change(ADD)

    assert google.values(NAME) == {"ours"}


def test_an_identity_that_is_not_there_waits_for_the_user(google: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent/key.json")
    writer = build(AMBIENT, credentials(ambient=True), http=google.http, url=google.url)

    with pytest.raises(WaitingForUser, match="serviceAccountSecretRef"):
        writer.change(ADD)


def test_the_shims_own_identity_is_not_used_where_it_may_not() -> None:
    with pytest.raises(WaitingForUser, match="serviceAccountSecretRef"):
        build(AMBIENT, credentials())


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("hunter2", id="no JSON"),
        pytest.param('["hunter2"]', id="no object"),
        pytest.param('{"type": "service_account", "private_key": "hunter2"}', id="half a key"),
        pytest.param(
            json.dumps({"type": "external_account", "credential_source": {"file": "/var/run/secrets/hunter2"}}),
            id="credentials that read the shim's files",
        ),
    ],
)
def test_a_secret_that_is_no_service_accounts_key_waits_for_the_user(text: str) -> None:
    solver = DNS01Solver(cloud_dns=CloudDNS(project="shop", service_account_secret_ref=REF))

    with pytest.raises(WaitingForUser, match='Secret "vendor"') as raised:
        build(solver, credentials(vendor=text))

    assert "hunter2" not in str(raised.value)


def test_a_key_that_is_no_longer_valid_waits_for_the_user(google: Fake) -> None:
    text = service_account(f"{google.url}/token").replace("dns@shop", "gone@shop")
    solver = DNS01Solver(cloud_dns=CloudDNS(project="shop", service_account_secret_ref=REF))

    with pytest.raises(WaitingForUser, match="make a new key"):
        build(solver, credentials(vendor=text), http=google.http, url=google.url).change(ADD)


def test_a_zone_by_name_is_not_looked_up(google: Fake) -> None:
    google.solver = DNS01Solver(
        cloud_dns=CloudDNS(project="shop", service_account_secret_ref=REF, hosted_zone_name="shop-public")
    )

    google.writer().change(ADD)

    assert google.values(NAME) == {"ours"}
    assert google.requests() == 3  # token, set, change


def test_a_zone_name_that_does_not_exist_is_named(google: Fake) -> None:
    google.solver = DNS01Solver(
        cloud_dns=CloudDNS(project="shop", service_account_secret_ref=REF, hosted_zone_name="gone")
    )

    with pytest.raises(WaitingForUser, match="no zone gone"):
        google.writer().change(ADD)


@pytest.mark.parametrize("reason", ["rateLimitExceeded", "quotaExceeded"])
def test_a_limit_is_no_refusal_though_it_is_403(google: Fake, reason: str) -> None:
    google.refusing = reason

    with pytest.raises(RateLimited, match=reason):
        google.writer().change(ADD)


def test_a_refusal_says_which_role_is_needed(google: Fake) -> None:
    google.refusing = "forbidden"

    with pytest.raises(WaitingForUser, match=r"roles/dns\.admin"):
        google.writer().change(ADD)


def test_a_foreign_sets_lifetime_stays(google: Fake) -> None:
    google.put(NAME, "theirs")

    google.writer().change(ADD)

    assert google.values(NAME) == {"ours", "theirs"}
    assert google.ttls[NAME] == 300


def test_a_race_is_run_again(google: Fake) -> None:
    google.put(NAME, "theirs")
    google.races = 2

    google.writer().change(ADD)

    assert google.values(NAME) == {"ours", "theirs", "race-0", "race-1"}


def test_endless_races_are_given_up(google: Fake) -> None:
    google.put(NAME, "theirs")
    google.races = 9

    with pytest.raises(Transient, match="keeps changing"):
        google.writer().change(ADD)
