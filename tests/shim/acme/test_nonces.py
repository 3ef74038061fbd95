from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from shim.acme.nonces import Nonces


def test_the_newest_goes_first_and_each_once() -> None:
    """Old ones may be forgotten by the server already."""
    nonces = Nonces()
    for nonce in ("aaaa", "bbbb"):
        nonces.add(nonce)

    assert [nonces.take(), nonces.take(), nonces.take()] == ["bbbb", "aaaa", None]


@pytest.mark.parametrize("text", [None, "", "a b", "with/slash", "padded==", "x" * 600, "five5"])
def test_what_is_no_nonce_is_ignored(text: str | None) -> None:
    """RFC 8555 §6.5.1."""
    nonces = Nonces()
    nonces.add(text)

    assert nonces.take() is None


def test_the_pool_is_bounded() -> None:
    """A server cannot fill our memory."""
    nonces = Nonces()
    for number in range(1000):
        nonces.add(f"n{number:03}")

    taken = []
    while (nonce := nonces.take()) is not None:
        taken.append(nonce)
    assert len(taken) == 32


def test_threads_never_get_the_same() -> None:
    """Nor does one of them fail when the pool runs dry."""
    nonces = Nonces()
    for number in range(32):
        nonces.add(f"n{number:03}")

    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: nonces.take(), range(64)))

    found = [nonce for nonce in taken if nonce]
    assert len(found) == len(set(found)) == 32
