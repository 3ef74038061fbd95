"""What can go wrong when talking to the API server, as types that a caller can act on.

Each carries what was attempted on what; `from_status` maps an HTTP answer
(Kubernetes API conventions, "Response Status Kind") to its type.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import msgspec

from certs.decoders import decode
from certs.outcomes import Permanent, Transient


class KubeError(Exception):
    """Base: the API server refused or could not be reached."""

    def __init__(self, message: str, *, code: int = 0, reason: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.retry_after = retry_after


class NotFound(KubeError):
    """404: the object, its namespace or its kind does not exist."""


class AlreadyExists(KubeError):
    """409 AlreadyExists: an object of that name is there."""


class Conflict(KubeError):
    """409 Conflict: the object has changed, or a precondition does not hold; observe again."""


class Forbidden(KubeError):
    """401 or 403: not allowed by RBAC, a quota or an admission webhook (then the message says which)."""


class Invalid(KubeError):
    """400 or 422: the object is not acceptable as it is."""


class Expired(KubeError):
    """410: the resourceVersion is too old for a watch or a page; list again."""


class Unavailable(KubeError):
    """5xx, 429, or no connection, or no answer in time; `retry_after` (seconds) when the server named one.

    Also 403 of a server that has just started and knows no roles yet: nobody has taken a right away.
    """


class NoCredentials(KubeError):
    """Nothing was asked: there is no kubeconfig, or none that can be read, or not that context in it."""


# A role that each API server has, makes anew when it is gone, and binds to everybody who is logged in: where it is not
# found, the authorizer has not read the roles yet (Kubernetes, "Using RBAC Authorization", "Default roles").
_NO_ROLES_YET: Final = 'clusterrole.rbac.authorization.k8s.io "system:basic-user" not found'
# How the API server says that a webhook, or a ValidatingAdmissionPolicy, has refused.
_ADMISSION: Final = ("denied the request", "denied request")
_BY_CODE: dict[int, type[KubeError]] = {
    400: Invalid,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
    422: Invalid,
}


class _Status(msgspec.Struct):
    message: str = ""
    reason: str = ""
    code: int = 0


def from_status(attempt: str, code: int, body: bytes, retry_after: float | None = None) -> KubeError:
    """Return the typed error for an answer that is not a success; `attempt` says what was tried on what."""
    try:
        status = decode(body, _Status)
    except msgspec.DecodeError:
        status = _Status(message=f"answered {code} without a Status")
    if code == HTTPStatus.FORBIDDEN and _NO_ROLES_YET in status.message:
        sentence = f"{attempt}: the API server has just started, and has not read the roles yet"
        return Unavailable(sentence, code=code, reason=status.reason, retry_after=retry_after)
    kind = _BY_CODE.get(code, Unavailable if code == 429 or code >= 500 else KubeError)
    if kind is Conflict and status.reason == "AlreadyExists":
        kind = AlreadyExists
    return kind(f"{attempt}: {status.message}", code=code, reason=status.reason, retry_after=retry_after)


def as_failure(error: KubeError) -> Transient | Permanent:
    """Return the failure class of an API error that a controller did not handle itself.

    What an admission webhook or policy refuses is not wrong by itself, whatever the status that it chooses: the policy
    may change, or what it goes by, and no watch tells of either.
    """
    if isinstance(error, Invalid) and not any(sign in str(error) for sign in _ADMISSION):
        return Permanent(str(error), reason="InvalidObject")
    return Transient(str(error), reason="KubernetesAPI")
