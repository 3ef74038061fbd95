"""JSON Patch (RFC 6902) by hand: the two operations that mutations here consist of.

`add` also replaces a member that is there, so nothing needs to be compared or tested first.
A path with a key of the user's in it would need `~0` and `~1` (RFC 6901 §3); ours have none.
"""

from __future__ import annotations

import msgspec


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
