"""What the DNS says of a name, from caches that are wrong, servers inside, servers that are silent, and by CAA."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import dns.rcode
import pytest

from certs.decide.caa import Asking
from certs.decide.findings import CA, DNSAnswer, DNSState
from shim.preflight.views import Views, is_public_server
from tests.fakes.dns import Server, World

RESOLVER, TOP, OURS = "127.0.0.2", "127.0.0.3", "127.0.0.4"
NAME = "shop.example.com"
PUBLIC, PRIVATE = CA("Let's Encrypt", is_public=True), CA("a CA inside")
ASKING = Asking(("letsencrypt.org",), method="http-01")
SOON = 5.0


@pytest.fixture
def world() -> Iterator[World]:
    """A resolver that knows whose example.com is, and the servers that have it."""
    servers = {
        RESOLVER: Server(
            {
                ("com", "NS"): ["a.gtld.test."],
                ("a.gtld.test", "A"): [TOP],
                ("example.com", "NS"): ["ns1.example.com."],
                ("ns1.example.com", "A"): [OURS],
            }
        ),
        TOP: Server(zones=("com",), children={"example.com": {"ns1.example.com": OURS}}),
        OURS: Server({("www.example.com", "A"): ["8.8.8.8"]}, zones=("example.com",)),
    }
    with World(servers) as made:
        yield made


def views(world: World, *, public: bool = True, named: bool = False, **fields: Any) -> Views:
    """Return what is seen where the system has this resolver, or (`named`) the admin has named it."""
    made = Views((world.at(RESOLVER),), world.port, timeout=0.3, is_public=lambda _: public, **fields)
    if not named:
        made.resolvers = ()
    return made


def told(of: Views, name: str = NAME, ca: CA = PUBLIC) -> tuple[DNSState, tuple[str, ...], bool] | None:
    answer = of.addresses(name, ca, time.monotonic() + SOON)
    return (answer.state, tuple(one.text for one in answer.addresses), answer.trusted) if answer is not None else None


def test_a_good_answer_of_a_resolver_is_enough(world: World) -> None:
    """One question, and no server of the zone hears of it."""
    world.servers[RESOLVER].records[NAME, "A"] = ["8.8.8.8"]

    assert told(views(world)) == (DNSState.FOUND, ("8.8.8.8",), False)
    assert [asked[1:] for asked in world.servers[RESOLVER].asked] == [(NAME, "A")]
    assert world.servers[OURS].asked == []


def test_ipv6_is_as_good(world: World) -> None:
    world.servers[RESOLVER].records[NAME, "AAAA"] = ["2001:4860:4860::8888"]

    assert told(views(world)) == (DNSState.FOUND, ("2001:4860:4860::8888",), False)


@pytest.mark.parametrize(
    ("public", "named", "trusted"), [(True, False, True), (False, False, False), (False, True, True)]
)
def test_that_a_name_is_not_there_is_asked_of_its_servers(
    world: World,
    public: bool,  # noqa: FBT001  a table
    named: bool,  # noqa: FBT001
    trusted: bool,  # noqa: FBT001
) -> None:
    """Servers with public addresses are believed; others may say so inside only, unless the admin believes them."""
    assert told(views(world, public=public, named=named)) == (DNSState.MISSING, (), trusted)
    assert (NAME, "A") in {asked[1:] for asked in world.servers[OURS].asked}


def test_a_ca_inside_may_hear_something_else(world: World) -> None:
    """What public servers say is not its word, unless the admin says whom it asks."""
    assert told(views(world), ca=PRIVATE) == (DNSState.MISSING, (), False)
    assert told(views(world, named=True), ca=PRIVATE) == (DNSState.MISSING, (), True)


def test_a_negative_cache_is_not_believed(world: World) -> None:
    """The record was added a minute ago."""
    world.servers[OURS].records[NAME, "A"] = ["8.8.8.8"]

    assert told(views(world)) == (DNSState.FOUND, ("8.8.8.8",), True)


def test_a_private_address_inside_may_be_a_public_one_outside(world: World) -> None:
    world.servers[RESOLVER].records[NAME, "A"] = ["10.0.0.7"]
    world.servers[OURS].records[NAME, "A"] = ["8.8.8.8"]

    assert told(views(world)) == (DNSState.FOUND, ("8.8.8.8",), True)
    assert told(views(world), ca=PRIVATE) == (DNSState.FOUND, ("10.0.0.7",), False)


def test_a_name_without_addresses(world: World) -> None:
    world.servers[OURS].records[NAME, "TXT"] = ["x"]

    assert told(views(world)) == (DNSState.EMPTY, (), True)


def test_an_alias_is_followed_to_whose_it_is(world: World) -> None:
    world.servers[OURS].records[NAME, "CNAME"] = ["www.example.com."]

    assert told(views(world)) == (DNSState.FOUND, ("8.8.8.8",), True)


def test_aliases_that_lead_nowhere(world: World) -> None:
    world.servers[OURS].records[NAME, "CNAME"] = [f"{NAME}."]

    answer = views(world).addresses(NAME, PUBLIC, time.monotonic() + SOON)

    assert answer is not None
    assert answer.state is DNSState.FAILING
    assert "lead nowhere (a loop)" in answer.why


def test_where_the_servers_are_silent_the_resolver_has_to_do(world: World) -> None:
    """And is not believed for sure."""
    world.servers[OURS].silent = world.servers[TOP].silent = True

    assert told(views(world)) == (DNSState.MISSING, (), False)


def test_a_server_that_is_not_responsible_has_no_say(world: World) -> None:
    world.servers[OURS].zones = ()

    assert told(views(world)) == (DNSState.MISSING, (), False)


def test_who_may_not_ask_servers_does_not(world: World) -> None:
    """`--dns01-recursive-nameservers-only`."""
    assert told(views(world, recursive_only=True)) == (DNSState.MISSING, (), False)
    assert world.servers[OURS].asked == []


def test_nobody_answers(world: World) -> None:
    for server in world.servers.values():
        server.silent = True

    assert told(views(world)) is None


def test_a_resolver_that_fails(world: World) -> None:
    """A broken zone looks like this, and its servers may be well."""
    world.servers[RESOLVER].code = dns.rcode.SERVFAIL

    answer = views(world).addresses(NAME, PUBLIC, time.monotonic() + SOON)

    assert answer is not None
    assert (answer.state, answer.why) == (DNSState.FAILING, f"{world.at(RESOLVER)} answers SERVFAIL about {NAME}")
    assert views(world).lookup(NAME) == answer


def test_a_name_that_is_not_there_can_be_looked_up(world: World) -> None:
    """The value is yet to be written; where nobody answers nothing is known."""
    assert views(world).lookup(f"_acme-challenge.{NAME}") == DNSAnswer(DNSState.FOUND)
    world.servers[RESOLVER].silent = True
    assert views(world).lookup(f"_acme-challenge.{NAME}") is None


def test_when_the_time_is_over_nothing_is_confirmed(world: World) -> None:
    """What is not confirmed is not sure."""
    answer = views(world, named=True).addresses(NAME, PUBLIC, time.monotonic() - 1)

    assert answer is not None
    assert not answer.trusted
    assert world.servers[OURS].asked == []


@pytest.mark.parametrize(
    ("server", "expected"),
    [("8.8.8.8:53", True), ("[2001:4860:4860::8888]:53", True), ("10.0.0.10:53", False), ("dns.test:53", False)],
)
def test_servers_inside_are_known_by_their_address(server: str, expected: bool) -> None:  # noqa: FBT001  a table
    assert is_public_server(server) is expected


# -- CAA -------------------------------------------------------------------------------------------------------


def relevant(of: Views, name: str = NAME, ca: CA = PUBLIC) -> tuple[str, tuple[str, ...], bool] | None:
    answer = of.caa(name, ASKING, ca, time.monotonic() + SOON)
    return (answer.at, tuple(one.value for one in answer.records), answer.trusted) if answer is not None else None


def caa(world: World, address: str, name: str, *records: str) -> None:
    world.servers[address].records[name, "CAA"] = list(records)


def test_no_caa_records_up_to_the_top(world: World) -> None:
    assert relevant(views(world)) == ("", (), False)
    assert world.servers[OURS].asked == []


def test_the_nearest_set_counts(world: World) -> None:
    """RFC 8659 §3: that of the name above is looked at only where the name has none."""
    caa(world, RESOLVER, "example.com", '0 issue ";"')
    caa(world, RESOLVER, NAME, '0 issue "letsencrypt.org"')

    assert relevant(views(world)) == (NAME, ("letsencrypt.org",), False)


def test_what_forbids_is_asked_of_the_servers(world: World) -> None:
    for address in (RESOLVER, OURS):
        caa(world, address, "example.com", '0 issue "sectigo.com"')

    assert relevant(views(world)) == ("example.com", ("sectigo.com",), True)
    assert relevant(views(world), f"*.{NAME}") == ("example.com", ("sectigo.com",), True)
    assert relevant(views(world), ca=PRIVATE) == ("example.com", ("sectigo.com",), False)


def test_a_cache_that_forbids_is_not_believed(world: World) -> None:
    """The record was mended a minute ago."""
    caa(world, RESOLVER, "example.com", '0 issue "sectigo.com"')
    caa(world, OURS, "example.com", '0 issue "letsencrypt.org"')

    assert relevant(views(world)) == ("example.com", ("letsencrypt.org",), True)


@pytest.mark.parametrize("named", [True, False])
def test_where_servers_are_silent_the_resolvers_records_have_to_do(world: World, named: bool) -> None:  # noqa: FBT001
    caa(world, RESOLVER, NAME, '0 issue "sectigo.com"')
    world.servers[OURS].silent = world.servers[TOP].silent = True

    assert relevant(views(world, named=named)) == (NAME, ("sectigo.com",), named)


def test_a_resolver_that_fails_leaves_it_open(world: World) -> None:
    """What cannot be found out is no finding."""
    for server in world.servers.values():
        server.code = dns.rcode.SERVFAIL

    assert relevant(views(world)) is None
