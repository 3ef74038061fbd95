"""E-mail addresses: what Go's reader says of each."""

from __future__ import annotations

import time

import pytest

from certs.emails import MORE, email_problem, is_email_address

NO_AT = "mail: missing '@' or angle-addr"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("admin@example.com", ""),
        ("a.b+c@x", ""),
        ("ü@ö.example", ""),
        ("a@[192.0.2.1]", ""),
        ("", "mail: no address"),
        ("admin", NO_AT),
        ("admin@", NO_AT),
        ("a@x.", NO_AT),
        ("a.@x", NO_AT),
        ("a..b@x", NO_AT),
        ("a@@x", NO_AT),
        ("a@[::1]", NO_AT),
        ("@x", "mail: missing word in phrase: mail: invalid string"),
        ("a b@x", "mail: no angle-addr"),
        ("<a@x", "mail: unclosed angle-addr"),
        ("a@x, b@y", 'mail: expected single address, got ", b@y"'),
        ("a@b@c", 'mail: expected single address, got "@c"'),
        (" a@x", MORE),
        ("a@x ", MORE),
        ("Admin <a@x>", MORE),
        ('"quoted"@x', MORE),
        ("a@x (the admin)", MORE),
    ],
)
def test_addresses(text: str, problem: str) -> None:
    assert email_problem(text) == problem
    assert is_email_address(text) == (not problem)


@pytest.mark.parametrize("text", ["a." * 200_000 + "@x", '"' * 200_000, "(" * 200_000 + "a@x", "a@x" + "()" * 100_000])
def test_hostile_text_costs_little(text: str) -> None:
    began = time.monotonic()
    email_problem(text)

    assert time.monotonic() - began < 1
