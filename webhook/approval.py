"""Asks the API server who may approve: by discovery what the kind of the issuer is, by a SubjectAccessReview the rest.

The only thing for which a review waits for the network, so it runs on a thread of its own and never on the event
loop (`webhook.lookups`), and is over before the API server stops waiting for us.  What was found out is remembered:
that a kind exists for good, that a group has no such kind for half a minute, a permission for a second.
An API server that does not answer is a reason to refuse: nobody approves because we could not look.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

import msgspec

from certs.decoders import decode
from certs.names import is_subdomain
from certs.problems import Path, Problem, ProblemType
from certs.rules.approval import GROUP, RESOURCE, VERB, Question, Signer, not_permitted, signer_names, unknown_signer
from shim.kube.errors import KubeError, NotFound, Unavailable
from shim.kube.transport import Transport

WITHIN: Final = 2.0  # seconds for each request; a question has a deadline for all of its own
UNKNOWN_FOR: Final = 30.0
PERMITTED_FOR: Final = 1.0
REMEMBERED: Final = 1024
OWN: Final = {
    "Issuer": Signer("issuers", GROUP, namespaced=True),
    "ClusterIssuer": Signer("clusterissuers", GROUP, namespaced=False),
}

ValueT = TypeVar("ValueT")


class _Resource(msgspec.Struct, frozen=True):
    name: str
    kind: str
    namespaced: bool = False


class _Resources(msgspec.Struct, frozen=True):
    resources: tuple[_Resource, ...] = ()


class _Version(msgspec.Struct, frozen=True, rename={"group_version": "groupVersion"}):
    group_version: str


class _Group(msgspec.Struct, frozen=True):
    versions: tuple[_Version, ...] = ()


class _Answer(msgspec.Struct, frozen=True):
    allowed: bool = False


class _Review(msgspec.Struct, frozen=True):
    status: _Answer = _Answer()


class _Memory(Generic[ValueT]):
    """Remembers a bounded number of answers, each until its moment."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, ValueT]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> ValueT | None:
        """Return what is remembered and still holds, or None."""
        with self._lock:
            found = self._kept.get(key)
        return found[1] if found is not None and self._clock() < found[0] else None

    def keep(self, key: Hashable, value: ValueT, seconds: float) -> ValueT:
        """Remember it for so long, and return it."""
        with self._lock:
            self._kept[key] = (self._clock() + seconds, value)
            self._kept.move_to_end(key)
            if len(self._kept) > REMEMBERED:
                self._kept.popitem(last=False)
        return value


class Approver:
    """Answers questions; thread-safe, blocking for some seconds at most."""

    def __init__(self, transport: Transport, clock: Callable[[], float] = time.monotonic) -> None:
        self._transport = transport
        self._clock = clock
        self._signers: _Memory[Signer | str] = _Memory(clock)
        self._permissions: _Memory[bool] = _Memory(clock)

    def answer(self, question: Question, deadline: float) -> Problem | None:
        """Return why the requester may not approve or deny, or None when it may; `deadline` is of the same clock."""
        try:
            signer = self._signer(question, deadline)
            if signer is None:
                return unknown_signer(question)
            if any(self._is_permitted(question, name, deadline) for name in signer_names(signer, question)):
                return None
        except KubeError as error:
            return Problem(Path("status") / "conditions", ProblemType.FORBIDDEN, str(error), remedy="try again")
        return not_permitted(question)

    def _signer(self, question: Question, deadline: float) -> Signer | None:
        group, kind = question.issuer.effective_group, question.issuer.effective_kind
        if group == GROUP and kind in OWN:
            return OWN[kind]
        if not is_subdomain(group):  # so there is no such group, and the path of a request is nobody's to choose
            return None
        found = self._signers.get((group, kind))
        if found is None:
            found = self._discovered(group, kind, deadline)
        return found if isinstance(found, Signer) else None

    def _discovered(self, group: str, kind: str, deadline: float) -> Signer | str:
        """Return how the kind is addressed; text when there is none, which is remembered only of groups that exist."""
        attempt = f"cannot look up the kind {kind} of {group}, to know who may approve for it"
        try:
            versions = self._asked(_Group, attempt, deadline, "GET", f"/apis/{group}").versions
        except NotFound:
            return "no such group"
        for version in versions:
            path = f"/apis/{version.group_version}"
            for resource in self._asked(_Resources, attempt, deadline, "GET", path).resources:
                if resource.kind == kind:
                    signer = Signer(resource.name, group, resource.namespaced)
                    return self._signers.keep((group, kind), signer, float("inf"))
        return self._signers.keep((group, kind), "no such kind", UNKNOWN_FOR)

    def _is_permitted(self, question: Question, name: str, deadline: float) -> bool:
        user = question.user
        key = (user.username, user.uid, user.groups, tuple(sorted(user.extra.items())), name)
        known = self._permissions.get(key)
        if known is not None:
            return known
        attributes = {"verb": VERB, "group": GROUP, "version": "*", "resource": RESOURCE, "name": name}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": user.username,
                "uid": user.uid,
                "groups": user.groups,
                "extra": user.extra,
                "resourceAttributes": attributes,
            },
        }
        attempt = f"cannot ask whether {user.username} may approve for {name}"
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        allowed = self._asked(_Review, attempt, deadline, "POST", path, msgspec.json.encode(body)).status.allowed
        return self._permissions.keep(key, allowed, PERMITTED_FOR)

    def _asked(
        self, kind: type[ValueT], attempt: str, deadline: float, method: str, path: str, body: bytes | None = None
    ) -> ValueT:
        """Return the API server's answer; raises KubeError, at the deadline at the latest."""
        left = deadline - self._clock()
        if left <= 0:
            raise Unavailable(f"{attempt}: the API server does not answer in time")
        answer = self._transport.request(method, path, attempt=attempt, body=body, within=min(WITHIN, left))
        try:
            return decode(answer.body, kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise KubeError(f"{attempt}: the answer cannot be read: {error}") from error
