"""Solvers that run elsewhere, as aggregated APIs: the protocol that cert-manager's third-party webhooks speak.

A solver is a resource of an API group of its own.  Each value is one POST of a ChallengePayload to it, through the API
server, which knows the way, authenticates both sides, and lets RBAC decide who may ask.  A solver is told one
value at a time; whether it keeps foreign ones is up to it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from certs.api.issuer import DNS01Webhook
from certs.decide.effects import one_line
from certs.decoders import decode
from certs.outcomes import RateLimited, Transient, Unwatched, WaitingForUser
from shim.kube.errors import Forbidden, Invalid, KubeError, NotFound
from shim.kube.transport import Transport
from shim.solvers.dns01 import Change

VERSION: Final = "v1alpha1"
# The solver asks its own vendor before it answers.
WITHIN: Final = 10.0


class _Status(msgspec.Struct, frozen=True):
    message: str = ""
    reason: str = ""


class _Response(msgspec.Struct, frozen=True):
    success: bool = False
    status: _Status | None = None


class _Payload(msgspec.Struct, frozen=True):
    response: _Response | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """One solver, for one name.  `namespace` is where the Secrets are that its configuration names."""

    transport: Transport
    solver: DNS01Webhook
    dns_name: str
    namespace: str
    ambient: bool
    within: float = WITHIN

    def change(self, change: Change) -> None:
        """One request a value; see `DNSWriter`."""
        for value in sorted(change.remove):
            self._post("CleanUp", change, value)
        for value in sorted(change.add):
            self._post("Present", change, value)

    def _post(self, action: Literal["Present", "CleanUp"], change: Change, value: str) -> None:
        group, name = self.solver.group_name, self.solver.solver_name
        attempt = f'cannot have {change.name} changed by the webhook solver "{name}" of {group}'
        for part in (group, name):
            # They are segments of a path, and nothing else must become one.
            if not part or part.strip(".") == "" or not set(part.lower()) <= _SEGMENT:
                raise WaitingForUser(f'{attempt}: "{part}" is no name of an API group or resource; mend the issuer')
        payload = {
            "apiVersion": f"webhook.acme.cert-manager.io/{VERSION}",
            "kind": "ChallengePayload",
            "request": self._request(action, change, value),
        }
        path = f"/apis/{group}/{VERSION}/{name}"
        try:
            answer = self.transport.request(
                "POST", path, attempt=attempt, body=msgspec.json.encode(payload), within=self.within
            )
        except KubeError as error:
            raise _failure(error, group, name) from error
        self._judge(attempt, change, answer.body)

    def _request(self, action: str, change: Change, value: str) -> dict[str, Any]:
        config = {} if self.solver.config is None else {"config": self.solver.config}
        return {
            "uid": str(uuid.uuid4()),
            "action": action,
            "type": "dns-01",
            "dnsName": self.dns_name,
            "key": value,
            "resourceNamespace": self.namespace,
            "resolvedFQDN": f"{change.name}.",
            "resolvedZone": f"{change.zone}.",
            "allowAmbientCredentials": self.ambient,
            **config,
        }

    def _judge(self, attempt: str, change: Change, body: bytes) -> None:
        """Raise what the solver says went wrong; it has no classes, so all of it may pass."""
        try:
            response = decode(body, _Payload).response
        except msgspec.DecodeError as error:
            raise Transient(f"{attempt}: it answered with what is no ChallengePayload") from error
        if response is None:
            raise Transient(f"{attempt}: its answer has no response")
        if response.success:
            return
        status = response.status or _Status()
        said = one_line(status.message or status.reason or "it failed without a reason", 256)
        sentence = f"{attempt}, in zone {change.zone}: {said}"
        raise (WaitingForUser if status.reason in _USERS else Transient)(sentence)


_SEGMENT: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_")
# Kubernetes API conventions, "Response Status Kind": these do not pass by themselves.
_USERS: Final = frozenset(("Unauthorized", "Forbidden", "NotFound", "Invalid", "BadRequest"))


def _failure(error: KubeError, group: str, name: str) -> Transient | RateLimited | WaitingForUser:
    match error:
        case Forbidden():
            return Unwatched(f"{error}; allow the shim's service account to create {name} in {group}")
        case NotFound():
            return Unwatched(f"{error}; install the solver, whose APIService serves {VERSION}.{group}")
        case Invalid():
            return WaitingForUser(str(error))
        case _ if error.code == 429 and error.retry_after:
            return RateLimited(str(error), until=datetime.now(UTC) + timedelta(seconds=error.retry_after))
        case _:
            return Transient(str(error))
