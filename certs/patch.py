"""JSON Patch (RFC 6902) by hand: the two operations that mutations here consist of; and merge patches (RFC 7396).

`add` also replaces a member that is there, so nothing needs to be compared or tested first.
A key of the user's within a path is written by `pointer`, which escapes it (RFC 6901 §3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

ANNOTATIONS: Final = "/metadata/annotations"


class Operation(msgspec.Struct, frozen=True, gc=False):
    """One operation."""

    op: str
    path: str
    value: object = msgspec.UNSET


def add(path: str, value: object) -> Operation:
    """Set the member, whether it is there or not; its parent must be there."""
    return Operation("add", path, value)


def remove(path: str) -> Operation:
    """Remove the member, which must be there."""
    return Operation("remove", path)


def pointer(parent: str, key: str) -> str:
    """Return the path of a member of any name.

    >>> pointer("/metadata/annotations", "cert-manager.io/issuer")
    '/metadata/annotations/cert-manager.io~1issuer'
    """
    return f"{parent}/{key.replace('~', '~0').replace('/', '~1')}"


def annotated(existing: Mapping[str, str], changes: Mapping[str, str | None]) -> Iterator[Operation]:
    """Yield what makes the annotations so: the values to set, None for keys to remove.

    The map itself is set where there is none: absent, null and empty look the same from here, and `add` replaces
    each of them.
    """
    wanted = {key: value for key, value in changes.items() if value is not None}
    if not existing:
        if wanted:
            yield add(ANNOTATIONS, wanted)
        return
    for key, value in changes.items():
        if value is None and key in existing:
            yield remove(pointer(ANNOTATIONS, key))
        elif value is not None and existing.get(key) != value:
            yield add(pointer(ANNOTATIONS, key), value)


def merging(old: Mapping[str, object], new: Mapping[str, object]) -> dict[str, object]:
    """Return the merge patch that makes an object of plain values equal to another one.

    >>> merging({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": 1}, "d": [1, 2]})
    {'a': {'c': None, 'b': 1}, 'd': [1, 2]}
    """
    patch: dict[str, object] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        patch[key] = merging(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return patch
