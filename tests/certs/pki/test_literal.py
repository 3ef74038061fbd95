"""Literal subjects: RFC 4514 as the API reads it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.pki.literal import Attribute, InvalidLiteralSubject, common_name_of, parse_literal

CN, OU, O = (2, 5, 4, 3), (2, 5, 4, 11), (2, 5, 4, 10)  # noqa: E741 - the field's own letter


@pytest.mark.parametrize(
    ("text", "rdns"),
    [
        ("", []),
        ("  ", []),
        ("CN=a", [[(CN, "a")]]),
        ("CN=a,OU=b;O=c", [[(O, "c")], [(OU, "b")], [(CN, "a")]]),
        (" CN = a b , O=c ", [[(O, "c")], [(CN, "a b")]]),
        ("CN=a+OU=b,O=c", [[(O, "c")], [(CN, "a"), (OU, "b")]]),
        (r"CN=a\, b\=\+\"\\", [[(CN, 'a, b=+"\\')]]),
        (r"CN=\ a\ ", [[(CN, " a ")]]),
        (r"CN=Lu\C4\8Di\C4\87", [[(CN, "Lučić")]]),
        ("CN=a=b", [[(CN, "a=b")]]),
        ("CN=", [[(CN, "")]]),
        ("1.2.-3=x", [[((1, 2, -3), "x")]]),
        ('CN=\\"a\\"\\<\\>\\;', [[(CN, '"a"<>;')]]),
        ("CN=a\\\\ ", [[(CN, "a\\")]]),
        ("CN=\u00a0a ", [[(CN, "\u00a0a")]]),
        ("=CN=a", [[(CN, "a")]]),
        ("CN= #0C0161", [[(CN, "#0C0161")]]),
        ("CN=#0C0161", [[(CN, "a")]]),
        ("CN=#04820001ff", [[(CN, "\udcff")]]),
        ("cn=a", [[((), "a")]]),
        ("OID.1.2=a", [[((), "a")]]),
    ],
)
def test_what_is_read(text: str, rdns: list[list[tuple[tuple[int, ...], str]]]) -> None:
    assert parse_literal(text) == tuple(tuple(Attribute(*pair) for pair in rdn) for rdn in rdns)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("*", "DN ended with incomplete type, value pair"),
        ("CN=a,", "DN ended with incomplete type, value pair"),
        ("=a", "DN ended with incomplete type, value pair"),
        ("a,DC=b", "incomplete type, value pair"),
        ('CN="a"', """got unescaped character: '"'"""),
        ("CN=<a>", "got unescaped character: '<'"),
        ("CN=a\x00", "got unescaped NULL character"),
        ("C\\zN=a", "failed to decode escaped character: encoding/hex: invalid byte: U+007A 'z'"),
        (r"CN=a\0", "failed to decode escaped character: encoding/hex: invalid byte: 0"),
        (r"CN=a\0T", "failed to decode escaped character: encoding/hex: invalid byte: U+0054 'T'"),
        (r"CN=a\0é", "failed to decode escaped character: invalid byte: 0é"),
        ("CN=a\\0\n", "failed to decode escaped character: encoding/hex: invalid byte: U+000A"),
        ("CN=a\\", "got corrupted escaped character: 'a\\'"),
        ("1=#048", "failed to decode BER encoding: encoding/hex: odd length hex string"),
        ("1=#04é", "failed to decode BER encoding: encoding/hex: invalid byte: U+00C3 'Ã'"),
        ("1=#0401aa ", "failed to decode BER encoding: encoding/hex: invalid byte: U+0020 ' '"),
        ("1=#", "failed to decode BER encoding: EOF"),
        ("1=#0405aa", "failed to decode BER encoding: unexpected EOF"),
    ],
)
def test_what_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidLiteralSubject) as refused:
        parse_literal(text)

    assert str(refused.value) == problem


def test_of_several_common_names_the_first_written_counts() -> None:
    assert common_name_of(parse_literal("CN=a,CN=b")) == "a"
    assert common_name_of(parse_literal("O=a")) is None


def test_what_is_no_text_can_be_shown() -> None:
    ((attribute,),) = parse_literal("CN=a\\C3b")

    assert (attribute.value, attribute.shown) == ("a\udcc3b", "a\ufffdb")


@given(st.text(alphabet='CNO=,+;\\#" 0a1.é', max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidLiteralSubject):
        assert all(parse_literal(text))
