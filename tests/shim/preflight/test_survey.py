"""What is asked about a name, by how it is to be proven."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from certs.decide.caa import Asking
from certs.decide.findings import CA, CAAAnswer, DNSAnswer, DNSState, RouteAnswer, Surveyed
from certs.outcomes import Transient
from shim import probe
from shim.flags import Address
from shim.kube.store import Store
from shim.preflight.survey import Question, Survey
from shim.responder import Responder
from shim.solvers.dns01.solver import DNSSettings
from shim.solvers.selfcheck import SelfCheck
from tests.fakes.dns import Server, World

RESOLVER = "127.0.0.2"
NAME = "shop.example.com"
INSIDE = CA("a CA inside")


@pytest.fixture
def world() -> Iterator[World]:
    with World({RESOLVER: Server({(NAME, "A"): ["127.0.0.1"]})}) as made:
        yield made


@pytest.fixture
def responder() -> Iterator[Responder]:
    made = Responder(Address("127.0.0.1", 0), Store(), lambda _: None)
    made.start()
    yield made
    made.stop()


def survey(world: World, port: int = 1) -> Survey:
    check = SelfCheck((world.at(RESOLVER),), port, timeout=0.5, loopback=True, grace=timedelta(seconds=1))
    return Survey(check, DNSSettings(authoritative_port=world.port))


def nobody() -> Asking:
    return Asking(())


def ask(of: Survey, question: Question, asking: Asking | None = None) -> list[Surveyed]:
    tasks = of.tasks(question, INSIDE, nobody if asking is None else lambda: asking)
    return [task(time.monotonic() + 5) for task in tasks]


def test_a_route_that_leads_to_the_responder(world: World, responder: Responder) -> None:
    """It answers our own question at any host, and no Challenge is needed for that."""
    way, _ = ask(survey(world, responder.port), Question(NAME, "http-01", routed=True))

    assert way.route == RouteAnswer()
    assert way.dns is not None
    assert way.dns.state is DNSState.FOUND


def test_a_route_that_leads_to_somebody_else(world: World) -> None:
    other = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=other.handle_request, daemon=True).start()
    way, _ = ask(survey(world, other.server_port), Question(NAME, "http-01", routed=True))
    other.server_close()

    assert way.route == RouteAnswer(f"wrong status code '501' for 'http://{NAME}{probe.PATH}', expected '200'")


def test_nobody_is_there(world: World) -> None:
    way, _ = ask(survey(world), Question(NAME, "http-01", routed=True))

    assert way.route is not None
    assert way.route.nobody


@pytest.mark.parametrize(
    "question",
    [
        Question(NAME, "http-01"),
        Question("gone.example.com", "http-01", routed=True),
        Question(NAME, "dns-01", routed=True),
    ],
    ids=["no route stands", "a name that leads nowhere", "proven over DNS"],
)
def test_the_way_is_not_tried(world: World, question: Question) -> None:
    way, _ = ask(survey(world), question)

    assert way.route is None


def test_over_dns_addresses_do_not_matter(world: World) -> None:
    """Only whether the name of the value can be looked up."""
    way, _ = ask(survey(world), Question(f"*.{NAME}", "dns-01"))

    assert way.dns == DNSAnswer(DNSState.FOUND)
    assert [asked[1:] for asked in world.servers[RESOLVER].asked] == [(f"_acme-challenge.{NAME}", "TXT")]


def test_an_address_is_not_looked_up(world: World) -> None:
    (way,) = ask(survey(world), Question("169.254.169.254", "http-01", routed=True))

    assert way.dns is not None
    assert [(one.text, one.refused) for one in way.dns.addresses] == [("169.254.169.254", "a link-local address")]
    assert way.dns.trusted
    assert way.route is None
    assert world.servers[RESOLVER].asked == []


def test_caa_is_asked_where_the_ca_says_who_it_is(world: World) -> None:
    world.servers[RESOLVER].records["example.com", "CAA"] = ['0 issuewild ";"']
    _, found = ask(survey(world), Question(f"*.{NAME}", "dns-01"), Asking(("ca.example",), "https://ca/1"))
    _, nothing = ask(survey(world), Question(f"*.{NAME}", "dns-01"))

    assert found.caa is not None
    assert found.caa.at == "example.com"
    assert found.caa.asking == Asking(("ca.example",), "https://ca/1", "dns-01", wildcard=True)
    assert nothing.caa == CAAAnswer("", (), Asking((), method="dns-01", wildcard=True))


def test_a_ca_that_does_not_answer_is_no_finding(world: World) -> None:
    def silent() -> Asking:
        raise Transient("no directory")

    *_, caa = survey(world).tasks(Question(NAME, "http-01"), INSIDE, silent)

    assert caa(time.monotonic() + 5).caa is None
