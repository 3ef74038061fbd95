"""When the key of an ACME account is changed, and by which of the issuers that share it."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from certs.api.challenge import Challenge, ChallengeStatus
from certs.api.core import Secret
from certs.api.issuer import ACMEIssuerStatus, AnyIssuer, ClusterIssuer, Issuer, IssuerStatus
from certs.api.order import ACMEState
from certs.decide.challengestatus import awaiting_verdict
from certs.decide.issuer import DEACTIVATED, ChangeKey, ObservedIssuer, Register, decide, may_fail_quietly
from certs.decide.keychange import KeyChange, Sharing, key_change, next_key, stale
from certs.outcomes import DONE, Done, Wait, WaitingForUser
from tests.certs.decide.objects import NOW, challenge, condition, issuer, secret

SECOND = timedelta(seconds=1)
BOTH = secret("account", data={"tls.key": b"old", "tls.key.next": b"new"})
OLD = secret("account", data={"tls.key": b"old"})
READY = condition("Ready", reason="ACMEAccountRegistered")


def named(name: str, uri: str = "https://ca.test/account/1", key_hash: str = "hash") -> Issuer:
    """Return an issuer that was registered; without a URL one that was not."""
    account = ACMEIssuerStatus(uri=uri, last_private_key_hash=key_hash)
    made = issuer(status=IssuerStatus(conditions=(READY,), acme=account if uri else None))
    return msgspec.structs.replace(made, metadata=msgspec.structs.replace(made.metadata, name=name))


def cluster(name: str) -> ClusterIssuer:
    made = named(name)
    metadata = msgspec.structs.replace(made.metadata, namespace="")
    return ClusterIssuer(metadata=metadata, spec=made.spec, status=made.status)


def made_at(moment: datetime, state: ACMEState = ACMEState.PENDING, *, deleted: bool = False) -> Challenge:
    """Return a Challenge of that age."""
    made = challenge(status=ChallengeStatus(state=state))
    metadata = msgspec.structs.replace(
        made.metadata, creation_timestamp=moment, deletion_timestamp=NOW if deleted else None
    )
    return msgspec.structs.replace(made, metadata=metadata)


def told(reason: str) -> Challenge:
    """Return a fresh Challenge that says what it waits for."""
    made = made_at(NOW)
    return msgspec.structs.replace(made, status=ChallengeStatus(processing=True, reason=reason))


A, B, NEW = named("a"), named("b"), named("a", uri="")
FRESH, OLDER = made_at(NOW - SECOND), made_at(NOW - 60 * SECOND)


@pytest.mark.parametrize(
    ("of", "held", "issuers", "challenges", "expected"),
    [
        pytest.param(A, BOTH, (A,), (), KeyChange.DUE, id="due"),
        pytest.param(A, OLD, (), (), KeyChange.NONE, id="no next key"),
        pytest.param(A, None, (), (), KeyChange.NONE, id="no Secret"),
        pytest.param(A, secret(data={"tls.key.next": b""}), (A,), (), KeyChange.NONE, id="an empty next key"),
        pytest.param(NEW, BOTH, (NEW,), (), KeyChange.NONE, id="no account yet"),
        pytest.param(A, BOTH, (B, A), (), KeyChange.DUE, id="the first of two"),
        pytest.param(B, BOTH, (B, A), (), KeyChange.ANOTHERS, id="the second of two"),
        pytest.param(B, BOTH, (B, NEW), (), KeyChange.DUE, id="the other has no account"),
        pytest.param(A, BOTH, (A, cluster("z")), (), KeyChange.ANOTHERS, id="a ClusterIssuer goes first"),
        pytest.param(A, BOTH, (A,), (FRESH,), KeyChange.PROVING, id="something is being proven"),
        pytest.param(A, BOTH, (A,), (OLDER,), KeyChange.DUE, id="something waits for long"),
        pytest.param(A, BOTH, (A,), (told("cannot resolve"),), KeyChange.DUE, id="something is held up"),
        pytest.param(A, BOTH, (A,), (told(awaiting_verdict("HTTP-01")),), KeyChange.PROVING, id="the CA is looking"),
        pytest.param(A, BOTH, (A,), (made_at(NOW, ACMEState.VALID),), KeyChange.DUE, id="all is proven"),
        pytest.param(A, BOTH, (A,), (made_at(NOW, deleted=True),), KeyChange.DUE, id="what is being deleted"),
    ],
)
def test_whether_a_key_is_changed(
    of: AnyIssuer,
    held: Secret | None,
    issuers: tuple[AnyIssuer, ...],
    challenges: tuple[Challenge, ...],
    expected: KeyChange,
) -> None:
    assert key_change(of, held, "tls.key", Sharing(issuers, challenges), NOW) is expected


def test_the_next_key_stands_beside_the_present_one() -> None:
    """Under its name, whatever that is."""
    held = secret(data={"a.pem": b"1", "a.pem.next": b"2", "tls.key.next": b"3"})

    assert (next_key(held, "a.pem"), next_key(held, "tls.key"), next_key(held, "other")) == (b"2", b"3", b"")


def test_what_is_asked_for_anew() -> None:
    """Whatever is not over: its answer was made with the old key."""
    assert stale((FRESH, OLDER, made_at(NOW, ACMEState.INVALID), made_at(NOW, deleted=True))) == (FRESH, OLDER)


@pytest.mark.parametrize(
    ("key_hash", "sharing", "expected"),
    [
        pytest.param("hash", Sharing((A,)), ChangeKey, id="well"),
        pytest.param("other", Sharing((A,)), ChangeKey, id="before the registration of another key"),
        pytest.param("hash", Sharing((A,), (FRESH,)), Wait, id="being proven"),
    ],
)
def test_a_change_of_keys_comes_first(key_hash: str, sharing: Sharing, expected: type) -> None:
    """With the key that is stored the CA may know nobody any more, and would register somebody new."""
    observed = ObservedIssuer(A, BOTH, key_hash, sharing=sharing)

    assert isinstance(decide(observed, NOW), expected)


def test_an_account_that_was_given_up_is_not_registered_again() -> None:
    """The sentence says what to do; another key, or another account, is not concerned."""
    gone = secret("account", data={"tls.key": b"old"}, annotations={DEACTIVATED: "https://ca.test/account/1"})

    with pytest.raises(WaitingForUser, match='was deactivated; delete Secret "account" in namespace "web"') as caught:
        decide(ObservedIssuer(A, gone, "hash", namespace="web"), NOW)
    assert caught.value.reason == "AccountDeactivated"
    assert isinstance(decide(ObservedIssuer(A, gone, "another"), NOW), Register)
    assert isinstance(
        decide(ObservedIssuer(named("a", "https://ca.test/account/2"), gone, "hash"), NOW), Register | Done
    )


def test_another_issuer_goes_on_meanwhile() -> None:
    observed = ObservedIssuer(B, BOTH, "hash", sharing=Sharing((A, B)))

    assert decide(observed, NOW) == DONE
    assert isinstance(decide(ObservedIssuer(B, BOTH, "other", sharing=Sharing((A, B))), NOW), Register)


def test_a_change_that_fails_leaves_the_issuer_ready() -> None:
    """Any other failure of it is told in its condition."""
    assert may_fail_quietly(ObservedIssuer(A, BOTH, "hash", sharing=Sharing((A,))))
    assert not may_fail_quietly(ObservedIssuer(A, OLD, "hash"))
    assert not may_fail_quietly(ObservedIssuer(A, BOTH, "another", sharing=Sharing((A,))))
