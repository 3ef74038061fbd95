from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.pki.pem import InvalidPEM, blocks, encode


@given(st.lists(st.tuples(st.sampled_from(["CERTIFICATE", "X Y"]), st.binary()), min_size=1, max_size=4))
def test_blocks_come_back(written: list[tuple[str, bytes]]) -> None:
    """Any blocks, with any text between them, in their order."""
    text = b"junk\n".join(encode(label, der) for label, der in written)

    assert [(block.label, block.der) for block in blocks(text, "test", 10**6)] == written


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"], ids=["unix", "dos"])
def test_both_line_endings_are_read(ending: bytes) -> None:
    """Files come from everywhere."""
    text = encode("X", b"\x01" * 100).replace(b"\n", ending)

    assert blocks(text, "test", 1000)[0].der == b"\x01" * 100


def test_a_block_does_not_print() -> None:
    """It may be a private key."""
    assert repr(blocks(encode("X", b"abc"), "test", 1000)) == "(Block(X, 3 bytes),)"


@pytest.mark.parametrize(
    "text",
    [b"-----BEGIN X-----\n" * 5000, b"-----BEGIN X-----\n" + b"A" * 90_000, b"-" * 90_000],
    ids=["begins without end", "no end", "dashes"],
)
def test_hostile_text_costs_little(text: bytes) -> None:
    """The search is linear enough: the largest chain allowed takes no second."""
    before = time.process_time()

    with pytest.raises(InvalidPEM):
        blocks(text, "test", 95_000)

    assert time.process_time() - before < 1
