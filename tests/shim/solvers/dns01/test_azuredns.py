"""Azure DNS: identities, zones, foreign properties and races; the contract is in tests/contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from certs.api.issuer import AzureDNS, AzureManagedIdentity, DNS01Solver
from certs.outcomes import Transient, WaitingForUser
from shim.solvers.dns01 import Change
from shim.solvers.dns01.azuredns import CLOUDS, Writer, build
from tests.contract.dns01 import ZONE, credentials
from tests.contract.dns01.azuredns import CLIENT, TENANT, Fake
from tests.contract.dns01.vendor import REF, SECRET

NAME = f"_acme-challenge.shop.{ZONE}"
ADD = Change(zone=ZONE, name=NAME, add=frozenset({"ours"}))


@pytest.fixture
def azure() -> Iterator[Fake]:
    fake = Fake()
    with fake.serving():
        yield fake


def settings(**more: object) -> AzureDNS:
    return AzureDNS(subscription_id="sub", resource_group_name="dns", **more)  # type: ignore[arg-type]  # as given


def with_secret(**more: object) -> AzureDNS:
    return settings(client_id=CLIENT, client_secret_secret_ref=REF, tenant_id=TENANT, **more)


@pytest.mark.parametrize(
    "identity",
    [
        None,
        AzureManagedIdentity(client_id=CLIENT),
        AzureManagedIdentity(resource_id="/subscriptions/sub/identities/dns"),
    ],
    ids=["any", "by client id", "by resource id"],
)
def test_the_nodes_managed_identity_is_used_where_it_may(azure: Fake, identity: AzureManagedIdentity | None) -> None:
    azure.settings = settings(managed_identity=identity)
    azure.credentials = credentials(ambient=True)

    azure.writer().change(ADD)

    assert azure.values(NAME) == {"ours"}


def test_a_managed_identity_that_is_not_there_is_named(azure: Fake) -> None:
    azure.settings = settings(managed_identity=AzureManagedIdentity(client_id="gone"))
    azure.credentials = credentials(ambient=True)

    with pytest.raises(WaitingForUser, match="managed identity gone"):
        azure.writer().change(ADD)


@pytest.mark.parametrize("tenant", ["from the environment", "from the solver"])
def test_a_federated_token_is_used_where_there_is_one(azure: Fake, tmp_path: Path, tenant: str) -> None:
    """Workload identity; the solver's tenant and client have the last word."""
    token = tmp_path / "token"
    token.write_text("federated\n")
    own = tenant == "from the solver"
    azure.settings = settings(
        managed_identity=AzureManagedIdentity(client_id=CLIENT, tenant_id=TENANT) if own else None
    )
    azure.credentials = credentials(ambient=True)
    azure.environment = {
        "AZURE_FEDERATED_TOKEN_FILE": str(token),
        "AZURE_CLIENT_ID": "other" if own else CLIENT,
        "AZURE_TENANT_ID": "other" if own else TENANT,
    }

    azure.writer().change(ADD)

    assert azure.values(NAME) == {"ours"}


def test_a_federated_token_that_is_missing_waits_for_the_user(azure: Fake) -> None:
    azure.settings = settings()
    azure.credentials = credentials(ambient=True)
    azure.environment = {"AZURE_FEDERATED_TOKEN_FILE": "/nonexistent/token"}

    with pytest.raises(WaitingForUser, match="/nonexistent/token"):
        azure.writer().change(ADD)


@pytest.mark.parametrize("identity", [None, AzureManagedIdentity(client_id=CLIENT)], ids=["none", "managed identity"])
def test_the_shims_own_identity_is_not_used_where_it_may_not(identity: AzureManagedIdentity | None) -> None:
    """A managed identity is the node's, whoever names it."""
    with pytest.raises(WaitingForUser, match="clientSecretSecretRef"):
        build(DNS01Solver(azure_dns=settings(managed_identity=identity)), credentials())


@pytest.mark.parametrize(
    "half",
    [
        settings(client_id=CLIENT),
        settings(client_id=CLIENT, client_secret_secret_ref=REF),
        settings(client_secret_secret_ref=REF, tenant_id=TENANT),
    ],
    ids=["no secret", "no tenant", "no client"],
)
def test_half_an_application_waits_for_the_user(half: AzureDNS) -> None:
    with pytest.raises(WaitingForUser, match="add what is missing"):
        build(DNS01Solver(azure_dns=half), credentials(ambient=True, vendor=SECRET))


def test_a_wrong_secret_names_the_application_and_the_secret(azure: Fake) -> None:
    azure.credentials = credentials(vendor="wrong")

    with pytest.raises(WaitingForUser, match=r'client-1 with Secret "vendor".*invalid_client') as raised:
        azure.writer().change(ADD)

    assert "hunter2" not in str(raised.value)


def test_a_private_zone_is_another_api(azure: Fake) -> None:
    azure.settings = with_secret(zone_type="AzurePrivateZone")
    azure.put(NAME, "theirs")

    azure.writer().change(ADD)

    assert azure.values(NAME) == {"ours", "theirs"}
    assert "/privateDnsZones/" in azure.server.seen[-1].path


def test_a_zone_can_be_named(azure: Fake) -> None:
    azure.settings = with_secret(hosted_zone_name=ZONE)

    azure.writer().change(Change(zone=f"shop.{ZONE}", name=NAME, add=frozenset({"ours"})))

    assert azure.values(NAME) == {"ours"}


def test_a_name_outside_the_named_zone_waits_for_the_user(azure: Fake) -> None:
    azure.settings = with_secret(hosted_zone_name="other.test")

    with pytest.raises(WaitingForUser, match=r"correct azureDNS\.hostedZoneName"):
        azure.writer().change(ADD)


def test_what_others_have_set_stays(azure: Fake) -> None:
    azure.put(NAME, "theirs")
    azure.extra[NAME] = {"metadata": {"team": "shop"}}

    azure.writer().change(ADD)

    assert azure.extra[NAME] == {"metadata": {"team": "shop"}, "seen-ttl": 300}


def test_a_race_is_run_again(azure: Fake) -> None:
    """The first time the set is new, so nothing but If-None-Match tells."""
    azure.races = 2

    azure.writer().change(ADD)

    assert azure.values(NAME) == {"ours", "race-0", "race-1"}


def test_endless_races_are_given_up(azure: Fake) -> None:
    azure.races = 9

    with pytest.raises(Transient, match="keeps changing"):
        azure.writer().change(ADD)


@pytest.mark.parametrize("environment", [None, *CLOUDS])
def test_every_environment_has_its_addresses(environment: str | None) -> None:
    writer = build(
        DNS01Solver(azure_dns=with_secret(environment=environment)), credentials(vendor=SECRET), environment={}
    )

    assert isinstance(writer, Writer)
    assert writer.cloud == CLOUDS[environment or "AzurePublicCloud"]
