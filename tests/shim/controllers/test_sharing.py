"""An order of the CA belongs to one Order: by what is stored, and by claims where that is not seen yet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import msgspec
import pytest

from certs.api.issuer import ACMEIssuerStatus, IssuerStatus
from certs.api.order import ACMEState, Order, OrderStatus
from certs.outcomes import Transient
from shim.controllers.sharing import Sharing
from shim.stores import Stores
from tests.certs.decide.objects import issuer, order
from tests.shim.conftest import Put

URL = "https://ca.test/order/1"


@pytest.fixture
def sharing(stores: Stores, put: Put) -> Sharing:
    put(issuer(status=IssuerStatus(acme=ACMEIssuerStatus(uri="https://ca.test/account/1"))))
    return Sharing(stores)


def named(name: str, **status: object) -> Order:
    made = order(status=msgspec.structs.replace(OrderStatus(), **status))
    return msgspec.structs.replace(made, metadata=msgspec.structs.replace(made.metadata, name=name, uid=f"uid-{name}"))


def test_of_many_that_are_given_one_order_one_gets_it(sharing: Sharing, put: Put) -> None:
    """At the same moment, when no store knows anything yet; afterwards the others wait for that one."""
    crowd = [named(f"o{number}") for number in range(8)]
    for one in crowd:
        put(one)
    start = Barrier(len(crowd))

    def claim(one: Order) -> bool:
        start.wait()
        try:
            sharing.claim(one, URL)
        except Transient:
            return False
        return True

    with ThreadPoolExecutor(len(crowd)) as threads:
        claimed = list(threads.map(claim, crowd))

    (winner,) = (one for one, has_it in zip(crowd, claimed, strict=True) if has_it)
    sharing.claim(winner, URL)  # it may be told again, after a write that failed
    put(msgspec.structs.replace(winner, status=OrderStatus(url=URL, state=ACMEState.PENDING)))
    for one in crowd:
        first = sharing.first(one)
        assert one is winner or (first is not None and first.metadata.name == winner.metadata.name)


def test_a_stored_url_counts_after_a_restart(sharing: Sharing, put: Put) -> None:
    put(named("other", url=URL, state=ACMEState.PENDING))
    mine = named("mine")
    put(mine)

    assert not sharing.is_free(mine, URL)
    with pytest.raises(Transient, match='waits for Order "other"'):
        sharing.claim(mine, URL)


def test_what_has_ended_or_gone_is_free(sharing: Sharing, put: Put) -> None:
    gone, mine = named("gone"), named("mine")
    sharing.claim(gone, URL)  # and was deleted before its URL was stored
    put(named("failed", url=URL, state=ACMEState.INVALID))
    put(mine)

    assert sharing.is_free(mine, URL)
    sharing.claim(mine, URL)


def test_nobody_waits_where_no_order_was_given_twice(sharing: Sharing, put: Put) -> None:
    put(named("a-first"))
    mine = named("mine")
    put(mine)

    assert sharing.first(mine) is None


def test_another_account_has_other_orders(sharing: Sharing, put: Put) -> None:
    """The same URL at another account is another CA's."""
    other = issuer(status=IssuerStatus(acme=ACMEIssuerStatus(uri="https://other.test/account/1")))
    put(msgspec.structs.replace(other, metadata=msgspec.structs.replace(other.metadata, name="other", uid="uid-i")))
    theirs = named("theirs", url=URL, state=ACMEState.PENDING)
    ref = msgspec.structs.replace(theirs.spec.issuer_ref, name="other")
    put(msgspec.structs.replace(theirs, spec=msgspec.structs.replace(theirs.spec, issuer_ref=ref)))
    mine = named("mine")
    put(mine)

    assert sharing.is_free(mine, URL)


def test_two_that_have_one_order_know_it(sharing: Sharing, put: Put) -> None:
    mine = named("mine", url=URL, state=ACMEState.PENDING)
    put(mine)
    assert not sharing.is_shared(mine)

    put(named("other", url=URL, state=ACMEState.VALID))

    assert sharing.is_shared(mine)
