"""Who gets in, what is answered, and that nothing can be changed."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient

from shim.ui.web import Access, create_app
from tests.shim.ui.people import Fixed, certificate, failing

HOST = "127.0.0.1:8080"


def client(access: Access | None = None, source: Fixed | None = None) -> FlaskClient:
    app = create_app(source or Fixed([certificate("a"), failing("b")]), access or Access())
    return app.test_client()


def test_the_token_is_changed_for_a_cookie() -> None:
    """It is not in the address for longer than it takes, and other pages cannot send the cookie."""
    one = client(Access("secret", frozenset((HOST,))))
    headers = {"Host": HOST}

    assert one.get("/", headers=headers).status_code == 403
    assert one.get("/?token=wrong", headers=headers).status_code == 403
    answer = one.get("/?token=secret", headers=headers)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    one.set_cookie("certshim-ui", "secret", domain="127.0.0.1")
    assert one.get("/api/certificates", headers=headers).status_code == 200


def test_another_name_for_this_address_is_refused() -> None:
    """Somebody's page whose name leads here, too, gets nothing (DNS rebinding), token or not."""
    one = client(Access("secret", frozenset((HOST,))))

    assert one.get("/?token=secret", headers={"Host": "evil.example:8080"}).status_code == 421


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_can_be_changed(method: str) -> None:
    assert getattr(client(), method)("/api/certificates").status_code == 405


def test_whatever_is_answered_is_protected() -> None:
    """No script and no style but ours, and nobody frames it; errors included."""
    for path in ("/", "/static/app.js", "/api/certificates", "/nowhere"):
        with client().get(path) as answer:
            headers = answer.headers
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in headers["Content-Security-Policy"], path
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_list_is_sent_once() -> None:
    one = client()
    known = json.loads(one.get("/api/certificates").data)

    assert known["counts"] == {"failing": 1, "expiring": 0, "waiting": 0, "ready": 1}
    assert [line[1] for line in known["certificates"]] == ["b", "a"]
    assert one.get(f"/api/certificates?since={known['version']}").status_code == 304


def test_what_cannot_be_read_is_said() -> None:
    one = client(source=Fixed([], obstacle="not up to date: cannot list Issuers: forbidden"))

    assert json.loads(one.get("/api/certificates").data)["obstacle"].endswith("cannot list Issuers: forbidden")
    assert one.get("/healthz").status_code == 503


def test_behind_a_proxy_it_lives_under_a_prefix() -> None:
    """All addresses in the page are relative, so that it works wherever it is mounted."""
    one = client(Access(proxies=1))
    with one.get("/", headers={"X-Forwarded-Prefix": "/certificates"}) as answer:
        page, status = answer.data.decode(), answer.status_code

    assert status == 200
    assert 'src="/' not in page
    assert 'href="/' not in page
