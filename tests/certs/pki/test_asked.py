"""Extensions that a request asks for: what can be read, and what cannot."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.pki.asked import (
    check_alternative_names,
    check_name_constraints,
    read_basic_constraints,
    read_extended_key_usage,
    read_key_usage,
)
from certs.pki.der import Malformed
from tests.certs.pki.encoding import NULL, TRUE, bits, number, octets, oid, seq, set_of, tlv

READERS = (
    check_alternative_names,
    check_name_constraints,
    read_basic_constraints,
    read_extended_key_usage,
    read_key_usage,
)


@pytest.mark.parametrize(
    ("value", "is_ca"),
    [
        pytest.param(seq(), False, id="nothing"),
        pytest.param(seq(TRUE), True, id="a CA"),
        pytest.param(seq(TRUE, number(-5)), True, id="any path length"),
        pytest.param(seq(number(3)), False, id="a path length alone"),
        pytest.param(seq(TRUE, octets(b"x"), b"\x04"), True, id="something else behind"),
        pytest.param(seq(octets(b"x")), False, id="something else"),
    ],
)
def test_basic_constraints(value: bytes, *, is_ca: bool) -> None:
    assert read_basic_constraints(value) is is_ca


@pytest.mark.parametrize(
    "value",
    [b"", TRUE, set_of(), seq() + b"\x00", seq(tlv(0x01, b"\x01")), seq(TRUE, number(2**64)), seq(TRUE, tlv(0x02))],
)
def test_malformed_basic_constraints(value: bytes) -> None:
    with pytest.raises(Malformed):
        read_basic_constraints(value)


def test_usages() -> None:
    assert [place for place in range(9) if place in read_key_usage(bits(b"\xa0\x80", 7))] == [0, 2, 8]
    assert read_extended_key_usage(seq(oid("1.3.6.1.5.5.7.3.1"), oid("1.2"))) == ["1.3.6.1.5.5.7.3.1", "1.2"]
    assert read_extended_key_usage(seq()) == []


@pytest.mark.parametrize("value", [b"", octets(b"\xa0"), bits(b"\xa1", 1), bits(b"\xa0", 5) + b"\x00", tlv(0x23)])
def test_malformed_key_usage(value: bytes) -> None:
    with pytest.raises(Malformed):
        read_key_usage(value)


@pytest.mark.parametrize("value", [b"", set_of(), seq(number(1)), seq(tlv(0x06)), seq() + b"\x00"])
def test_malformed_extended_key_usage(value: bytes) -> None:
    with pytest.raises(Malformed):
        read_extended_key_usage(value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(seq(), id="none"),
        pytest.param(seq() + b"\xff", id="anything behind them"),
        pytest.param(seq(tlv(0x82, b"*.a..b c")), id="any ASCII for a DNS name"),
        pytest.param(seq(tlv(0x81, b"@")), id="any ASCII for an address"),
        pytest.param(seq(tlv(0x86, b"")), id="an empty URI"),
        pytest.param(seq(tlv(0x86, b"spiffe://a/b"), tlv(0x86, b"urn:x")), id="URIs"),
        pytest.param(seq(tlv(0x87, b"\x00" * 4), tlv(0x87, b"\x00" * 16)), id="IP addresses"),
        pytest.param(seq(tlv(0xA0, b"\xff"), tlv(0xA5), tlv(0x88, b""), number(1)), id="names of other kinds"),
    ],
)
def test_alternative_names(value: bytes) -> None:
    check_alternative_names(value)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        pytest.param(b"", "no sequence", id="nothing"),
        pytest.param(set_of(), "no sequence", id="no list"),
        pytest.param(seq(b"\x82"), "cut off", id="cut off"),
        pytest.param(seq(b"\x9f\x81\x00\x00"), "out of range", id="a high tag"),
        pytest.param(seq(tlv(0x82, b"\xc3\xa4")), "SAN dNSName is malformed", id="a DNS name"),
        pytest.param(seq(tlv(0x81, b"\xff")), "SAN rfc822Name is malformed", id="an address"),
        pytest.param(seq(tlv(0x86, b"\xff")), "SAN uniformResourceIdentifier is malformed", id="a URI"),
        pytest.param(seq(tlv(0x86, b"::")), 'cannot parse URI "::": parse "::"', id="no URI"),
        pytest.param(seq(tlv(0x86, b"a://b.")), 'cannot parse URI "a://b.": invalid domain', id="a dot at the end"),
        pytest.param(seq(tlv(0x86, b"a://b..c")), "invalid domain", id="an empty label"),
        pytest.param(seq(tlv(0x86, b"a://%80")), "invalid domain", id="a host that is not in ASCII"),
        pytest.param(seq(tlv(0x87, b"abc")), "cannot parse IP address of length 3", id="an IP address"),
    ],
)
def test_malformed_alternative_names(value: bytes, problem: str) -> None:
    with pytest.raises(Malformed) as refused:
        check_alternative_names(value)

    assert problem in str(refused.value)


def trees(*bases: bytes) -> bytes:
    return seq(tlv(0xA0, *(seq(base) for base in bases)))


@pytest.mark.parametrize(
    "value",
    [
        trees(tlv(0x82, b"..")),
        trees(tlv(0x81, b""), tlv(0x86, b"any")),
        trees(tlv(0x87, b"\x0a\x00\x00\x00\xff\xfe\x00\x00")),
        trees(tlv(0x87, b"\x00" * 32)),
        seq(tlv(0xA1, seq(tlv(0x82, b"a"), tlv(0x80, b"\x05"), b"\xff"))),
        seq(tlv(0xA0), tlv(0xA1, seq(tlv(0x82)))),
    ],
)
def test_name_constraints(value: bytes) -> None:
    check_name_constraints(value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(seq(), id="neither permitted nor excluded"),
        pytest.param(seq(tlv(0xA0), tlv(0xA1)), id="empty"),
        pytest.param(seq(tlv(0xA1, seq(tlv(0x82))), tlv(0xA0, seq(tlv(0x82)))), id="excluded before permitted"),
        pytest.param(trees(tlv(0x82)) + b"\x00", id="something behind"),
        pytest.param(seq(tlv(0xA0, seq())), id="an empty tree"),
        pytest.param(seq(tlv(0xA0, NULL)), id="no tree"),
        pytest.param(trees(tlv(0x82, b"\xff")), id="not in ASCII"),
        pytest.param(trees(tlv(0x87, b"\x00" * 4)), id="an address without a mask"),
        pytest.param(trees(tlv(0x87, b"\x00" * 4 + b"\xff\x00\xff\x00")), id="a mask with a hole"),
        pytest.param(trees(tlv(0xA4)), id="a kind of name that Go does not know"),
        pytest.param(trees(b"\x9f\x81\x00\x00"), id="a high tag"),
    ],
)
def test_malformed_name_constraints(value: bytes) -> None:
    with pytest.raises(Malformed):
        check_name_constraints(value)


@given(st.binary(max_size=30), st.sampled_from(READERS))
def test_any_bytes_are_read_or_refused(content: bytes, read: Any) -> None:
    with suppress(Malformed):
        read(content)
        read(seq(content))
    with suppress(Malformed):
        assert read(seq(content)) is not NULL
