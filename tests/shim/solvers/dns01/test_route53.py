"""Route 53: identities, zones, routing policies and races; the contract is in tests/contract."""

from __future__ import annotations

import pytest

from certs.api.issuer import Route53, Route53Auth, Route53Kubernetes, ServiceAccountRef
from certs.outcomes import Transient, WaitingForUser
from shim.solvers.dns01 import Change
from tests.contract.dns01 import ZONE, Fault
from tests.contract.dns01.route53 import KEY_ID, REF, Set, backend

NAME = f"_acme-challenge.shop.{ZONE}"
ADD = Change(zone=ZONE, name=NAME, add=frozenset({"ours"}))
REMOVE = Change(zone=ZONE, name=NAME, remove=frozenset({"ours"}))
ROLE = "arn:aws:iam::123456789012:role/dns"
TOKEN = Route53Auth(kubernetes=Route53Kubernetes(service_account_ref=ServiceAccountRef(name="dns")))


@pytest.fixture(autouse=True)
def no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither this machine's AWS identity nor a search for one."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")


@pytest.mark.parametrize(
    "solver",
    [
        pytest.param(Route53(access_key_id=KEY_ID, secret_access_key_secret_ref=REF, role=ROLE), id="from a key"),
        pytest.param(Route53(auth=TOKEN, role=ROLE), id="by a service account's token"),
        pytest.param(Route53(auth=TOKEN, role=ROLE, region="eu-central-1"), id="in a region"),
    ],
)
def test_a_role_is_taken_on(solver: Route53) -> None:
    with backend(solver) as aws:
        aws.writer().change(ADD)

        assert aws.values(NAME) == {"ours"}
        assert "ASIATAKEN" in aws.server.seen[-1].headers["authorization"]


def test_a_token_is_sent_without_a_signature() -> None:
    """AssumeRoleWithWebIdentity needs no AWS credentials, so nobody's are used."""
    with backend(Route53(auth=TOKEN, role=ROLE), ambient=True) as aws:
        aws.writer().change(ADD)

        assert "authorization" not in aws.server.seen[0].headers


def test_a_role_that_may_not_be_taken_on_is_named() -> None:
    with backend(Route53(auth=TOKEN, role="arn:aws:iam::1:role/other")) as aws:
        with pytest.raises(WaitingForUser, match="role/other") as raised:
            aws.writer().change(ADD)

        assert 'service account "dns"' in str(raised.value)


def test_a_token_needs_a_role() -> None:
    with backend(Route53(auth=TOKEN)) as aws, pytest.raises(WaitingForUser, match=r"set route53\.role"):
        aws.writer().change(ADD)


def test_the_shims_own_identity_is_used_where_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")

    with backend(Route53(), ambient=True) as aws:
        aws.writer().change(ADD)

        assert aws.values(NAME) == {"ours"}


def test_the_shims_own_identity_is_not_used_where_it_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")

    with backend(Route53(role=ROLE)) as aws, pytest.raises(WaitingForUser, match="accessKeyIDSecretRef"):
        aws.writer()


def test_an_identity_that_is_not_there_waits_for_the_user() -> None:
    with backend(Route53(), ambient=True) as aws, pytest.raises(WaitingForUser, match="give the shim a role"):
        aws.writer().change(ADD)


@pytest.mark.parametrize(
    "solver", [Route53(access_key_id=KEY_ID), Route53(secret_access_key_secret_ref=REF)], ids=["no secret", "no id"]
)
def test_half_a_key_waits_for_the_user(solver: Route53) -> None:
    with backend(solver, ambient=True) as aws, pytest.raises(WaitingForUser, match="add"):
        aws.writer()


def test_a_zone_by_id_is_not_looked_up() -> None:
    """Where the policy does not allow to list zones, and where a name has two."""
    solver = Route53(hosted_zone_id="/hostedzone/Z1PUBLIC", access_key_id=KEY_ID, secret_access_key_secret_ref=REF)
    with backend(solver) as aws:
        aws.writer().change(ADD)

        assert aws.values(NAME) == {"ours"}
        assert not any(request.path.endswith("hostedzonesbyname") for request in aws.server.seen)


def test_a_zone_id_that_does_not_exist_is_named() -> None:
    solver = Route53(hosted_zone_id="Z9", access_key_id=KEY_ID, secret_access_key_secret_ref=REF)
    with backend(solver) as aws, pytest.raises(WaitingForUser, match="zone Z9"):
        aws.writer().change(ADD)


def test_ours_joins_multivalue_answers() -> None:
    """As cert-manager writes them: Route 53 allows no simple set beside such."""
    with backend() as aws:
        aws.sets.append(Set(f"{NAME}.", frozenset({'"theirs"'}), "60", '"theirs"'))

        aws.writer().change(ADD)
        aws.writer().change(ADD)
        assert aws.values(NAME) == {"ours", "theirs"}

        aws.writer().change(REMOVE)

        assert aws.values(NAME) == {"theirs"}


def test_a_foreign_sets_lifetime_stays() -> None:
    with backend() as aws:
        aws.put(NAME, "theirs")

        aws.writer().change(ADD)

        assert aws.sets == [Set(f"{NAME}.", frozenset({'"ours"', '"theirs"'}), "300")]


def test_a_race_is_run_again() -> None:
    """Somebody adds a value between our reading and our writing."""
    with backend() as aws:
        aws.put(NAME, "theirs")
        aws.races = 2

        aws.writer().change(ADD)

        assert aws.values(NAME) == {"ours", "theirs", "race-0", "race-1"}


def test_endless_races_are_given_up() -> None:
    with backend() as aws:
        aws.put(NAME, "theirs")
        aws.races = 9

        with pytest.raises(Transient, match="keeps changing"):
            aws.writer().change(ADD)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        pytest.param(
            f"[RRSet with DNS name {NAME}. is not permitted in zone other.test.]",
            "the name does not lie in the hosted zone: correct route53.hostedZoneID",
            id="another zone",
        ),
        pytest.param(
            f"[RRSet of type TXT with DNS name {NAME}. is not permitted because a conflicting RRSet of type CNAME with "
            f"the same DNS name already exists in zone {ZONE}.]",
            "a CNAME is set there: set cnameStrategy: Follow in the solver, or remove the CNAME",
            id="a CNAME",
        ),
    ],
)
def test_a_batch_that_can_never_be_is_no_race(said: str, sentence: str) -> None:
    """AWS has the same code for all that is wrong with a batch."""
    with backend() as aws:
        aws.refusal = said

        with pytest.raises(WaitingForUser, match=sentence):
            aws.writer().change(ADD)

        assert sum(request.method == "POST" for request in aws.server.seen) == 1


def test_throttling_passes_by_itself() -> None:
    """AWS names no moment; it answers 400 with a code."""
    with backend() as aws:
        aws.fail(Fault.LIMITED)

        with pytest.raises(Transient, match="Throttling"):
            aws.writer().change(ADD)
