"""Requests through the forward proxy of the environment."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from kubernetes.client.configuration import Configuration

from shim.acme.deadline import pool
from shim.kube.transport import Transport
from shim.proxy import proxy
from tests.fakes.apiserver import FakeAPIServer

PATH = "/api/v1/services"


@pytest.mark.parametrize(
    ("named", "url", "authorization"),
    [
        ("http://proxy.test:3128", "http://proxy.test:3128", None),
        ("proxy.test:3128", "http://proxy.test:3128", None),
        ("user:secret@proxy.test:3128", "http://proxy.test:3128", "Basic dXNlcjpzZWNyZXQ="),
        ("https://us%C3%A9r@[2001:db8::1]:3128", "https://[2001:db8::1]:3128", "Basic dXPDqXI6"),
        ("socks5://user:secret@proxy.test:1080", "socks5://user:secret@proxy.test:1080", None),
    ],
)
def test_how_a_proxy_may_be_named(named: str, url: str, authorization: str | None) -> None:
    found = proxy(named)

    assert (found.url, found.headers.get("proxy-authorization")) == (url, authorization)


def of_cas(named: str) -> None:
    """Ask as CAs, vendors and receivers of notifications are asked."""
    pool(named, retries=False).request("GET", f"http://ca.test{PATH}")


def of_the_api_server(named: str) -> None:
    """Ask the API server."""
    configuration = Configuration(host="http://apiserver.test")
    configuration.proxy = named
    Transport(configuration).request("GET", PATH, attempt="cannot try")


@pytest.mark.parametrize("ask", [of_cas, of_the_api_server])
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_the_proxy_gets_the_credentials_of_its_url(ask: Callable[[str], None], scheme: str) -> None:
    with FakeAPIServer() as through:
        ask(f"{scheme}user:p%40ss@{through.url.removeprefix('http://')}")
        (seen,) = through.seen

    assert (seen.path, seen.headers["proxy-authorization"]) == (PATH, "Basic dXNlcjpwQHNz")
