"""What is limited, and what an order uses up of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from certs.decide.ratelimits import (
    NONE,
    Charge,
    InvalidLimits,
    Limit,
    group_of,
    limits_of,
    of_failures,
    of_order,
    refused_by,
    sentence,
)

PRODUCTION = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("server", "said", "expected"),
    [
        (PRODUCTION, "", {"orders": (300, 3), "domain": (50, 168), "set": (5, 168), "failures": (5, 1)}),
        (STAGING, "", {"orders": (1500, 3), "failures": (200, 1)}),
        ("https://ca.example.net/directory", "", {}),
        ("https://ca.example.net/directory", "orders=2/1h", {"orders": (2, 1)}),
        (STAGING, " domain = 500/168h , orders=9/3h,", {"orders": (9, 3), "domain": (500, 168), "failures": (200, 1)}),
        (PRODUCTION, "off", {}),
        ("no URL at all", "", {}),
        ("https://[", "", {}),
    ],
)
def test_published_limits_can_be_replaced(server: str, said: str, expected: dict[str, tuple[int, int]]) -> None:
    found = limits_of(server, said)

    assert {kind: (limit.most, limit.within / HOUR) for kind, limit in found.items()} == expected


@pytest.mark.parametrize(
    "said",
    [
        "orders",
        "orders=0/1h",
        "orders=5",
        "orders=5/",
        "orders=5/x",
        "names=5/1h",
        "orders=-1/1h",
        "on",
        "orders=5/1ms",
    ],
)
def test_what_is_no_limit_is_refused_with_how_to_write_one(said: str) -> None:
    with pytest.raises(InvalidLimits, match="write off, or orders, domain, set, failures with a number in a time"):
        limits_of(PRODUCTION, said)


@pytest.mark.parametrize(
    ("names", "how", "expected"),
    [
        (["a.example.org"], {}, ["orders ", "domain example.org"]),
        (
            ["B.example.org", "a.example.org.", "*.shop.example.co.uk"],
            {},
            ["orders ", "domain example.co.uk", "domain example.org"],
        ),
        (["192.0.2.1", "2001:db8::1"], {}, ["orders ", "domain 192.0.2.1", "domain 2001:db8::/64"]),
        (["a.example.org"], {"is_renewal": True}, []),
    ],
)
def test_an_order_uses_up_of_each_limit(names: list[str], how: dict[str, bool], expected: list[str]) -> None:
    *others, exact = of_order(names, **how)

    assert [f"{one.kind} {one.key}" for one in others] == expected
    assert exact.kind == "set"


def test_the_same_names_are_the_same_set_however_they_are_written() -> None:
    written = [["a.test.org", "b.test.org"], ["B.test.org.", "a.test.org"], ["a.test.org", "b.test.org", "a.test.org"]]

    assert len({of_order(names)[-1] for names in written}) == 1
    assert of_order(["a.test.org"])[-1] != of_order(["b.test.org"])[-1]


def test_what_replaces_a_certificate_uses_up_nothing() -> None:
    assert of_order(["a.example.org"], replaces=True) == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.b.example.org", "example.org"),
        ("*.example.org", "example.org"),
        ("team.github.io", "team.github.io"),  # in the private part of the list: others' neighbours
        ("localhost", "localhost"),
        ("org", "org"),
    ],
)
def test_names_are_counted_by_registered_domain(name: str, expected: str) -> None:
    assert group_of(name) == expected


@pytest.mark.parametrize(
    ("told", "kinds"),
    [
        (
            'too many certificates (50) already issued for "example.org" in the last 168h0m0s, retry after 2026-',
            ["domain"],
        ),
        ('too many certificates (50) already issued for "another.org" in the last 168h0m0s', []),
        ("too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s", ["set"]),
        ('too many failed authorizations (5) for "a.example.org" in the last 1h0m0s', ["failures"]),
        ("too many requests", []),
    ],
)
def test_a_refusal_is_about_one_limit(told: str, kinds: list[str]) -> None:
    charges = (*of_order(["a.example.org"]), *of_failures(["a.example.org"]))

    assert [one.kind for one in refused_by(told, charges)] == kinds


def test_each_limit_is_told_with_what_it_is_of() -> None:
    limit = Limit(50, timedelta(days=7))

    assert sentence(Charge("domain", "example.org"), limit) == (
        'the CA limits new certificates under "example.org" to 50 in 168h0m0s'
    )
    assert 'failed proofs of "a.test"' in sentence(Charge("failures", "a.test"), limit)
    assert "this account" in sentence(Charge("orders", ""), limit)
    assert "exactly these names" in sentence(Charge("set", "x"), limit)


def test_nothing_is_limited_by_nobody() -> None:
    assert limits_of("", "") == NONE
