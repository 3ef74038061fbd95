"""The typed client: the few verbs we use, each one request with a deadline, each answer typed.

The answer of every write and of every read goes straight into the store of its kind (`stores`), so that the
next `observe` sees it without waiting for the watch; the store keeps whichever is newer.  So who is refused with
AlreadyExists reads the object, and goes on with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from certs.api.meta import KubeObject
from certs.patch import Operation

ObjectT = TypeVar("ObjectT", bound=KubeObject)


class Client(Protocol):
    """What controllers need of the API server.  Every method blocks, at most for its deadline, and raises KubeError."""

    def get(self, kind: type[ObjectT], namespace: str, name: str) -> ObjectT:
        """Read one object; NotFound when it is not there."""

    def create(self, obj: ObjectT, *, field_manager: str) -> ObjectT:
        """Create it; AlreadyExists when one of that name is there."""

    def apply(self, obj: KubeObject, *, field_manager: str, force: bool = True) -> KubeObject:
        """Server-side apply exactly the fields given; others' fields survive."""

    def update_status(self, obj: ObjectT, *, field_manager: str) -> ObjectT:
        """Replace the status (PUT …/status); Conflict unless `metadata.resourceVersion` is the current one."""

    def patch(
        self, kind: type[ObjectT], namespace: str, name: str, patch: Mapping[str, object], *, field_manager: str = ""
    ) -> ObjectT:
        """JSON merge patch."""

    def json_patch(
        self, kind: type[ObjectT], namespace: str, name: str, operations: Sequence[Operation], *, field_manager: str
    ) -> ObjectT:
        """JSON patch, RFC 6902; Conflict when it replaces `/metadata/resourceVersion` by one that is not current."""

    def delete(self, kind: type[KubeObject], namespace: str, name: str, *, uid: str = "") -> None:
        """Delete it, only if it has that uid when one is given; a missing object is no error."""
