"""Who wrote what of an object, as far as `metadata.managedFields` tells (Kubernetes, "Server-Side Apply").

Objects are decoded without it (`certs.api.meta`), since nearly nobody asks and it is the greater part of many of
them.  Whoever must know reads the object once more, as one of the kinds below.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import msgspec

from certs.api.certificate import Certificate
from certs.api.meta import APIStruct, ObjectMeta, Resource


class Entry(APIStruct, frozen=True):
    """What one manager wrote by one kind of operation, `Apply` or `Update`; fields are keys that begin with `f:`."""

    manager: str = ""
    operation: str = ""
    fields_v1: dict[str, Any] = msgspec.field(default={}, name="fieldsV1")

    @property
    def annotations(self) -> frozenset[str]:
        """The keys of the annotations among it."""
        keys = member(member(self.fields_v1, "f:metadata"), "f:annotations")
        return frozenset(key.removeprefix("f:") for key in keys if key.startswith("f:"))


class ManagedMeta(ObjectMeta, frozen=True):
    """Metadata with its managers."""

    managed_fields: tuple[Entry, ...] = ()


class ManagedCertificate(APIStruct, frozen=True):
    """A Certificate, of which only the metadata is looked at."""

    resource: ClassVar[Resource] = Certificate.resource

    metadata: ManagedMeta = ManagedMeta()


def member(fields: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return what is within that field; nothing where there is nothing within it."""
    found = fields.get(key)
    return found if isinstance(found, dict) else {}


def only_by(manager: str, entries: Iterable[Entry]) -> frozenset[str]:
    """Return the annotations that this manager wrote, whichever way, and nobody else did."""
    own: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    for entry in entries:
        if entry.manager == manager:
            own |= entry.annotations
        else:
            others |= entry.annotations
    return own - others
