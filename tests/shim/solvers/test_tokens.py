"""Tokens of service accounts, from what would be the API server."""

from __future__ import annotations

import json

import pytest
from kubernetes.client.configuration import Configuration

from certs.outcomes import Transient, WaitingForUser
from shim.kube.transport import Transport
from shim.solvers.dns01.tokens import request_token
from tests.contract.dns01.server import Reply, VendorServer


def asked(reply: Reply, account: str = "solver") -> tuple[str, dict[str, object]]:
    """Return the token, and what was sent for it."""
    with VendorServer(lambda _: reply).serving() as server:
        token = request_token(Transport(Configuration(host=server.url)), "web", account, ("sts.amazonaws.com",))
        (request,) = server.seen
        assert request.path == "/api/v1/namespaces/web/serviceaccounts/solver/token"
        return token, json.loads(request.body)["spec"]


def test_a_token_is_short_lived_and_for_one_audience() -> None:
    token, spec = asked(Reply(b'{"status": {"token": "jwt"}}', 201))

    assert token == "jwt"
    assert spec == {"audiences": ["sts.amazonaws.com"], "expirationSeconds": 600}


@pytest.mark.parametrize(
    ("reply", "failure", "sentence"),
    [
        pytest.param(Reply(b"{}", 403), WaitingForUser, "let the shim create serviceaccounts/token", id="forbidden"),
        pytest.param(Reply(b'{"message": "not found"}', 404), WaitingForUser, "not found", id="no such account"),
        pytest.param(Reply(b"{}", 500), Transient, "web/solver", id="5xx"),
        pytest.param(Reply(b"{}", 201), Transient, "has no token", id="no token"),
    ],
)
def test_what_goes_wrong_has_a_class(reply: Reply, failure: type[Exception], sentence: str) -> None:
    with pytest.raises(failure, match=sentence):
        asked(reply)


@pytest.mark.parametrize("account", ["", "..", "a/b"])
def test_a_name_that_is_none_is_not_sent(account: str) -> None:
    with pytest.raises(WaitingForUser, match="no name of one"):
        asked(Reply(), account)
