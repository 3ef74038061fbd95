from __future__ import annotations

import http.client
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from certs.health import found
from shim.flags import Address
from shim.health import Page, PageServer, checked

PROBLEMS: list[str] = []


@pytest.fixture(params=["127.0.0.1", "::1"], ids=["IPv4", "IPv6"])
def server(request: pytest.FixtureRequest) -> Iterator[PageServer]:
    PROBLEMS.clear()
    pages = {
        "/readyz": checked("readyz", lambda: (found("stores", ", ".join(PROBLEMS)),)),
        "/metrics": lambda _: Page(HTTPStatus.OK, b"up 1\n", "text/plain; version=0.0.4"),
    }
    made = PageServer(Address(request.param, 0), pages)
    made.start()
    yield made
    made.stop()


def get(server: PageServer, path: str, method: str = "GET") -> tuple[int, bytes, str]:
    connection = http.client.HTTPConnection(str(server.server_address[0]), server.port, timeout=5)
    connection.request(method, path)
    answer = connection.getresponse()
    found = (answer.status, answer.read(), answer.headers["Content-Type"])
    connection.close()
    return found


def test_check_is_ok_until_there_is_a_problem(server: PageServer) -> None:
    """503 with the problem in words, and 200 again when it is gone."""
    assert get(server, "/readyz")[:2] == (200, b"ok\n")
    PROBLEMS.append("not synced yet: Secret")
    assert get(server, "/readyz")[:2] == (503, b"stores: not synced yet: Secret\n")
    assert get(server, "/readyz?verbose")[:2] == (
        503,
        b"[-]stores failed: not synced yet: Secret\nreadyz check failed\n",
    )
    PROBLEMS.clear()
    assert get(server, "/readyz")[:2] == (200, b"ok\n")


def test_pages_have_their_type(server: PageServer) -> None:
    """As the scraper expects it."""
    assert get(server, "/metrics") == (200, b"up 1\n", "text/plain; version=0.0.4")


@pytest.mark.parametrize(("path", "method", "status"), [("/", "GET", 404), ("/readyz", "POST", 501)])
def test_everything_else_is_refused(server: PageServer, path: str, method: str, status: int) -> None:
    """Other paths, other methods."""
    assert get(server, path, method)[0] == status


def test_a_server_that_never_began_can_be_stopped() -> None:
    """A start that failed halfway ends in order."""
    PageServer(Address("127.0.0.1", 0), {}).stop()


def test_an_address_that_is_taken_is_named() -> None:
    """Whoever starts a second process sees which address of which server to change."""
    first = PageServer(Address("127.0.0.1", 0), {})
    try:
        with pytest.raises(
            OSError, match=rf"cannot listen on 127\.0\.0\.1:{first.port} \(pages\): Address already in use"
        ):
            PageServer(Address("127.0.0.1", first.port), {})
    finally:
        first.stop()
