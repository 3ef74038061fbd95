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
        ("a@[::1]", ""),
        ("", "mail: no address"),
        ("admin", NO_AT),
        ("admin@", NO_AT),
        ("a@x.", NO_AT),
        ("a.@x", NO_AT),
        ("a..b@x", NO_AT),
        ("a@@x", NO_AT),
        ("a@[IPv6:::1]", NO_AT),
        ("<a@[IPv6:::1]>", 'mail: invalid IP address in domain-literal: "IPv6:::1"'),
        ("<a@[1.2.3.4\\]>", r"mail: bad character in domain-literal: '\\'"),
        ("<a@[1.2.3.4", "mail: unclosed domain-literal"),
        ("@x", "mail: missing word in phrase: mail: invalid string"),
        ("a b@x", "mail: no angle-addr"),
        ("<a@x", "mail: unclosed angle-addr"),
        ("<a@x >", "mail: unclosed angle-addr"),
        ("<", "mail: no addr-spec"),
        ("<a>", "mail: missing @ in addr-spec"),
        ("<a@", "mail: no domain in addr-spec"),
        ("<.a@x>", "mail: leading dot in atom"),
        ("<a..b@x>", "mail: double dot in atom"),
        ("<a@x.>", "mail: trailing dot in atom"),
        ('<""@x>', "mail: empty quoted string in addr-spec"),
        ('<"a', "mail: empty quoted string in addr-spec"),
        ('"a', "mail: missing word in phrase: mail: unclosed quoted-string"),
        ('"a\n"', r"mail: missing word in phrase: mail: bad character in quoted-string: '\n'"),
        ('"a\\\x00"', r"mail: missing word in phrase: mail: bad character in quoted-string: '\x00'"),
        ("a@x (b", "mail: misformatted parenthetical comment"),
        ("a (b", "mail: misformatted parenthetical comment"),
        ("g:;", "mail: empty group"),
        ("g:a@x,b@y;", "mail: group with multiple addresses"),
        ("g:a@x b@y;", "mail: expected comma"),
        ("g:", "mail: no address"),
        ("a@x, b@y", 'mail: expected single address, got ", b@y"'),
        ("a@b@c", 'mail: expected single address, got "@c"'),
        (" a@x", MORE),
        ("a@x ", MORE),
        ("Admin <a@x>", MORE),
        ('"quoted"@x', MORE),
        ("a@x (the (first\\)) admin) (indeed)", MORE),
        ("g: a@x (b) ;", MORE),
    ],
)
def test_addresses(text: str, problem: str) -> None:
    assert email_problem(text) == problem
    assert is_email_address(text) == (not problem)


@pytest.mark.parametrize(
    "text",
    [
        "a." * 200_000 + "@x",
        '"' * 200_000,
        '"' + "\\a" * 200_000,
        "a " * 200_000,
        "(" * 200_000 + "a@x",
        "a@x" + "()" * 100_000,
        "g:" + "a@x," * 50_000,
    ],
    ids=lambda text: str(text[:8]),
)
def test_hostile_text_costs_little(text: str) -> None:
    began = time.process_time()
    email_problem(text)

    assert time.process_time() - began < 1
