"""Requests to vendors: what every status becomes, and what no sentence shows."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec
import pytest

from certs.api.meta import SecretKeySelector
from certs.outcomes import Failure, RateLimited, Transient, WaitingForUser
from shim.solvers.dns01.rest import API, HTTP, MAX_BODY, secret_text
from tests.contract.dns01 import credentials
from tests.contract.dns01.server import Reply, Request, VendorServer

CODED = json.dumps({"code": "AuthFailed", "message": "hunter2"}).encode()


class Echo:
    """Answers as it is told."""

    def __init__(self) -> None:
        self.reply = Reply(b"{}")
        self.server = VendorServer(self._handle)
        self.api = API(
            HTTP(within=0.5, proxies={}),
            "Vendor",
            self.server.url,
            'the token in Secret "x"',
            "dns:edit",
            code=lambda body: msgspec.json.decode(body, type=dict[str, str]).get("code", ""),
        )

    def _handle(self, request: Request) -> Reply:
        return self.reply

    def ask(self, reply: Reply) -> Failure:
        self.reply = reply
        with pytest.raises(Failure) as raised:
            self.api.ask("cannot", "GET", "/")
        return raised.value


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    with made.server.serving():
        yield made


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, WaitingForUser),
        (400, WaitingForUser),
        (401, WaitingForUser),
        (403, WaitingForUser),
        (404, WaitingForUser),
        (408, Transient),
        (409, Transient),
        (412, Transient),
        (422, WaitingForUser),
        (429, Transient),
        (500, Transient),
        (503, Transient),
    ],
)
def test_a_status_has_a_class(echo: Echo, status: int, kind: type[Failure]) -> None:
    assert type(echo.ask(Reply(CODED, status))) is kind


@pytest.mark.parametrize("status", [429, 503])
def test_a_moment_that_is_named_is_kept(echo: Echo, status: int) -> None:
    assert isinstance(echo.ask(Reply(CODED, status, {"Retry-After": "9"})), RateLimited)


def test_a_refusal_names_the_credentials_and_what_they_need(echo: Echo) -> None:
    sentence = str(echo.ask(Reply(CODED, 403)))

    assert sentence == 'cannot: Vendor refuses the token in Secret "x" (403 AuthFailed): allow it dns:edit'


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>hunter2", id="no JSON"),
        pytest.param(b'{"code": "hunter2 says\\nhello"}', id="a code of several words"),
        pytest.param(b'{"code": ["hunter2"]}', id="a code that is none"),
        pytest.param(b"\xff\xfehunter2", id="no text"),
    ],
)
def test_nothing_but_an_error_code_is_shown(echo: Echo, body: bytes) -> None:
    assert "hunter2" not in str(echo.ask(Reply(body, 403)))


def test_a_redirect_is_not_followed(echo: Echo) -> None:
    """It would carry the credentials to whoever it names."""
    echo.ask(Reply(b"", 302, {"Location": f"{echo.server.url}/elsewhere"}))

    assert len(echo.server.seen) == 1


def test_an_endless_answer_is_cut(echo: Echo) -> None:
    assert isinstance(echo.ask(Reply(b"x" * (MAX_BODY + 1))), Transient)


@pytest.mark.parametrize("text", ["token", "token\n", " token\r\n"])
def test_white_space_around_a_secret_is_no_part_of_it(text: str) -> None:
    """Files end with a line feed, and so do many Secrets made from them."""
    assert secret_text(credentials(x=text), SecretKeySelector(name="x", key="k")) == "token"


@pytest.mark.parametrize("text", ["", "\n", "to\nken", "tökén", "to\x00ken"])
def test_what_no_header_can_carry_waits_for_the_user(text: str) -> None:
    with pytest.raises(WaitingForUser, match='Secret "x"'):
        secret_text(credentials(x=text), SecretKeySelector(name="x", key="k"))


def test_credentials_do_not_print(echo: Echo) -> None:
    api = API(HTTP(proxies={}), "Vendor", "", "", "", {"Authorization": "hunter2"})

    assert "hunter2" not in repr(api)
