"""Decoding by type, from many threads at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import msgspec
import pytest

from certs.decoders import decode


def test_many_threads_may_be_the_first_to_read_a_kind() -> None:
    """Of types that nobody has asked for before."""
    for _ in range(50):
        inner = msgspec.defstruct("Inner", [(f"field{number}", str, "") for number in range(20)])
        outer = msgspec.defstruct("Outer", [("inner", inner), ("others", tuple[inner, ...], ())])  # type: ignore[valid-type]
        begin = Barrier(4)

        def read(kind: type[msgspec.Struct] = outer, begin: Barrier = begin) -> msgspec.Struct:
            begin.wait()
            return decode(b'{"inner":{"field3":"x"}}', kind)

        with ThreadPoolExecutor(4) as threads:
            found = [one.result() for one in [threads.submit(read) for _ in range(4)]]

        assert len({msgspec.json.encode(one) for one in found}) == 1


def test_leniency_is_told_apart() -> None:
    """A decoder that takes "1" for 1 is not the one that does not."""
    assert decode(b'"1"', int, strict=False) == 1
    with pytest.raises(msgspec.ValidationError):
        decode(b'"1"', int)
