"""Tokens of service accounts, by which a vendor that trusts the cluster gives credentials (TokenRequest API)."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import msgspec

from certs.decoders import decode
from certs.outcomes import Transient, WaitingForUser
from shim.kube.errors import Forbidden, Invalid, KubeError, NotFound
from shim.kube.transport import Transport

LIVES_FOR: Final = 600  # seconds; the least that the API server gives
WITHIN: Final = 5.0


class _Granted(msgspec.Struct, frozen=True):
    token: str


class _Answer(msgspec.Struct, frozen=True):
    status: _Granted


def request_token(transport: Transport, namespace: str, account: str, audiences: tuple[str, ...]) -> str:
    """Return a token for ten minutes; WaitingForUser when the account is missing or may not be impersonated so."""
    attempt = f'cannot request a token of the service account "{namespace}/{account}"'
    if not account or "/" in account or account in {".", ".."}:
        raise WaitingForUser(f"{attempt}: that is no name of one; mend the issuer")
    path = f"/api/v1/namespaces/{quote(namespace)}/serviceaccounts/{quote(account)}/token"
    spec = {"audiences": list(audiences), "expirationSeconds": LIVES_FOR}
    body = msgspec.json.encode({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
    try:
        answer = transport.request("POST", path, attempt=attempt, body=body, within=WITHIN)
        return decode(answer.body, _Answer).status.token
    except Forbidden as error:
        raise WaitingForUser(f"{error}; let the shim create serviceaccounts/token of it, by a Role there") from error
    except (NotFound, Invalid) as error:
        raise WaitingForUser(str(error)) from error
    except KubeError as error:
        raise Transient(str(error)) from error
    except msgspec.DecodeError as error:
        raise Transient(f"{attempt}: the answer has no token") from error
