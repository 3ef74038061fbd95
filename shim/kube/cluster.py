"""What we follow of one API server: an informer for each kind, and a client whose answers reach their stores.

The answer of a write is in the store when the call returns, so the next observation sees it without
waiting for the watch.  An answer that the kind's selection does not cover is left to the watch.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from certs.api.meta import KubeObject
from shim.kube.informer import Informer, Pace, Selection
from shim.kube.kubeclient import KubeClient
from shim.kube.store import Store
from shim.kube.transport import Transport

ObjectT = TypeVar("ObjectT", bound=KubeObject)


class Cluster:
    """Informers, stores and client together.  With a namespace, namespaced kinds are followed only there."""

    def __init__(self, transport: Transport, *, namespace: str = "", pace: Pace | None = None) -> None:
        self.transport = transport
        self.client = KubeClient(transport, self)
        self._namespace = namespace
        self._pace = pace or Pace()
        self._informers: dict[type[KubeObject], Informer[Any]] = {}

    def follow(
        self,
        kind: type[ObjectT],
        *,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        without: Mapping[str, str] | None = None,
        namespace: str = "",
        metadata_only: bool = False,
    ) -> Store[ObjectT]:
        """Return the store of a kind that will be followed from `start` on; each kind once.

        `labels` and `fields` select by equality, `without` by inequality of fields;
        `namespace` narrows this kind alone.
        """
        if kind in self._informers:
            raise ValueError(f"{kind.__name__} is followed already")
        selection = Selection(
            namespace=(namespace or self._namespace) if kind.resource.namespaced else "",
            labels=labels or {},
            fields=fields or {},
            without=without or {},
            metadata_only=metadata_only,
        )
        informer = Informer(self.transport, kind, selection, pace=self._pace)
        self._informers[kind] = informer
        return informer.store

    def store(self, kind: type[ObjectT]) -> Store[ObjectT]:
        """Return the store of a kind that is followed; KeyError when it is not."""
        return cast("Store[ObjectT]", self._informers[kind].store)

    @property
    def namespace(self) -> str:
        """The namespace that namespaced kinds are followed in; empty: all."""
        return self._namespace

    @property
    def informers(self) -> tuple[Informer[Any], ...]:
        """All informers, for health and metrics."""
        return tuple(self._informers.values())

    @property
    def unsynced(self) -> tuple[str, ...]:
        """The kinds whose stores are not complete yet."""
        return tuple(str(informer) for informer in self._informers.values() if not informer.is_synced)

    def start(self) -> None:
        """Begin to follow every kind."""
        for informer in self._informers.values():
            informer.start()

    def wait_synced(self, timeout: float) -> bool:
        """Block until all stores are complete; False when `unsynced` ones are left after so many seconds."""
        deadline = time.monotonic() + timeout
        return all(informer.wait_synced(max(deadline - time.monotonic(), 0)) for informer in self._informers.values())

    def stop(self) -> None:
        """End all informers, together within two seconds."""
        for informer in self._informers.values():
            informer.stop_soon()
        for informer in self._informers.values():
            informer.stop()

    def offer(self, obj: KubeObject) -> None:
        """Put an object from an answer into the store of its kind, if that is followed and covers it."""
        informer = self._informers.get(type(obj))
        if informer is not None and informer.selection.covers(obj):
            informer.store.offer(obj)

    def forget(self, kind: type[KubeObject], namespace: str, name: str, uid: str) -> None:
        """Take a deleted object out of every store that may hold it (whole, or as metadata)."""
        for informer in self._informers.values():
            if informer.kind.resource == kind.resource:
                informer.store.forget(namespace, name, uid=uid)
