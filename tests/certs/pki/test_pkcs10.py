"""Which requests Go takes: odd versions and names, but nothing malformed where it looks."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.pki.der import Malformed
from certs.pki.pkcs10 import read_request
from tests.certs.pki.encoding import (
    COMMON_NAME,
    ECDSA_SHA256,
    NULL,
    TRUE,
    asking_for,
    bits,
    extension,
    number,
    octets,
    oid,
    seq,
    set_of,
    signed,
    tlv,
    to_be_signed,
)

KEY_USAGE = extension("2.5.29.15", bits(b"\xa0", 5))


def named(identifier: int, value: bytes) -> bytes:
    return seq(set_of(seq(oid("2.5.4.3"), tlv(identifier, value))))


def test_what_a_request_consists_of() -> None:
    content = to_be_signed(asking_for(extension("1.2.3", b"x", critical=TRUE), KEY_USAGE))

    found = read_request(signed(content))

    assert found.signed == content
    assert found.subject == COMMON_NAME
    assert found.extensions == {"1.2.3": b"x", "2.5.29.15": bits(b"\xa0", 5)}
    assert (found.algorithm.oid, found.algorithm.parameters) == ("1.2.840.10045.4.3.2", b"")
    assert found.key.algorithm.parameters == oid("1.2.840.10045.3.1.7")
    assert len(found.key.octets) == 65


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(to_be_signed(version=number(2)), id="another version"),
        pytest.param(to_be_signed(subject=seq()), id="no subject"),
        pytest.param(to_be_signed(subject=seq(set_of())), id="an empty name in the subject"),
        pytest.param(to_be_signed(NULL, seq(), number(1)), id="attributes that are none"),
        pytest.param(to_be_signed(seq(oid("1.2.3"), set_of(NULL, NULL))), id="an attribute that nobody knows"),
        pytest.param(to_be_signed(seq(oid("1.2.840.113549.1.9.14"), set_of())), id="asking for nothing"),
        pytest.param(to_be_signed(seq(oid("1.2.840.113549.1.9.14"), seq(seq()))), id="asking wrongly is not asking"),
        pytest.param(to_be_signed()[:-2] + tlv(0xA0) + b"", id="as it should be"),
    ],
)
def test_requests_without_extensions(content: bytes) -> None:
    assert read_request(signed(content)).extensions == {}


def test_only_the_first_value_of_the_attribute_counts() -> None:
    attribute = seq(oid("1.2.840.113549.1.9.14"), set_of(seq(KEY_USAGE), octets(b"junk")))

    assert list(read_request(signed(to_be_signed(attribute))).extensions) == ["2.5.29.15"]


@pytest.mark.parametrize(
    ("identifier", "value"),
    [
        pytest.param(0x13, b"*.a&b 'c'(+,-./:=?)", id="printable, with star and ampersand"),
        pytest.param(0x12, b"12 3", id="numeric"),
        pytest.param(0x14, b"\xff", id="T.61 is any octets"),
        pytest.param(0x0C, "ä".encode(), id="UTF-8"),
        pytest.param(0x1E, "aä".encode("utf-16-be") + b"\x00\x00", id="BMP, ended by a zero"),
        pytest.param(0x17, b"260101000000Z", id="a time"),
        pytest.param(0x17, b"2601010000+0130", id="a time without seconds, elsewhere"),
        pytest.param(0x18, b"20240229235959.5Z", id="a leap day"),
        pytest.param(0x18, b"00000229000000Z", id="the year 0"),
        pytest.param(0x05, b"", id="null"),
        pytest.param(0x1C, b"\xff", id="a type that Go does not know"),
        pytest.param(0x30, b"\xff", id="something in something, unread"),
        pytest.param(0x01, b"\xff", id="a truth value"),
        pytest.param(0x02, b"\x07", id="a number"),
        pytest.param(0x03, b"\x00\x01", id="bits"),
        pytest.param(0x06, b"\x2a\x03", id="an object identifier"),
    ],
)
def test_values_of_a_subject(identifier: int, value: bytes) -> None:
    subject = named(identifier, value)

    assert read_request(signed(to_be_signed(subject=subject))).subject == subject


@pytest.mark.parametrize(
    ("identifier", "value"),
    [
        pytest.param(0x13, b"a@b", id="printable"),
        pytest.param(0x12, b"a", id="numeric"),
        pytest.param(0x16, b"\x80", id="IA5"),
        pytest.param(0x0C, b"\xff", id="UTF-8"),
        pytest.param(0x1E, b"\x00", id="half a letter"),
        pytest.param(0x1E, b"\xd8\x00\xdc\x00", id="surrogates"),
        pytest.param(0x1E, b"\xff\xff", id="no letter"),
        pytest.param(0x17, b"2602300000Z", id="no day"),
        pytest.param(0x17, b"260101000060Z", id="no second"),
        pytest.param(0x17, b"2601010000+0000", id="a zone that has another name"),
        pytest.param(0x18, b"20260101000000.50Z", id="a fraction that is not in its shortest form"),
        pytest.param(0x18, b"20260101000000", id="no zone"),
        pytest.param(0x01, b"\x01", id="a truth value"),
        pytest.param(0x02, b"", id="a number"),
        pytest.param(0x03, b"", id="bits"),
        pytest.param(0x06, b"", id="an object identifier"),
    ],
)
def test_values_that_are_not_of_their_type(identifier: int, value: bytes) -> None:
    with pytest.raises(Malformed):
        read_request(signed(to_be_signed(subject=named(identifier, value))))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(signed(to_be_signed()) + b"\x00", "something behind it", id="something behind"),
        pytest.param(signed(to_be_signed())[1:], "malformed request", id="cut off"),
        pytest.param(seq(to_be_signed(), ECDSA_SHA256), "cut off", id="no signature"),
        pytest.param(signed(to_be_signed(version=octets(b""))), "wrong type", id="no version"),
        pytest.param(signed(to_be_signed(version=number(2**70))), "too large", id="a huge version"),
        pytest.param(signed(to_be_signed(subject=set_of())), "malformed subject", id="no subject"),
        pytest.param(signed(to_be_signed(subject=seq(seq()))), "malformed subject", id="no name"),
        pytest.param(signed(to_be_signed(key=seq())), "malformed public key", id="no key"),
        pytest.param(signed(to_be_signed(b"\x05")), "malformed attributes", id="half an attribute"),
        pytest.param(signed(to_be_signed(asking_for(NULL))), "malformed extensions", id="no extension"),
        pytest.param(signed(to_be_signed(asking_for(seq(oid("1.2"))))), "malformed extension", id="no value"),
        pytest.param(
            signed(to_be_signed(asking_for(extension("1.2", b"", critical=tlv(0x01, b"\x01"))))),
            "malformed truth value",
            id="perhaps critical",
        ),
        pytest.param(
            signed(to_be_signed(asking_for(KEY_USAGE), asking_for(KEY_USAGE))),
            "certificate request contains duplicate requested extensions",
            id="an extension twice",
        ),
    ],
)
def test_malformed_requests(data: bytes, problem: str) -> None:
    with pytest.raises(Malformed, match=problem):
        read_request(data)


REQUEST = signed(to_be_signed(asking_for(KEY_USAGE)))


@given(st.integers(0, len(REQUEST) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_any_bytes_are_read_or_refused(place: int, put: bytes, cut: int) -> None:
    """Nothing else is raised, whatever is changed."""
    bent = REQUEST[:place] + put + REQUEST[place + cut :]

    with suppress(Malformed):
        assert read_request(bent).signed in bent
