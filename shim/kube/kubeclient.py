"""The client of `shim.kube.client`, over the transport: one request a call, answers into the stores.

Names come from users' objects (`secretName: ../…`), and an empty one would turn the deletion of an
object into the deletion of a collection; so a name that is not one path segment never leaves here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from certs.api.meta import KubeObject, Resource, encode
from certs.decoders import decode
from certs.patch import Operation
from shim.kube.errors import Invalid, KubeError, NotFound, Unavailable
from shim.kube.transport import ANSWER_WITHIN, APPLY_PATCH, JSON, JSON_PATCH, MERGE_PATCH, Transport
from shim.kube.wire import KindDecoder

ObjectT = TypeVar("ObjectT", bound=KubeObject)
AnyT = TypeVar("AnyT")

_PAGE: Final = "500"
_NOT_NAMES: Final = ("", ".", "..")


class Stores(Protocol):
    """Where answers go; `shim.kube.cluster.Cluster` is one."""

    def offer(self, obj: KubeObject) -> None:
        """Take an object as the API server has it."""

    def forget(self, kind: type[KubeObject], namespace: str, name: str, uid: str) -> None:
        """Take away an object that is gone for good."""


class KubeClient:
    """Implements `Client`.  Without stores, answers are only returned."""

    def __init__(
        self,
        transport: Transport,
        stores: Stores | None = None,
        *,
        within: float = ANSWER_WITHIN,
        may_write: Callable[[], bool] | None = None,
    ) -> None:
        self._transport = transport
        self._stores = stores
        self._within = within
        self._may_write = may_write

    def within(self, seconds: float) -> KubeClient:
        """Return the same client with another deadline for each request."""
        return KubeClient(self._transport, self._stores, within=seconds, may_write=self._may_write)

    def fenced(self, may_write: Callable[[], bool]) -> KubeClient:
        """Return the same client, which refuses with Unavailable to send a write while `may_write` says no."""
        return KubeClient(self._transport, self._stores, within=self._within, may_write=may_write)

    def get(self, kind: type[ObjectT], namespace: str, name: str) -> ObjectT:
        """Read one object; NotFound when it is not there."""
        target = _Target(kind.resource, namespace, name)
        return self._offered(_decoded(kind, self._send("GET", "read", target), target))

    def list(
        self, kind: type[ObjectT], namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> tuple[ObjectT, ...]:
        """Read all objects of a namespace (empty: of all) that the selectors match; KubeError for an unreadable one.

        For commands: whoever needs them again and again follows them (`shim.kube.cluster`).
        """
        target, decoder = _Target(kind.resource, namespace, "*"), KindDecoder(kind)
        path = kind.resource.path(quote(namespace, safe=""))
        query = {"limit": _PAGE, "labelSelector": labels, "fieldSelector": fields}
        found: list[ObjectT] = []
        while True:
            attempt = f"cannot list {target}"
            wanted = {name: value for name, value in query.items() if value}
            body = self._transport.request("GET", path, attempt=attempt, query=wanted, within=self._within).body
            try:
                page = decoder.page(body)
            except msgspec.DecodeError as error:
                raise KubeError(f"{attempt}: the answer is no list: {error}") from error
            if page.unreadable:
                bad = page.unreadable[0]
                raise KubeError(f"cannot read {target.resource.kind} {bad.metadata.name}: {bad.error}")
            found += page.objects
            if not page.metadata.next:
                return tuple(found)
            query["continue"] = page.metadata.next

    def create(self, obj: ObjectT, *, field_manager: str) -> ObjectT:
        """Create it; AlreadyExists when one of that name is there.  With `generate_name` the server names it."""
        return self._write(obj, "POST", "create", query={"fieldManager": field_manager})

    def apply(self, obj: KubeObject, *, field_manager: str, force: bool = True) -> KubeObject:
        """Server-side apply exactly the fields given; others' fields survive."""
        query = {"fieldManager": field_manager, "force": "true" if force else "false"}
        return self._write(obj, "PATCH", "apply", query=query, content_type=APPLY_PATCH)

    def update_status(self, obj: ObjectT, *, field_manager: str) -> ObjectT:
        """Replace the status (PUT …/status); Conflict unless `metadata.resourceVersion` is the current one."""
        query = {"fieldManager": field_manager}
        return self._write(obj, "PUT", "update the status of", query=query, subresource="status")

    def patch(
        self, kind: type[ObjectT], namespace: str, name: str, patch: Mapping[str, object], *, field_manager: str = ""
    ) -> ObjectT:
        """JSON merge patch; with a `metadata.resourceVersion` in it, Conflict unless that is the current one.

        Without a field manager the server calls us by our user agent, `certshim`.
        """
        target = _Target(kind.resource, namespace, name)
        query = {"fieldManager": field_manager} if field_manager else {}
        body = self._send(
            "PATCH", "patch", target, query=query, body=msgspec.json.encode(patch), content_type=MERGE_PATCH
        )
        return self._offered(_decoded(kind, body, target))

    def json_patch(
        self, kind: type[ObjectT], namespace: str, name: str, operations: Sequence[Operation], *, field_manager: str
    ) -> ObjectT:
        """JSON patch, RFC 6902; Conflict when it replaces `/metadata/resourceVersion` by one that is not current."""
        target = _Target(kind.resource, namespace, name)
        body = self._send(
            "PATCH",
            "patch",
            target,
            query={"fieldManager": field_manager},
            body=msgspec.json.encode(operations),
            content_type=JSON_PATCH,
        )
        return self._offered(_decoded(kind, body, target))

    def delete(
        self, kind: type[KubeObject], namespace: str, name: str, *, uid: str = "", resource_version: str = ""
    ) -> None:
        """Delete it, only if it has that uid (and version) when one is given; a missing object is no error.

        Conflict when the object there is another one.  Dependents are deleted in the background.
        """
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {field: value for field, value in preconditions.items() if value},
        }
        target = _Target(kind.resource, namespace, name)
        try:
            body = self._send("DELETE", "delete", target, body=msgspec.json.encode(options))
        except NotFound:
            if uid and self._stores is not None:  # the watch lags, and would have us delete it again
                self._stores.forget(kind, namespace, name, uid)
            return
        self._take_deletion(kind, target, body)

    def _take_deletion(self, kind: type[KubeObject], target: _Target, body: bytes) -> None:
        """Forget the object if it is gone; it stays, marked, while it has finalizers or a grace period."""
        answer = _decoded(_Deletion, body, target)
        uid = answer.details.uid if answer.kind == "Status" else answer.metadata.uid
        if answer.metadata.finalizers or answer.metadata.deletion_grace_period_seconds:
            self._offered(_decoded(kind, body, target))
        elif uid and self._stores is not None:
            self._stores.forget(kind, target.namespace, target.name, uid)

    def _write(
        self,
        obj: ObjectT,
        method: str,
        verb: str,
        *,
        query: Mapping[str, str],
        content_type: str = JSON,
        subresource: str = "",
    ) -> ObjectT:
        meta = obj.metadata
        target = _Target(obj.resource, meta.namespace, meta.name or f"{meta.generate_name}*", subresource)
        body = self._send(method, verb, target, query=query, body=encode(obj), content_type=content_type)
        return self._offered(_decoded(type(obj), body, target))

    def _send(
        self,
        method: str,
        verb: str,
        target: _Target,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
    ) -> bytes:
        attempt = f"cannot {verb} {target}"
        path = target.path(attempt, collection=method == "POST")
        if method != "GET" and self._may_write is not None and not self._may_write():
            raise Unavailable(f"{attempt}: this process does not hold the lease any more; another goes on")
        return self._transport.request(
            method, path, attempt=attempt, query=query, body=body, content_type=content_type, within=self._within
        ).body

    def _offered(self, obj: ObjectT) -> ObjectT:
        if self._stores is not None:
            self._stores.offer(obj)
        return obj


