"""The ledgers of all accounts, and where they are kept."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from certs.api.core import ConfigMap
from certs.api.meta import ObjectMeta
from certs.decide.ratelimits import Charge, limits_of, of_failures, of_order
from certs.outcomes import RateLimited
from shim.acme.ledgers import AccountAt, Ledgers
from shim.controllers.ledgerstore import ACCOUNT, KEY, LedgerStore, config_map_name
from shim.kube.cluster import Cluster
from shim.kube.errors import KubeError
from tests.certs.decide.objects import NOW
from tests.fakes.apiserver import FakeAPIServer, Status
from tests.shim.conftest import Put

HERE = AccountAt("https://ca.test/directory", "https://ca.test/account/1")
THERE = AccountAt("https://ca.test/directory", "https://ca.test/account/2")
LIMITS = limits_of(HERE.server, "orders=1/1h, failures=1/1h")
HOUR = timedelta(hours=1)
ATTEMPT = "cannot create an order for a.example.org"


def turn(ledgers: Ledgers, uid: str, account: AccountAt = HERE, said: str | None = None) -> datetime | None:
    """Return until when an Order is kept waiting, or None."""
    limits = LIMITS if said is None else limits_of(account.server, said)
    names = [f"{uid}.example.org"]
    try:
        ledgers.enter(account, limits, uid, of_order(names), of_failures(names), attempt=ATTEMPT, now=NOW)
    except RateLimited as waits:
        return waits.until
    return None


def test_the_sentence_names_the_limit_and_the_turn() -> None:
    ledgers = Ledgers()
    turn(ledgers, "a")

    with pytest.raises(RateLimited) as waits:
        ledgers.enter(HERE, LIMITS, "b", of_order(["b.example.org"]), (), attempt=ATTEMPT, now=NOW)

    assert str(waits.value) == (
        "cannot create an order for a.example.org: the CA limits the new orders of this account to 1 in 1h0m0s, "
        "and they are used up: its turn is at 2026-03-01 13:00:00 UTC"
    )


def test_accounts_have_a_ledger_each_and_none_where_nothing_is_limited() -> None:
    ledgers = Ledgers()

    assert turn(ledgers, "a") is None
    assert turn(ledgers, "b", THERE) is None
    assert turn(ledgers, "c") == NOW + HOUR
    assert turn(ledgers, "c", said="") is None
    assert set(ledgers.take_changed(NOW)) == {HERE, THERE}
    assert turn(Ledgers(), "c", said="off") is None


def test_an_admin_may_allow_more_meanwhile() -> None:
    ledgers = Ledgers()
    turn(ledgers, "a")

    assert turn(ledgers, "b", said="orders=5/1h") == NOW + HOUR / 5


def test_a_failed_proof_and_a_refusal_count() -> None:
    ledgers = Ledgers()
    ledgers.failed(HERE, LIMITS, of_failures(["a.example.org"]), NOW)
    assert turn(ledgers, "a") == NOW + HOUR
    ledgers.refused(HERE, (Charge("orders", ""),), NOW + HOUR / 2)

    assert turn(ledgers, "b") == NOW + HOUR / 2
    assert ledgers.least_left(NOW) == {(HERE, "orders"): 0, (HERE, "failures"): 0}


def test_an_order_that_goes_without_a_certificate_uses_up_none() -> None:
    """Somebody deletes and applies it again and again."""
    ledgers = Ledgers()
    for number in range(5):
        assert turn(ledgers, f"a{number}", said="set=1/168h") is None
        assert turn(ledgers, f"a{number}", THERE, said="set=1/168h") is None
        ledgers.ended(f"a{number}", issued=False)

    exact = of_order(["a0.example.org"])
    ledgers.enter(HERE, limits_of(HERE.server, "set=1/168h"), "b", exact, (), attempt=ATTEMPT, now=NOW)
    ledgers.ended("b", issued=True)
    with pytest.raises(RateLimited):
        ledgers.enter(HERE, limits_of(HERE.server, "set=1/168h"), "c", exact, (), attempt=ATTEMPT, now=NOW)


def test_what_is_not_known_is_not_noted() -> None:
    ledgers = Ledgers()
    ledgers.refused(HERE, (Charge("orders", ""),), NOW + HOUR)
    ledgers.ended("a", issued=True)
    ledgers.failed(HERE, limits_of(HERE.server), of_failures(["a.example.org"]), NOW)

    assert not ledgers.take_changed(NOW)


def test_a_new_process_goes_on_with_what_was_stored(kube: Cluster, api: FakeAPIServer) -> None:
    store = LedgerStore(kube.client, "certshim", every=0.01, now=lambda: NOW)
    turn(store.ledgers, "a")
    store.start()
    store.stop()

    found = kube.client.get(ConfigMap, "certshim", config_map_name(HERE))
    assert found.metadata.annotations[ACCOUNT] == HERE.uri
    assert found.data == {KEY: '{"orders":"2026-03-01T13:00:00Z"}'}
    assert turn(LedgerStore(kube.client, "certshim").ledgers, "b") == NOW + HOUR
    assert api.count("apply") == 1


def test_what_was_stored_and_cannot_be_read_is_as_nothing(kube: Cluster, put: Put) -> None:
    put(ConfigMap(ObjectMeta(name=config_map_name(HERE), namespace="certshim"), {KEY: "nonsense"}))

    assert turn(LedgerStore(kube.client, "certshim").ledgers, "b") is None


def test_what_is_stored_and_cannot_be_read_now_is_not_written_over(kube: Cluster, api: FakeAPIServer) -> None:
    """A failure that passes has the Order tried again; a right that is missing does not keep it from going."""
    store = LedgerStore(kube.client, "certshim")
    api.script("get", Status(500, "InternalError"), Status(403, "Forbidden"))

    with pytest.raises(KubeError):
        turn(store.ledgers, "a")
    assert not store.ledgers.take_changed(NOW)
    assert turn(store.ledgers, "a") is None
