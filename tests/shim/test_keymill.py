"""The key mill: keys are made beside the work, each is handed out once, and slow ones are in nobody's way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from certs.api.certificate import KeyAlgorithm
from certs.outcomes import Permanent
from certs.pki.keys import Key, algorithm_of, public_der
from shim.keymill import KEPT_FOR, MOST_MADE, KeyMill
from shim.keys import generate_key

RSA, ECDSA, ED25519 = KeyAlgorithm.RSA, KeyAlgorithm.ECDSA, KeyAlgorithm.ED25519
PATIENCE = 10.0  # seconds; no test takes one


class Gate:
    """Makes keys only when it is told to, and knows who waits."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self._open = threading.Condition()
        self._let: list[int] = []

    def __call__(self, _algorithm: KeyAlgorithm | None, size: int) -> Key:
        with self._open:
            self.begun.append(size)
            self._open.notify_all()
            assert self._open.wait_for(lambda: size in self._let, PATIENCE)
            self._let.remove(size)
        return generate_key(ECDSA)

    def let(self, *sizes: int) -> None:
        """Have keys of these sizes made."""
        with self._open:
            self._let += sizes
            self._open.notify_all()

    def wait_begun(self, *sizes: int) -> None:
        """Block until the making of these has begun, and of no others."""
        with self._open:
            assert self._open.wait_for(lambda: sorted(self.begun) == sorted(sizes), PATIENCE), self.begun


