"""Whether a value can be seen: everywhere, whoever is broken, and over HTTPS where that is asked for."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dns.message
import dns.rcode
import pytest
import trustme

from shim.solvers.dns01.propagation import NotYet, Propagation
from shim.solvers.dns01.questions import Questions
from shim.solvers.dns01.zones import Zones
from tests.contract.dns01.server import Reply, Request, VendorServer
from tests.fakes.dns import Server, World

RESOLVER, FIRST, SECOND = "127.0.0.2", "127.0.0.3", "127.0.0.4"
NAME, VALUE = "_acme-challenge.example.com", "the-value"
THERE = {(NAME, "TXT"): [f'"{VALUE}"', '"another"']}


@pytest.fixture
def world() -> Iterator[World]:
    """Two servers of example.com, and both have the value."""
    servers = {
        RESOLVER: Server(
            {
                ("example.com", "NS"): ["ns1.example.com.", "ns2.example.com."],
                ("ns1.example.com", "A"): [FIRST],
                ("ns2.example.com", "A"): [SECOND],
            }
        ),
        FIRST: Server(dict(THERE), zones=("example.com",)),
        SECOND: Server(dict(THERE), zones=("example.com",)),
    }
    with World(servers) as made:
        yield made


def propagation(world: World, *at: str) -> Propagation:
    return Propagation(Zones(Questions((world.at(RESOLVER),), world.port, timeout=0.3)), at)


def test_a_value_that_all_have_is_seen(world: World) -> None:
    propagation(world).check(NAME, VALUE)

    assert [server.asked[-1][1:] for server in (world.servers[FIRST], world.servers[SECOND])] == [(NAME, "TXT")] * 2


def test_a_secondary_that_lags_is_named(world: World) -> None:
    world.servers[SECOND].records[NAME, "TXT"] = ['"another"']

    with pytest.raises(NotYet) as raised:
        propagation(world).check(NAME, VALUE)

    lagging = world.at(SECOND)
    assert str(raised.value) == f'DNS record for "{NAME}" not yet propagated: {lagging} does not have it'


@pytest.mark.parametrize("broken", ["silent", "refuses", "lame"])
def test_a_broken_secondary_does_not_stop_it(world: World, broken: str) -> None:
    """The CA asks another, too."""
    server = world.servers[SECOND]
    server.silent, server.is_lame = broken == "silent", broken == "lame"
    server.code = dns.rcode.REFUSED if broken == "refuses" else dns.rcode.NOERROR

    propagation(world).check(NAME, VALUE)


def test_nobody_who_is_responsible_is_not_yet(world: World) -> None:
    look = propagation(world)
    look.zones.zone(NAME)
    for address in (FIRST, SECOND):
        world.servers[address].is_lame = True

    with pytest.raises(NotYet, match=rf"127\.0\.0\.\d:\d+ is not responsible for {NAME}"):
        look.check(NAME, VALUE)


def test_nobody_who_answers_is_not_yet(world: World) -> None:
    for address in (FIRST, SECOND):
        world.servers[address].code = dns.rcode.SERVFAIL

    with pytest.raises(NotYet):
        propagation(world).check(NAME, VALUE)


def test_all_silent_ends_in_time(world: World) -> None:
    for server in world.servers.values():
        server.silent = True
    began = time.monotonic()

    with pytest.raises(NotYet):
        propagation(world).check(NAME, VALUE)

    assert time.monotonic() - began < 2


def test_a_cname_is_followed_as_the_ca_follows_it(world: World) -> None:
    for address in (FIRST, SECOND):
        records = world.servers[address].records
        records["target.example.com", "TXT"] = records.pop((NAME, "TXT"))
        records[NAME, "CNAME"] = ["target.example.com."]
    propagation(world).check(NAME, VALUE)

    world.servers[SECOND].records["target.example.com", "TXT"] = ['"old"']

    with pytest.raises(NotYet, match=r'record for "target\.example\.com"'):
        propagation(world).check(NAME, VALUE)


@pytest.mark.parametrize("how", ["authoritative", "resolver"])
def test_a_cname_that_hides_the_value_is_told(world: World, how: str) -> None:
    """Servers take a value beside a CNAME and forget it, so without this sentence all looks well and nothing comes."""
    for server in world.servers.values():
        server.records.pop((NAME, "TXT"), None)
        server.records[NAME, "CNAME"] = ["target.example.com."]
    look = propagation(world, *((world.at(RESOLVER),) if how == "resolver" else ()))

    with pytest.raises(NotYet) as followed:
        look.check(NAME, VALUE)
    with pytest.raises(NotYet) as in_place:
        replace(look, in_place=True).check(NAME, VALUE)

    assert str(in_place.value) == (
        f"{followed.value}; {NAME} is a CNAME of target.example.com, where the CA looks, and the value was not written "
        "there: set cnameStrategy: Follow in the solver, or remove the CNAME"
    )


def test_a_value_in_place_that_lags_has_nothing_to_do_with_cnames(world: World) -> None:
    """The sentence stays as it is, also when nobody answers about CNAMEs."""
    for address in (FIRST, SECOND):
        world.servers[address].records.clear()
    look = replace(propagation(world), in_place=True)

    with pytest.raises(NotYet, match=r"does not have it$"):
        look.check(NAME, VALUE)


def test_a_loop_of_cnames_ends(world: World) -> None:
    for address in (FIRST, SECOND):
        world.servers[address].records.clear()
        world.servers[address].records[NAME, "CNAME"] = [f"{NAME}."]

    with pytest.raises(NotYet):
        propagation(world).check(NAME, VALUE)


def test_a_long_value_is_joined(world: World) -> None:
    """One TXT record may have its text in several strings."""
    for address in (FIRST, SECOND):
        world.servers[address].records[NAME, "TXT"] = ['"the-" "value"']

    propagation(world).check(NAME, VALUE)


def test_resolvers_that_are_named_are_asked_instead(world: World) -> None:
    resolver = world.servers[RESOLVER]
    with pytest.raises(NotYet):
        propagation(world, world.at(RESOLVER)).check(NAME, VALUE)
    resolver.records[NAME, "TXT"] = [f'"{VALUE}"']

    propagation(world, world.at(RESOLVER)).check(NAME, VALUE)

    assert not world.servers[FIRST].asked


def test_a_resolver_over_https_is_asked(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """RFC 8484: a POST of the message, to a server whose certificate is verified."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    roots = tmp_path / "roots.pem"
    authority.cert_pem.write_to_path(str(roots))

    def handle(request: Request) -> Reply:
        assert request.headers["content-type"] == "application/dns-message"
        query = dns.message.from_wire(request.body)
        assert query.id == 0
        response = Server(dict(THERE), zones=("example.com",)).answer(query, "https")
        assert response is not None
        return Reply(response.to_wire(), headers={"Content-Type": "application/dns-message"})

    with VendorServer(handle, tls=context).serving() as server:
        at = f"{server.url}/dns-query"
        with pytest.raises(NotYet, match="certificate"):
            propagation(world, at).check(NAME, VALUE)

        monkeypatch.setenv("SSL_CERT_FILE", str(roots))
        propagation(world, at).check(NAME, VALUE)
        with pytest.raises(NotYet, match="does not have it"):
            propagation(world, at).check(NAME, "another value")
