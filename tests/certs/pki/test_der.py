"""DER as Go reads it: what is too long, too short, or of another type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.pki import der
from certs.pki.der import Cursor, Malformed
from tests.certs.pki.encoding import NULL, TRUE, number, octets, oid, seq, tlv


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x04", id="no length"),
        pytest.param(b"\x04\x02a", id="cut off"),
        pytest.param(b"\x04\x80a\x00\x00", id="indefinite length"),
        pytest.param(b"\x04\x81\x01a", id="long form of a short length"),
        pytest.param(b"\x04\x82\x00\x80" + b"a" * 128, id="leading zero in the length"),
        pytest.param(b"\x04\x84\xff\xff", id="cut off in the length"),
        pytest.param(b"\x1f\x1e\x00", id="short tag in the long form"),
        pytest.param(b"\x1f\x80\x1f\x00", id="leading zero in the tag"),
        pytest.param(b"\x1f\xff\xff\xff\xff\x7f\x00", id="tag of more than 31 bits"),
        pytest.param(b"\x1f\xff", id="cut off in the tag"),
    ],
)
def test_malformed_elements(data: bytes) -> None:
    with pytest.raises(Malformed, match="malformed"):
        list(der.elements(data, "thing")) or Cursor(data, "thing").next()


@given(st.binary(max_size=300), st.sampled_from([0x02, 0x04, 0x30, 0xA0]))
def test_elements_come_back(content: bytes, identifier: int) -> None:
    data = tlv(identifier, content)

    cursor = Cursor(data * 2, "thing")
    assert cursor.next() == (identifier, content, data)
    assert cursor.take(identifier) == content
    assert cursor.is_at_end
    assert list(der.elements(data * 2, "thing")) == [(identifier, content, data)] * 2


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Both ways to go through elements agree."""
    try:
        found = list(der.elements(data, "thing"))
    except Malformed:
        found = []
    else:
        assert b"".join(element.whole for element in found) == data
    cursor = Cursor(data, "thing")

    assert [cursor.next() for _ in found] == found


def test_high_tags_are_elements_and_no_simple_ones() -> None:
    data = b"\x3f\x81\x00\x01a"

    assert [element.content for element in der.elements(data, "thing")] == [b"a"]
    with pytest.raises(Malformed, match="out of range"):
        list(der.simple_elements(data, "thing"))


def test_an_optional_element_of_another_type_is_left() -> None:
    cursor = Cursor(number(1), "thing")

    assert cursor.take_optional(der.BOOLEAN) is None
    assert cursor.take(der.INTEGER) == b"\x01"
    assert cursor.take_optional(der.INTEGER) is None


def test_elements_of_one_type() -> None:
    assert der.contents(number(1) + number(2), der.INTEGER, "thing") == [b"\x01", b"\x02"]
    with pytest.raises(Malformed, match="wrong type"):
        der.contents(number(1) + NULL, der.INTEGER, "thing")


def test_something_behind() -> None:
    cursor = Cursor(TRUE + NULL, "thing")
    cursor.take(der.BOOLEAN)

    with pytest.raises(Malformed, match="something behind it"):
        cursor.require_end()


def test_entering_does_not_heed_the_end() -> None:
    cursor = Cursor(tlv(0xA0, number(1)) + octets(b"x"), "thing")

    cursor.enter(0xA0)

    assert (cursor.take(der.INTEGER), cursor.take(der.OCTET_STRING)) == (b"\x01", b"x")
    with pytest.raises(Malformed, match="wrong type"):
        Cursor(tlv(0xA0), "thing").enter(0xA0)


@pytest.mark.parametrize(("content", "value"), [(b"\x00", 0), (b"\x7f", 127), (b"\x00\x80", 128), (b"\xff\x7f", -129)])
def test_numbers(content: bytes, value: int) -> None:
    assert der.integer(content) == value


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"\xff\xff", b"\xff\x80"])
def test_numbers_that_are_not_in_their_shortest_form(content: bytes) -> None:
    with pytest.raises(Malformed, match="malformed number"):
        der.integer(content)


@given(st.integers())
def test_numbers_come_back(value: int) -> None:
    assert der.integer(Cursor(number(value), "thing").take(der.INTEGER)) == value


def test_a_number_of_more_than_64_bits() -> None:
    assert der.int64(b"\x80" + b"\x00" * 7) == -(2**63)
    with pytest.raises(Malformed, match="too large"):
        der.int64(b"\x01" + b"\x00" * 8)


def test_truth_values() -> None:
    assert (der.boolean(b"\xff"), der.boolean(b"\x00")) == (True, False)
    for content in (b"", b"\x01", b"\xff\xff"):
        with pytest.raises(Malformed, match="truth value"):
            der.boolean(content)


def test_bits() -> None:
    """The first bit is the highest; padding in front makes a number of it."""
    found = der.bit_string(b"\x05\xa0")

    assert [place for place in range(20) if place in found] == [0, 2]
    assert found.aligned == b"\x05"
    assert der.bit_string(b"\x00") == (b"", 0)


@pytest.mark.parametrize("content", [b"", b"\x08\x00", b"\x01", b"\x01\x01"])
def test_wrong_padding(content: bytes) -> None:
    with pytest.raises(Malformed, match="wrong padding"):
        der.bit_string(content)


@pytest.mark.parametrize("text", ["0.39", "1.2.840.113549", "2.5.29.15", "2.999.1", f"1.3.{2**31 - 1}"])
def test_object_identifiers(text: str) -> None:
    assert der.oid(Cursor(oid(text), "thing").take(der.OID)) == text


@pytest.mark.parametrize(
    "content", [b"", b"\x2a\x80\x01", b"\x2a\x81", b"\x2a\x88\x80\x80\x80\x00", b"\x2a" + b"\xff" * 9]
)
def test_malformed_object_identifiers(content: bytes) -> None:
    with pytest.raises(Malformed):
        der.oid(content)


def test_a_sequence_of_many_is_read_in_a_moment() -> None:
    """Some ten thousand empty elements fit into a request."""
    assert len(der.contents(seq() * 13_000, der.SEQUENCE, "thing")) == 13_000