@dataclass(frozen=True, slots=True)
class _Target:
    """What a request is about."""

    resource: Resource
    namespace: str
    name: str
    subresource: str = ""

    def __str__(self) -> str:
        name = f"{self.namespace}/{self.name}" if self.resource.namespaced else self.name
        return f"{self.resource.kind} {name}"

    def path(self, attempt: str, *, collection: bool) -> str:
        """Return the URL path; Invalid when a name in it is none."""
        names = [self.name, self.namespace] if self.resource.namespaced else [self.name]
        if any(name in _NOT_NAMES or "/" in name for name in names):
            raise Invalid(f"{attempt}: both name and namespace must be names", reason="Invalid")
        namespace, name = quote(self.namespace, safe=""), quote(self.name, safe="")
        return self.resource.path(namespace, "" if collection else name, self.subresource)


class _Details(msgspec.Struct, frozen=True):
    uid: str = ""


class _DeletedMeta(msgspec.Struct, frozen=True, rename="camel"):
    uid: str = ""
    finalizers: tuple[str, ...] = ()
    deletion_grace_period_seconds: int = 0


class _Deletion(msgspec.Struct):
    """The answer of a deletion: a Status with details, or the object."""

    kind: str = ""
    details: _Details = _Details()
    metadata: _DeletedMeta = _DeletedMeta()


def _decoded(kind: type[AnyT], body: bytes, target: _Target) -> AnyT:
    try:
        return decode(body, kind)
    except msgspec.DecodeError as error:
        raise KubeError(f"cannot read the answer about {target}: {error}") from error
