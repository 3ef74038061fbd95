"""Values in BER: what is read, and what is refused in which words."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.pki.ber import InvalidBER, contents


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        pytest.param("0c0161", b"a", id="primitive"),
        pytest.param("0c00", b"", id="empty"),
        pytest.param("0500", b"", id="null"),
        pytest.param("0000", b"", id="end of contents alone"),
        pytest.param("04820001ff", b"\xff", id="length of several octets"),
        pytest.param("5f8c000161", b"a", id="number of tag in octets of its own"),
        pytest.param("30030c0161", b"\x0c\x01a", id="constructed"),
        pytest.param("30800c81016104000000", b"\x0c\x01a\x04\x00", id="end is marked, lengths become short"),
        pytest.param("3006240404020161", b"\x24\x04\x04\x02\x01a", id="within another"),
        pytest.param("30031f0400", b"\x04\x00", id="number of tag becomes short"),
        pytest.param("3000", b"", id="constructed of nothing"),
    ],
)
def test_contents(value: str, octets: bytes) -> None:
    assert contents(bytes.fromhex(value)) == octets


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "EOF"),
        ("04", "unexpected EOF"),
        ("0405aa", "unexpected EOF"),
        ("0482", "unexpected EOF"),
        ("3005", "unexpected EOF"),
        ("1f80", "invalid first high-tag-number tag byte"),
        ("1f" + "81" * 10 + "00", "high-tag-number tag overflow"),
        ("04ff", "invalid length byte 0xff"),
        ("0489" + "00" * 9, "long-form length overflow"),
        ("0488" + "ff" * 8, "long-form length overflow"),
        ("0484ffffffff", "length 4294967295 greater than maximum 2147483647"),
        ("0480", "indefinite length used with primitive type"),
        ("30020000", "eoc child not allowed with definite length"),
        ("300204026161", "expected to read 2 bytes, read 4"),
        ("04010000", "trailing bytes after value"),
        ("0c01ff", "invalid UTF-8 string"),
        ("1303612a62", "invalid character in position 1"),
        ("160261ff", "invalid character for IA5String at pos 1: \ufffd"),
        ("3080" * 1000 + "0000", "nesting depth 1000 exceeds maximum 1000"),
    ],
)
def test_what_is_refused(value: str, problem: str) -> None:
    with pytest.raises(InvalidBER) as refused:
        contents(bytes.fromhex(value))

    assert str(refused.value) == problem


@given(st.binary(max_size=12))
def test_what_was_read_is_read_again(data: bytes) -> None:
    """What stands in a constructed value is written in its one shortest form."""
    try:
        octets = contents(b"\x30\x80" + data + b"\x00\x00")
    except InvalidBER:
        return

    assert contents(b"\x30\x80" + octets + b"\x00\x00") == octets


def test_deep_nesting_of_much_costs_little() -> None:
    data = b"\x04\x83\x01\x00\x00" + b"x" * 0x10000
    for _ in range(999):
        data = b"\x30\x80" + data
    data += b"\x00\x00" * 999
    began = time.process_time()
    contents(data)

    assert time.process_time() - began < 1
