"""Where a value is written, found out from servers that lie, are silent, or remember too long."""

from __future__ import annotations

import time
from collections.abc import Iterator

import dns.rcode
import pytest

from certs.outcomes import Transient, WaitingForUser
from shim.solvers.dns01.questions import Questions
from shim.solvers.dns01.zones import KEEP, Zones
from tests.fakes.dns import Server, World

RESOLVER, PARENT, CHILD = "127.0.0.2", "127.0.0.3", "127.0.0.4"
NAME = "_acme-challenge.shop.example.com"


@pytest.fixture
def world() -> Iterator[World]:
    """A resolver that knows com and example.com and their servers."""
    servers = {
        RESOLVER: Server(
            {
                ("com", "NS"): ["a.gtld.test."],
                ("a.gtld.test", "A"): [PARENT],
                ("example.com", "NS"): ["ns1.example.com."],
                ("ns1.example.com", "A"): [CHILD],
            }
        ),
        PARENT: Server(zones=("com",), children={"example.com": {"ns1.example.com": CHILD}}),
        CHILD: Server(zones=("example.com",)),
    }
    with World(servers) as made:
        yield made


def zones(world: World, *, recursive_only: bool = False, now: list[float] | None = None) -> Zones:
    clock = time.monotonic if now is None else lambda: now[0]
    questions = Questions((world.at(RESOLVER),), world.port, timeout=0.3)
    return Zones(questions, recursive_only=recursive_only, clock=clock)


def test_a_zone_is_found_with_its_servers(world: World) -> None:
    found = zones(world).zone(NAME)

    assert (found.name, found.servers) == ("example.com", (world.at(CHILD),))


def test_a_zone_that_a_resolver_believes_not_to_be_there_is_found(world: World) -> None:
    """Its negative cache is hours old; the parent's servers know better."""
    resolver = world.servers[RESOLVER]
    del resolver.records["example.com", "NS"]

    found = zones(world).zone(NAME)

    assert (found.name, found.servers) == ("example.com", (world.at(CHILD),))


def test_a_child_zone_is_found_by_referral(world: World) -> None:
    """Which no resolver has to know of yet."""
    world.servers[CHILD].children["shop.example.com"] = {"ns.shop.example.com": "127.0.0.3"}
    world.servers[PARENT].zones = ("com", "shop.example.com")
    world.servers[PARENT].children.clear()

    found = zones(world).zone(NAME)

    assert (found.name, found.servers) == ("shop.example.com", (world.at(PARENT),))


def test_a_child_on_the_same_servers_is_found(world: World) -> None:
    """They answer for it instead of referring to it."""
    child = world.servers[CHILD]
    child.zones = ("example.com", "shop.example.com")
    child.records["shop.example.com", "NS"] = ["ns1.example.com."]

    found = zones(world).zone(NAME)

    assert (found.name, found.servers) == ("shop.example.com", (world.at(CHILD),))


def test_glue_that_is_missing_is_resolved(world: World) -> None:
    world.servers[CHILD].children["shop.example.com"] = {"a.gtld.test": ""}
    world.servers[PARENT].zones = ("com", "shop.example.com")
    world.servers[PARENT].children.clear()

    assert zones(world).zone(NAME).servers == (world.at(PARENT),)


def test_the_zone_of_a_cname_is_not_that_of_its_target(world: World) -> None:
    """Servers add the SOA of the target's zone to a CNAME."""
    child = world.servers[CHILD]
    child.zones = ("example.com", "elsewhere.test")
    child.records[NAME, "CNAME"] = ["x.elsewhere.test."]

    assert zones(world).zone(NAME).name == "example.com"


def test_a_lame_server_before_others_has_no_say(world: World) -> None:
    """Neither about the zone nor about CNAMEs: it would have the value written where nobody looks."""
    world.servers[RESOLVER].records["example.com", "NS"] = ["a.gtld.test.", "ns1.example.com."]
    world.servers[PARENT].is_lame = True
    world.servers[CHILD].records[NAME, "CNAME"] = ["x.example.com."]

    for _ in range(8):  # answers come in any order
        made = zones(world)
        assert made.zone(NAME).name == "example.com"
        assert made.target(NAME, follow=True) == "x.example.com"


def test_servers_that_are_all_lame_are_told(world: World) -> None:
    world.servers[CHILD].is_lame = True

    with pytest.raises(Transient, match=r"the servers of example\.com name neither a zone nor servers for it"):
        zones(world).zone(NAME)


def test_servers_that_are_all_silent_leave_the_resolvers_word(world: World) -> None:
    """As behind a firewall that lets nobody ask outside."""
    world.servers[CHILD].silent = True
    world.servers[RESOLVER].records["example.com", "SOA"] = ["ns. h. 1 1 1 1 1"]

    found = zones(world).zone(NAME)

    assert (found.name, found.servers) == ("example.com", ())


def test_only_resolvers_are_asked_when_only_they_may_be(world: World) -> None:
    world.servers[RESOLVER].records["example.com", "SOA"] = ["ns. h. 1 1 1 1 1"]

    assert zones(world, recursive_only=True).zone(NAME).name == "example.com"
    assert not world.servers[CHILD].asked


@pytest.mark.parametrize("fault", ["silent", "refuses"])
def test_without_a_resolver_it_is_tried_again(world: World, fault: str) -> None:
    """In good time, and with the server in the sentence."""
    resolver = world.servers[RESOLVER]
    resolver.silent, resolver.code = fault == "silent", dns.rcode.REFUSED
    began = time.monotonic()

    with pytest.raises(Transient, match=rf"cannot find the zone of {NAME}: {RESOLVER}"):
        zones(world).zone(NAME)

    assert time.monotonic() - began < 2


def test_what_was_found_is_kept_for_a_minute(world: World) -> None:
    now = [0.0]
    made = zones(world, now=now)
    made.zone(NAME)
    asked = len(world.servers[CHILD].asked)

    made.zone(NAME)
    assert len(world.servers[CHILD].asked) == asked

    now[0] = KEEP + 1
    made.zone(NAME)
    assert len(world.servers[CHILD].asked) == asked + 1


def test_cnames_are_followed_when_they_are_to_be(world: World) -> None:
    child = world.servers[CHILD]
    child.records[NAME, "CNAME"] = ["a.example.com."]
    child.records["a.example.com", "CNAME"] = ["B.example.com."]
    made = zones(world)

    assert made.target(NAME, follow=True) == "b.example.com"
    assert made.target(NAME, follow=False) == NAME


def test_a_loop_of_cnames_waits_for_the_user(world: World) -> None:
    child = world.servers[CHILD]
    child.records[NAME, "CNAME"] = ["a.example.com."]
    child.records["a.example.com", "CNAME"] = [f"{NAME}."]

    with pytest.raises(WaitingForUser, match="a loop"):
        zones(world).target(NAME, follow=True)


def test_an_endless_chain_of_cnames_waits_for_the_user(world: World) -> None:
    for here in range(20):
        world.servers[CHILD].records[f"{here}.example.com", "CNAME"] = [f"{here + 1}.example.com."]

    with pytest.raises(WaitingForUser, match="too many"):
        zones(world).target("0.example.com", follow=True)


def test_an_answer_that_does_not_fit_comes_over_tcp(world: World) -> None:
    world.servers[CHILD].truncated = True

    assert zones(world).zone(NAME).name == "example.com"
    assert ("tcp", NAME, "SOA") in world.servers[CHILD].asked
