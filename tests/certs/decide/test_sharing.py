"""Whose an order of the CA is: who goes first, who holds it, and what is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from certs.api.meta import IssuerReference
from certs.api.order import ACMEState, Order, OrderStatus
from certs.decide.sharing import goes_first, has_rival, holds, is_under_way, names_of, same_names, sentence
from tests.certs.decide.objects import NOW, order

URL = "https://ca.test/order/1"


def one(name: str, *, age: int = 0, namespace: str = "web", url: str = "", state: str = "", **spec: Any) -> Order:
    """Return an Order that was created so many seconds before `NOW`."""
    made = order(status=OrderStatus(url=url, state=ACMEState(state)), **spec)
    created = NOW - timedelta(seconds=age)
    metadata = msgspec.structs.replace(
        made.metadata, name=name, namespace=namespace, uid=f"{namespace}-{name}", creation_timestamp=created
    )
    return msgspec.structs.replace(made, metadata=metadata)


ME = one("me", age=10)


@pytest.mark.parametrize(
    ("others", "first"),
    [
        pytest.param((), None, id="nobody else"),
        pytest.param((ME,), None, id="itself"),
        pytest.param((one("old", age=20),), "old", id="an older one"),
        pytest.param((one("young", age=5),), None, id="a younger one"),
        pytest.param((one("young", age=5, url=URL),), "young", id="a younger one that the CA has"),
        pytest.param((one("old", age=20), one("young", age=5, url=URL)), "young", id="before the oldest"),
        pytest.param((one("old", age=20, url=URL, state="valid"),), None, id="one that is done"),
        pytest.param((one("old", age=20, url=URL, state="invalid"),), None, id="one that has failed"),
        pytest.param((one("a", age=10),), "a", id="of the same second, by name"),
        pytest.param((one("z", age=10),), None, id="of the same second, after it"),
        pytest.param((one("me", age=20, namespace="shop"),), "me", id="of the same name elsewhere"),
        pytest.param(
            (one("old", age=20, issuer_ref=IssuerReference(name="another")),), None, id="older, of another issuer"
        ),
        pytest.param(
            (one("old", age=20, url=URL, issuer_ref=IssuerReference(name="another")),),
            "old",
            id="of another issuer, and the CA has it",
        ),
    ],
)
def test_who_goes_first(others: tuple[Order, ...], first: str | None) -> None:
    found = goes_first(ME, others)

    assert (found.metadata.name if found is not None else None) == first


def test_of_many_one_goes_first_and_all_others_wait_for_it() -> None:
    """Whatever the order in which they are listed; so none is waited for that waits itself."""
    crowd = [one(f"o{number}", age=number % 3) for number in range(9)]

    firsts = {(goes_first(each, crowd) or each).metadata.name for each in crowd}

    assert firsts == {"o2"}


@pytest.mark.parametrize(
    ("other", "is_held"),
    [
        pytest.param(one("other", url=URL, state="pending"), True, id="under way"),
        pytest.param(one("other", url=URL, state="processing"), True, id="finalized"),
        pytest.param(one("other", url=f"{URL}2", state="pending"), False, id="another order"),
        pytest.param(one("other", url=URL, state="expired"), False, id="given up"),
        pytest.param(one("me", url=URL, state="pending"), False, id="its own"),
    ],
)
def test_who_holds_an_order_of_the_ca(other: Order, *, is_held: bool) -> None:
    assert holds(ME, URL, (other,)) == (other if is_held else None)


def test_a_rival_is_one_whatever_has_become_of_it() -> None:
    mine = one("me", url=URL, state="pending")

    assert has_rival(mine, (one("other", url=URL, state="valid"),))
    assert not has_rival(mine, (mine, one("other", url=f"{URL}2")))


def test_what_is_deleted_is_not_under_way() -> None:
    going = msgspec.structs.replace(ME, metadata=msgspec.structs.replace(ME.metadata, deletion_timestamp=NOW))

    assert is_under_way(ME)
    assert not is_under_way(going)


@pytest.mark.parametrize(
    ("spec", "names", "same"),
    [
        ({"dns_names": ("b.test", "A.test")}, ("A.test", "b.test"), "a.test,b.test"),
        ({"dns_names": ("a.test",), "ip_addresses": ("10.0.0.1",)}, ("a.test", "10.0.0.1"), "10.0.0.1,a.test"),
        ({"dns_names": (), "common_name": "c.test"}, ("c.test",), "c.test"),
    ],
)
def test_the_names_that_are_ordered(spec: dict[str, Any], names: tuple[str, ...], same: str) -> None:
    assert names_of(order(**spec)) == names
    assert same_names(order(**spec)) == same


def test_whose_it_is_is_not_told_across_namespaces() -> None:
    assert 'Order "other"' in sentence(ME, one("other"))
    assert "other" not in sentence(ME, one("other", namespace="shop")).replace("another namespace", "")
