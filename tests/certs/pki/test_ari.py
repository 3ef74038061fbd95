"""The identifier of a certificate, against the example of RFC 9773 §4.1."""

from __future__ import annotations

from dataclasses import replace

import pytest

from certs.pki.ari import certificate_id
from certs.pki.x509 import Leaf, read_chain
from tests.certs.decide.objects import request, signed


@pytest.fixture(scope="module")
def leaf() -> Leaf:
    return read_chain(signed(request()))[0]


def test_the_example_of_the_rfc(leaf: Leaf) -> None:
    """The RFC's appendix A has a certificate with this key identifier and serial number."""
    one = replace(leaf, authority_key_id=bytes.fromhex("69885B6B87464041E1B37B847BD0AE2CDE01C8D4"), serial=0x8765_4321)

    assert certificate_id(one) == "aYhba4dGQEHhs3uEe9CuLN4ByNQ.AIdlQyE"


@pytest.mark.parametrize(
    ("serial", "expected"),
    [(1, "AQ"), (0x7F, "fw"), (0x80, "AIA"), (0xFF, "AP8"), (0x0100, "AQA")],
    ids=["one", "largest byte without a zero", "highest bit set", "all bits set", "two bytes"],
)
def test_serial_numbers_are_der_integers(leaf: Leaf, serial: int, expected: str) -> None:
    """A zero goes first where the highest bit is set, and only there."""
    assert certificate_id(replace(leaf, authority_key_id=b"\1", serial=serial)) == f"AQ.{expected}"


def test_without_the_issuers_key_there_is_none(leaf: Leaf) -> None:
    """Nothing can be asked about such a certificate."""
    assert certificate_id(replace(leaf, authority_key_id=b"")) == ""