class Called:
    """Counts how often it was called."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.times = 0

    def __call__(self) -> None:
        with self._changed:
            self.times += 1
            self._changed.notify_all()

    def wait(self, times: int = 1) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.times >= times, PATIENCE)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def mill(gate: Gate) -> Iterator[KeyMill]:
    made = KeyMill(threads=2, generate=gate)
    yield made
    gate.let(*([2048, 4096, 8192] * 60))
    made.stop()


def ignore() -> None:
    """Do nothing."""


def test_a_key_is_ordered_made_told_and_taken_once(mill: KeyMill, gate: Gate) -> None:
    """Ready only when it is there; whoever comes a second time gets another."""
    called = Called()
    assert not mill.is_ready("a", RSA, 2048)
    assert not mill.is_ordered("a", RSA, 2048)

    mill.order("a", RSA, 2048, called)
    assert mill.is_ordered("a", RSA, 2048)
    gate.let(2048)
    called.wait()

    assert mill.is_ready("a", RSA, 2048)
    assert not mill.is_ordered("a", RSA, 2048)
    first = mill.take("a", RSA, 2048)
    assert not mill.is_ready("a", RSA, 2048)
    gate.let(2048)
    assert public_der(mill.take("a", RSA, 2048).public_key()) != public_der(first.public_key())


@pytest.mark.parametrize(("algorithm", "size"), [(ECDSA, 256), (ECDSA, 0), (ED25519, 0)])
def test_what_takes_no_time_needs_no_order(algorithm: KeyAlgorithm, size: int) -> None:
    """And no thread."""
    mill = KeyMill()

    assert mill.is_ready("a", algorithm, size)
    assert algorithm_of(mill.take("a", algorithm, size)) is algorithm
    assert not [one for one in threading.enumerate() if one.name.startswith("keymill")]


def test_the_defaults_are_the_apis(mill: KeyMill, gate: Gate) -> None:
    """No algorithm is RSA, no size is 2048."""
    called = Called()
    mill.order("a", None, 0, called)
    gate.let(2048)
    called.wait()

    assert mill.is_ready("a", RSA, 2048)


def test_an_order_is_an_order(mill: KeyMill, gate: Gate) -> None:
    """Asked for twice it is made once; asked for otherwise, the first is not wanted any more."""
    first, second, other = Called(), Called(), Called()
    mill.order("a", RSA, 2048, first)
    mill.order("a", RSA, 2048, second)
    gate.wait_begun(2048)
    mill.order("a", RSA, 4096, other)

    gate.let(2048, 4096)
    other.wait()

    assert (first.times, second.times) == (0, 0)
    assert mill.is_ready("a", RSA, 4096)
    assert mill.figures().made == 1


def test_slow_keys_are_in_nobodys_way(mill: KeyMill, gate: Gate) -> None:
    """Two threads: one for the slow, one for the quick, however many of the slow wait."""
    called = Called()
    for number in range(20):
        mill.order(f"slow-{number}", RSA, 8192, ignore)
    gate.wait_begun(8192)

    mill.order("quick", RSA, 2048, called)
    gate.let(2048)
    called.wait()

    assert mill.is_ready("quick", RSA, 2048)
    assert gate.begun == [8192, 2048]
    assert (mill.figures().waiting, mill.figures().running) == (19, 1)


def test_tenants_take_turns(mill: KeyMill, gate: Gate) -> None:
    """Somebody's twenty keys are not all in the way of another's one."""
    called = Called()
    for number in range(20):
        mill.order(f"many-{number}", RSA, 2048, ignore, tenant="many")
    gate.wait_begun(2048, 2048)

    mill.order("one", RSA, 3072, called, tenant="other")
    gate.let(2048, 2048, 3072)
    called.wait()

    assert mill.is_ready("one", RSA, 3072)
    assert mill.figures().waiting >= 15


def test_quick_keys_do_not_starve_the_slow(mill: KeyMill, gate: Gate) -> None:
    """Of two threads one takes the first slow one as soon as it may, though quick ones wait."""
    called = Called()
    for number in range(5):
        mill.order(f"quick-{number}", RSA, 2048, ignore)
    gate.wait_begun(2048, 2048)
    mill.order("slow", RSA, 8192, called)

    gate.let(2048, 8192)
    called.wait()

    assert mill.figures().waiting  # quick ones that came before


def test_what_cannot_be_made_is_told_to_whoever_takes_it() -> None:
    """A size that RSA does not have: the owner is woken, and gets the sentence."""
    mill, called = KeyMill(threads=1), Called()
    mill.order("a", RSA, 1024, called)
    called.wait()

    assert mill.is_ready("a", RSA, 1024)
    with pytest.raises(Permanent, match="no size 1024"):
        mill.take("a", RSA, 1024)
    mill.stop()


def test_keys_that_nobody_takes_are_dropped() -> None:
    """After a while, and when there are too many."""
    now = 0.0
    mill, called = KeyMill(threads=1, generate=lambda _a, _s: generate_key(ECDSA), clock=lambda: now), Called()
    mill.order("old", RSA, 2048, called)
    called.wait()
    now = KEPT_FOR + 1
    for number in range(MOST_MADE + 5):
        mill.order(f"new-{number}", RSA, 2048, called)
    called.wait(MOST_MADE + 6)

    assert not mill.is_ready("old", RSA, 2048)
    assert mill.figures().ready == MOST_MADE
    mill.stop()


def test_no_key_is_handed_out_twice() -> None:
    """Thirty owners, each asked for by two threads at once."""
    mill, called = KeyMill(threads=3, generate=lambda _a, _s: generate_key(ECDSA)), Called()
    owners = [f"owner-{number}" for number in range(30)]
    for owner in owners:
        mill.order(owner, RSA, 2048, called)
    called.wait(len(owners))

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda owner: public_der(mill.take(owner, RSA, 2048).public_key()), owners * 2))

    assert len(set(taken)) == len(taken)
    mill.stop()


def test_stopping_does_not_wait_for_a_key(mill: KeyMill, gate: Gate) -> None:
    """One of 8192 bits takes half a minute; it is left behind."""
    mill.order("a", RSA, 8192, ignore)
    gate.wait_begun(8192)
    ended = threading.Thread(target=mill.stop)
    ended.start()
    ended.join(PATIENCE / 2)

    assert not ended.is_alive()
    assert not mill.is_ready("a", RSA, 8192)


def test_nothing_of_a_key_is_shown(mill: KeyMill, gate: Gate) -> None:
    """Whatever is printed for debugging."""
    called = Called()
    mill.order("a", RSA, 2048, called)
    gate.let(2048)
    called.wait()

    assert "PrivateKey" not in repr(mill._made)
