"""What somebody's manifest says of an Ingress, as far as the object itself tells.

A live object does not show which of it is written in a manifest and which was filled in.  Two traces are left:

    kubectl apply, Argo CD              the annotation last-applied-configuration holds the manifest
    server-side apply, Flux, Helm 4     an entry of managedFields with operation Apply names its fields

Helm 3, `kubectl edit` and whoever puts or patches leave none, so what is asked here is always "for all that can be
seen", and silence proves nothing.  Reading costs more than judging does; it is done when something of ours is about
to change, which is seldom.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import msgspec

from certs.api.ingress import IngressTLS
from certs.api.meta import APIStruct
from certs.managed import Entry, member
from certs.mark import LAST_APPLIED

FIELD_MANAGER: Final = "certshim-ingress"  # ours: what it applied is no manifest of anybody's


class _Metadata(APIStruct, frozen=True):
    annotations: dict[str, str] | None = None


class _Spec(APIStruct, frozen=True):
    tls: tuple[IngressTLS, ...] | None = None


class _Manifest(APIStruct, frozen=True):
    metadata: _Metadata = _Metadata()
    spec: _Spec = _Spec()


class _ManagedMetadata(APIStruct, frozen=True):
    annotations: dict[str, str] | None = None
    managed_fields: tuple[Entry, ...] | None = None


class _Managed(APIStruct, frozen=True):
    metadata: _ManagedMetadata = _ManagedMetadata()


UNREADABLE: Final = (msgspec.DecodeError, UnicodeError, RecursionError)
_MANIFEST: Final = msgspec.json.Decoder(_Manifest)
_MANAGED: Final = msgspec.json.Decoder(_Managed)


@dataclass(frozen=True)
class Applied:
    """One manifest: the annotations that it has, and its `spec.tls`; None when it is known only that it has one."""

    annotations: frozenset[str] = frozenset()
    tls: tuple[IngressTLS, ...] | None = ()

    @property
    def has_tls(self) -> bool:
        """Does it write `spec.tls`?"""
        return self.tls is None or bool(self.tls)

    def has_hosts(self, secret: str) -> bool:
        """Does it write the hosts of the entry with that Secret, or may it?"""
        return self.tls is None or any(entry.hosts and entry.secret_name in {"", secret} for entry in self.tls)


def last_applied(annotations: Mapping[str, str]) -> Applied | None:
    """Return the manifest of `kubectl apply`; None where there is none that can be read."""
    text = annotations.get(LAST_APPLIED)
    if not text:
        return None
    try:
        manifest = _MANIFEST.decode(text)
    except UNREADABLE:
        return None
    return Applied(frozenset(manifest.metadata.annotations or ()), manifest.spec.tls or ())


def server_side_applied(entries: tuple[Entry, ...]) -> Mapping[str, Applied]:
    """Return the manifests of server-side apply by their managers, without our own."""
    found = {}
    for entry in entries:
        if entry.operation == "Apply" and entry.manager != FIELD_MANAGER:
            tls = None if "f:tls" in member(entry.fields_v1, "f:spec") else ()
            found[entry.manager] = Applied(entry.annotations, tls)
    return found


@dataclass(frozen=True)  # not slotted: what is read on demand is kept in __dict__
class _Version:
    """The manifests of one version of an object, read when asked for."""

    raw: msgspec.Raw

    @cached_property
    def _metadata(self) -> _ManagedMetadata:
        try:
            return _MANAGED.decode(self.raw).metadata
        except UNREADABLE:
            return _ManagedMetadata()

    @cached_property
    def last_applied(self) -> Applied | None:
        return last_applied(self._metadata.annotations or {})

    @cached_property
    def by_manager(self) -> Mapping[str, Applied]:
        return server_side_applied(self._metadata.managed_fields or ())

    @property
    def all(self) -> tuple[Applied, ...]:
        client = self.last_applied
        return (*self.by_manager.values(), *((client,) if client is not None else ()))


class Manifests:
    """The manifests of an Ingress under review, and which of them this very request is about."""

    def __init__(self, new: msgspec.Raw, old: msgspec.Raw | None = None) -> None:
        self._new = new
        self._old = old

    @cached_property
    def _now(self) -> _Version:
        return _Version(self._new)

    @cached_property
    def _before(self) -> _Version:
        return _Version(self._old if self._old is not None else msgspec.Raw())

    def has_annotation(self, key: str) -> bool:
        """Does a manifest write that annotation?"""
        return any(key in applied.annotations for applied in self._now.all)

    def has_hosts(self, secret: str) -> bool:
        """Does a manifest write the hosts of the entry with that Secret?"""
        return any(applied.has_hosts(secret) for applied in self._now.all)

    def dropped(self, key: str) -> bool:
        """Was that annotation in a manifest that has just been applied without it?"""
        now, before = self._now, self._before
        old, new = before.last_applied, now.last_applied
        if old is not None and new is not None and key in old.annotations - new.annotations:
            return True
        return any(
            key in applied.annotations and manager in now.by_manager and key not in now.by_manager[manager].annotations
            for manager, applied in before.by_manager.items()
        )


UNSEEN: Final = Manifests(msgspec.Raw(b"{}"))  # of an Ingress of which nothing but itself is known
