"""What an answer of the API server is to a caller."""

from __future__ import annotations

from typing import Final

import msgspec
import pytest

from certs.outcomes import Permanent, Transient
from shim.kube.errors import (
    AlreadyExists,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    Unavailable,
    as_failure,
    from_status,
)

ATTEMPT: Final = "cannot create Order shop/web-1"
NO_RIGHT: Final = (
    'orders.acme.cert-manager.io is forbidden: User "system:serviceaccount:cert-manager:certshim-shim" cannot create '
    'resource "orders" in API group "acme.cert-manager.io" in the namespace "shop"'
)
ROLE: Final = "clusterrole.rbac.authorization.k8s.io"
# As the authorizer of a real API server says it in the first moments after its start.
STARTING: Final = f'{NO_RIGHT}: RBAC: [{ROLE} "certshim-shim" not found, {ROLE} "system:basic-user" not found]'
A_ROLE_IS_GONE: Final = f'{NO_RIGHT}: RBAC: {ROLE} "certshim-shim" not found'


@pytest.mark.parametrize(
    ("code", "reason", "message", "kind"),
    [
        (400, "BadRequest", "no", Invalid),
        (401, "Unauthorized", "Unauthorized", Forbidden),
        (403, "Forbidden", "exceeded quota", Forbidden),
        (403, "Forbidden", NO_RIGHT, Forbidden),
        (403, "Forbidden", A_ROLE_IS_GONE, Forbidden),
        (403, "Forbidden", STARTING, Unavailable),
        (404, "NotFound", "no", NotFound),
        (405, "MethodNotAllowed", "no", KubeError),
        (409, "AlreadyExists", "no", AlreadyExists),
        (409, "Conflict", "no", Conflict),
        (410, "Expired", "no", Expired),
        (422, "Invalid", "no", Invalid),
        (429, "TooManyRequests", "no", Unavailable),
        (500, "InternalError", "no", Unavailable),
        (503, "ServiceUnavailable", "no", Unavailable),
    ],
)
def test_an_answer_is_of_a_type(code: int, reason: str, message: str, kind: type[KubeError]) -> None:
    error = from_status(ATTEMPT, code, msgspec.json.encode({"code": code, "reason": reason, "message": message}))

    assert type(error) is kind
    assert (error.code, error.reason) == (code, reason)
    assert str(error).startswith(f"{ATTEMPT}: ")


def test_a_server_that_has_not_read_the_roles_says_so_in_few_words() -> None:
    error = from_status(ATTEMPT, 403, msgspec.json.encode({"message": STARTING}))

    assert str(error) == f"{ATTEMPT}: the API server has just started, and has not read the roles yet"
    assert isinstance(as_failure(error), Transient)


def test_an_answer_of_something_before_the_server_has_its_code() -> None:
    assert str(from_status(ATTEMPT, 502, b"<html>Bad Gateway")) == f"{ATTEMPT}: answered 502 without a Status"


def test_what_is_not_acceptable_is_not_tried_again() -> None:
    assert isinstance(as_failure(from_status(ATTEMPT, 422, b"{}")), Permanent)


@pytest.mark.parametrize("code", [400, 403, 422])
@pytest.mark.parametrize(
    "message",
    [
        'admission webhook "validate.nginx.ingress.kubernetes.io" denied the request: host "a.example" and path "/" is',
        "ValidatingAdmissionPolicy 'quiet' with binding 'quiet' denied request: not on a Friday",
    ],
    ids=["webhook", "policy"],
)
def test_what_admission_refuses_is_tried_again(code: int, message: str) -> None:
    """Whatever the status: webhooks choose it, and 400 is what they get who choose none."""
    error = from_status(ATTEMPT, code, msgspec.json.encode({"message": message}))

    assert isinstance(as_failure(error), Transient)
