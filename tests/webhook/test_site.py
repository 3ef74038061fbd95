"""Which requests are answered as reviews, and which go to Flask."""

from __future__ import annotations

import json

import pytest

from certs.judge import Judge
from tests.webhook.reviews import certificate, review
from webhook.app import create_app
from webhook.review import Reply, Reviewer
from webhook.site import Request, Site, environ

BODY = review("certificates", "Certificate", certificate())
HEADERS = ((b"host", b"x"), (b"content-type", b"application/json"))


@pytest.fixture
def site() -> Site:
    reviewer = Reviewer(Judge())
    return Site(reviewer, create_app(reviewer, healthy=tuple, ready=tuple))


@pytest.mark.parametrize("target", [b"/validate", b"/validate?timeout=10s", b"/%76alidate"])
def test_review_is_answered_however_its_path_is_written(site: Site, target: bytes) -> None:
    reply = site.answer(Request(b"POST", target, HEADERS, BODY, secure=True))

    assert isinstance(reply, Reply)
    assert json.loads(reply.body)["response"]["allowed"] is True


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        (b"GET", b"/validate", 405),
        (b"POST", b"/validate/", 404),
        (b"GET", b"/livez", 200),
        (b"HEAD", b"/livez?verbose", 200),
        (b"OPTIONS", b"*", 404),
        (b"GET", b"/%ff%00", 404),
        (b"GET", b"http://x/livez", 404),
    ],
)
def test_everything_else_is_flasks(site: Site, method: bytes, target: bytes, status: int) -> None:
    reply = site.answer(Request(method, target, HEADERS, b"", secure=True))

    assert isinstance(reply, Reply)
    assert reply.status == status


def test_header_with_an_underscore_does_not_pass_for_another() -> None:
    made = environ(Request(b"GET", b"/", ((b"x_forwarded-for", b"1"),), b"", secure=True))

    assert "HTTP_X_FORWARDED_FOR" not in made
