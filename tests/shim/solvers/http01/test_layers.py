"""Which layer of the way to a token is told when a look fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shim.solvers.http01.layers import Layers
from shim.solvers.http01.responders import Responders
from shim.solvers.selfcheck import NotReachable, SelfCheck
from tests.fakes.site import KEY, PATH, Site, say

HOST = "127.0.0.1"
GONE = 'Gateway "web/edge" does not take it'


@pytest.fixture
def proxy() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


@pytest.fixture
def responder() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def said(proxy: Site, port: int, obstacle: str = "", *, host: str = HOST) -> str:
    """Return what a look finds."""
    layers = Layers(SelfCheck((), proxy.port, loopback=True), Responders(("127.0.0.1",), port))
    try:
        layers.look(host, PATH, expected=KEY, obstacle=lambda: obstacle)
    except NotReachable as failure:
        return str(failure)
    return ""


def test_all_is_well(proxy: Site, responder: Site) -> None:
    """Nothing but what the CA does is asked."""
    assert said(proxy, responder.port, GONE) == ""
    assert responder.hosts == []


def test_the_responder_comes_first(proxy: Site, responder: Site) -> None:
    """It answers for another token only."""
    proxy.pages.clear()
    responder.pages[PATH] = say(404)

    assert said(proxy, responder.port, GONE) == (
        f"the responder at 127.0.0.1:{responder.port} does not answer: status 404 and 0 bytes that are not the key; "
        f"so wrong status code '404' for 'http://{HOST}{PATH}', expected '200'"
    )
    assert responder.hosts == [HOST]


def test_a_responder_that_is_not_there(proxy: Site, responder: Site) -> None:
    """Its text is the system's."""
    proxy.pages.clear()
    responder.close()

    assert said(proxy, responder.port).startswith(
        f"the responder at 127.0.0.1:{responder.port} does not answer: [Errno 111] Connection refused; so wrong status"
    )


def test_then_the_route(proxy: Site, responder: Site) -> None:
    """What the API server tells of it."""
    proxy.pages.clear()

    assert said(proxy, responder.port, GONE) == (
        f"{GONE}; so wrong status code '404' for 'http://{HOST}{PATH}', expected '200'"
    )


def test_then_the_name(proxy: Site, responder: Site) -> None:
    """Nothing inside is wrong, so the outermost sentence stands alone."""
    assert said(proxy, responder.port, host="nowhere.invalid").startswith("cannot resolve 'nowhere.invalid'")


def test_then_what_the_name_leads_to(proxy: Site, responder: Site) -> None:
    proxy.pages[PATH] = say(200, b"welcome")

    assert said(proxy, responder.port).startswith("did not get the expected response from")


@pytest.mark.parametrize("obstacle", ["", GONE])
def test_whether_the_ca_may_see_it_otherwise_is_for_the_outermost_to_say(proxy: Site, obstacle: str) -> None:
    """Nobody speaks at the address: that delays by the grace only, whatever else is wrong."""
    proxy.close()
    layers = Layers(SelfCheck((), proxy.port, loopback=True), None)

    with pytest.raises(NotReachable) as raised:
        layers.look(HOST, PATH, expected=KEY, obstacle=lambda: obstacle)

    assert raised.value.from_here
