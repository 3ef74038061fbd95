"""What an API server keeps: objects with ever-growing versions, and the events since the last compaction.

Just enough of the semantics for wire tests: preconditions, finalizers, merge patch (apply is one here),
pages from a snapshot.  No validation, no selectors, no admission; the real server is for those.
"""

from __future__ import annotations

import copy
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Plain = dict[str, Any]
Collection = tuple[str, str]  # apiVersion, plural
Key = tuple[str, str]


class Refused(Exception):
    """The request is answered with a Status."""

    def __init__(self, code: int, reason: str, message: str = "", *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message or reason)
        self.code = code
        self.reason = reason
        self.headers = dict(headers or {})

    @property
    def status(self) -> Plain:
        """The Status object."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "message": str(self),
            "reason": self.reason,
            "code": self.code,
        }


@dataclass
class History:
    """Objects of all collections, one counter of versions."""

    version: int = 100
    floor: int = 0  # watches from below are refused
    objects: dict[Collection, dict[Key, Plain]] = field(default_factory=dict)
    events: list[tuple[int, Collection, str, Plain]] = field(default_factory=list)
    snapshots: dict[str, list[Plain]] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def get(self, collection: Collection, key: Key) -> Plain:
        """Return the object or refuse with 404."""
        try:
            return self.objects[collection][key]
        except KeyError:
            raise Refused(404, "NotFound", f'{collection[1]} "{key[1]}" not found') from None

    def create(self, collection: Collection, obj: Plain) -> Plain:
        """Store a new object under its name (or a generated one)."""
        meta = obj["metadata"]
        meta.setdefault("name", f"{meta.get('generateName', '')}{uuid.uuid4().hex[:5]}")
        key = (meta.get("namespace", ""), meta["name"])
        if key in self.objects.get(collection, {}):
            raise Refused(409, "AlreadyExists", f'{collection[1]} "{key[1]}" already exists')
        meta["uid"] = meta.get("uid") or str(uuid.uuid4())
        return self.put(collection, obj, "ADDED")

    def merge(self, collection: Collection, key: Key, patch: Plain) -> Plain:
        """Merge a patch into the object, if its version still is the one that the patch names."""
        old = self.get(collection, key)
        self.demand_version(old, patch.get("metadata", {}).get("resourceVersion"))
        return self.put(collection, merged(old, patch), "MODIFIED")

    def put(self, collection: Collection, obj: Plain, change: str) -> Plain:
        """Store the object with the next version and tell the watchers."""
        with self.changed:
            self.version += 1
            stored = copy.deepcopy(obj)
            stored["metadata"]["resourceVersion"] = str(self.version)
            key = (stored["metadata"].get("namespace", ""), stored["metadata"]["name"])
            if change == "DELETED":
                self.objects[collection].pop(key, None)
            else:
                self.objects.setdefault(collection, {})[key] = stored
            self.events.append((self.version, collection, change, stored))
            self.changed.notify_all()
            return stored

    def delete(self, collection: Collection, key: Key, preconditions: Mapping[str, str]) -> Plain:
        """Delete the object, or mark it when it has finalizers; the answer is what the server would say."""
        obj = self.get(collection, key)
        meta = obj["metadata"]
        if preconditions.get("uid", meta["uid"]) != meta["uid"]:
            raise Refused(409, "Conflict", "Precondition failed: UID in precondition")
        self.demand_version(obj, preconditions.get("resourceVersion"))
        if meta.get("finalizers"):
            mark = {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0}}
            return self.put(collection, merged(obj, mark), "MODIFIED")
        self.put(collection, obj, "DELETED")
        return {"kind": "Status", "apiVersion": "v1", "status": "Success", "details": {"uid": meta["uid"]}}

    def page(self, collection: Collection, namespace: str, limit: int, token: str) -> Plain:
        """Return one page of a list; pages of one list come from one snapshot."""
        with self.changed:
            version, _, begin = (token or f"{self.version}:0").partition(":")
            if not token:
                everything = self.objects.get(collection, {}).items()
                self.snapshots[version] = [obj for key, obj in sorted(everything) if namespace in ("", key[0])]
            if version not in self.snapshots:
                raise Refused(410, "Expired", "The provided continue parameter is too old")
            rest = self.snapshots[version][int(begin) :]
            meta = {"resourceVersion": version}
            if limit and len(rest) > limit:
                meta["continue"] = f"{version}:{int(begin) + limit}"
            return {"kind": "List", "apiVersion": "v1", "metadata": meta, "items": rest[: limit or None]}

    def compact(self) -> None:
        """Forget the past: watches and pages from before now are answered with 410."""
        with self.changed:
            self.floor = self.version
            self.events.clear()
            self.snapshots.clear()

    def demand_version(self, obj: Plain, version: str | None) -> None:
        """Refuse with Conflict if a version is given and not the object's."""
        if version and version != obj["metadata"]["resourceVersion"]:
            raise Refused(409, "Conflict", "the object has been modified")


def merged(old: Any, patch: Any) -> Any:
    """Return the JSON merge patch of two values, RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
