"""What our field manager owns of a Secret, out of `metadata.managedFields`.

What we once wrote and do not want any more can be told from what others wrote by that alone.  Of all entries only our
manager's is read, and of it only names: nothing of it is ever sent.  The Secrets of a cluster
are much alike, so each set of names is kept once.

The format is that of Kubernetes' structured-merge-diff ("FieldsV1"): `f:` is a field or a key, `k:` an item of a list
by its keys, `.` the thing itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec

SECRET_MANAGER: Final = "cert-manager-certificates-issuing"  # noqa: S105  a name, and the API's
_KEPT: Final = 512  # sets of names, about a kilobyte each with their text
_LONGEST_KEPT: Final = 4096  # characters of text; ours have 600, and the sender chooses


@dataclass(frozen=True, slots=True)
class Owned:
    """Names of what an apply by our manager that leaves them out takes away."""

    annotations: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()  # uids
    data: tuple[str, ...] = ()


NOTHING: Final = Owned()


class ManagedFields(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """One entry; its fields stay raw."""

    manager: str = ""
    operation: str = ""
    fields_v1: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="fieldsV1")


class _Key(msgspec.Struct, frozen=True, gc=False):
    """Whatever stands under a name."""


_Names = dict[str, _Key]


class _Metadata(msgspec.Struct, frozen=True):
    annotations: _Names = msgspec.field(default_factory=dict, name="f:annotations")
    labels: _Names = msgspec.field(default_factory=dict, name="f:labels")
    owners: _Names = msgspec.field(default_factory=dict, name="f:ownerReferences")


class _Fields(msgspec.Struct, frozen=True):
    metadata: _Metadata = msgspec.field(default=_Metadata(), name="f:metadata")
    data: _Names = msgspec.field(default_factory=dict, name="f:data")


class _Item(msgspec.Struct, frozen=True):
    uid: str = ""


_FIELDS: Final = msgspec.json.Decoder(_Fields)
_ITEM: Final = msgspec.json.Decoder(_Item)


def owned_by_us(entries: Iterable[ManagedFields]) -> Owned:
    """Return what our manager has applied.

    Only applies count: what a manager of our name wrote by an update does not go by being left out.
    An entry that cannot be read counts as none, as the API's controllers have it.
    """
    for entry in entries:
        if entry.manager == SECRET_MANAGER and entry.operation == "Apply":
            fields = bytes(entry.fields_v1)
            return _kept(fields) if len(fields) <= _LONGEST_KEPT else _owned(fields)
    return NOTHING


@lru_cache(maxsize=_KEPT)
def _kept(fields: bytes) -> Owned:
    return _owned(fields)


def _owned(fields: bytes) -> Owned:
    try:
        read = _FIELDS.decode(fields)
        owners = tuple(_ITEM.decode(name[2:]).uid for name in read.metadata.owners if name.startswith("k:"))
    except msgspec.DecodeError:
        return NOTHING
    metadata = read.metadata
    return Owned(_names(metadata.annotations), _names(metadata.labels), owners, _names(read.data))


def _names(fields: _Names) -> tuple[str, ...]:
    return tuple(sys.intern(name[2:]) for name in fields if name.startswith("f:"))
