"""The ring: tenants take turns, lines keep their order, and a key may leave from anywhere."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.engine.ring import Ring


def test_tenants_take_turns() -> None:
    """A crowd's second key comes after another's first."""
    ring: Ring[str, int] = Ring()
    for key in ("a1", "a2", "a3", "b1"):
        ring.put(key[0], key, 0)

    assert [ring.take_next()[0] for _ in range(4)] == ["a1", "b1", "a2", "a3"]


def test_a_key_waits_once() -> None:
    """Put again it keeps its place, and has the new value."""
    ring: Ring[str, int] = Ring()
    for key in ("a1", "a2", "a1"):
        ring.put("a", key, len(ring))

    assert (len(ring), ring.get("a1")) == (2, 2)
    assert ring.take_next() == ("a1", 2)


def test_a_key_leaves_from_the_middle() -> None:
    """Who is taken out is not there any more; the others keep their order."""
    ring: Ring[str, int] = Ring()
    for number, key in enumerate(("a1", "a2", "a3")):
        ring.put("a", key, number)

    assert ring.take("a2") == 1
    assert "a2" not in ring
    assert (ring.count("a"), ring.count("b")) == (2, 0)
    assert ring.get("a2") is None
    assert list(ring.heads()) == [0]
    assert [ring.take_next()[0] for _ in range(2)] == ["a1", "a3"]
    with pytest.raises(KeyError):
        ring.take_next()


@given(st.lists(st.sampled_from("abc"), max_size=40))
def test_nobody_is_served_twice_while_another_waits(tenants: list[str]) -> None:
    """Between two keys of a tenant each other one that waits is served."""
    ring: Ring[int, str] = Ring()
    for number, tenant in enumerate(tenants):
        ring.put(tenant, number, tenant)
    served = [ring.take_next()[1] for _ in tenants]

    for tenant in "abc":
        places = [place for place, one in enumerate(served) if one == tenant]
        for first, second in pairwise(places):
            assert all(other in served[first:second] for other in served[second:])
