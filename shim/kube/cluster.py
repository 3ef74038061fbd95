"""What we follow of one API server: an informer for each kind, and a client whose answers reach their stores.

The answer of a write is in the store when the call returns, so the next observation sees it without
waiting for the watch.  An answer that the kind's selection does not cover is left to the watch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from certs.api.meta import KubeObject
from shim.kube.informer import Informer, Pace, Selection
from shim.kube.kubeclient import KubeClient
from shim.kube.presence import Presence
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
        self._on_demand: set[type[KubeObject]] = set()
        self._dormant: set[type[KubeObject]] = set()  # of those, the ones that nobody has asked for
        self._turn = threading.Lock()

    def follow(
        self,
        kind: type[ObjectT],
        *,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        without: Mapping[str, str] | None = None,
        namespace: str = "",
        metadata_only: bool = False,
        on_demand: bool = False,
        presence: Presence | None = None,
        discovering: bool = False,
    ) -> Store[ObjectT]:
        """Return the store of a kind that will be followed from `start` on; each kind once.

        On demand: not before somebody asks (`demand`), and nobody else waits for it to be complete.
        `labels` and `fields` select by equality, `without` by inequality of fields;
        `namespace` narrows this kind alone.  A kind that a cluster need not have comes with a `presence`, which is
        told whether it is there; `discovering`: discovery is asked before any list is.
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
        informer = Informer(
            self.transport, kind, selection, pace=self._pace, presence=presence, discovering=discovering
        )
        self._informers[kind] = informer
        if on_demand:
            self._on_demand.add(kind)
            self._dormant.add(kind)
        return informer.store

    def demand(self, kind: type[KubeObject], within: float = 0.0) -> bool:
        """Have a kind followed from now on; return whether its store is complete, within so many seconds."""
        informer = self._informers[kind]
        with self._turn:
            if kind in self._dormant:
                self._dormant.remove(kind)
                informer.start()
        return informer.wait_synced(within) if within else informer.is_synced

    def store(self, kind: type[ObjectT]) -> Store[ObjectT]:
        """Return the store of a kind that is followed; KeyError when it is not."""
        return cast("Store[ObjectT]", self._informers[kind].store)

    @property
    def namespace(self) -> str:
        """The namespace that namespaced kinds are followed in; empty: all."""
        return self._namespace

    @property
    def informers(self) -> tuple[Informer[Any], ...]:
        """All informers that are at work, for health and metrics."""
        return tuple(informer for kind, informer in self._informers.items() if kind not in self._dormant)

    @property
    def unsynced(self) -> tuple[str, ...]:
        """The kinds whose stores are not complete yet, and must be."""
        return tuple(str(informer) for informer in self._essential if not informer.is_synced)

    @property
    def failing(self) -> tuple[str, ...]:
        """The kinds whose last list or watch failed: their stores answer with what they had."""
        return tuple(str(informer) for informer in self.informers if informer.is_failing)

    @property
    def behind(self) -> tuple[str, ...]:
        """The kinds that could be followed and are not at this moment."""
        return tuple(str(informer) for informer in self._essential if informer.is_behind)

    @property
    def _essential(self) -> tuple[Informer[Any], ...]:
        return tuple(informer for kind, informer in self._informers.items() if kind not in self._on_demand)

    def start(self) -> None:
        """Begin to follow every kind that is not followed on demand."""
        for informer in self._essential:
            informer.start()

    def wait_synced(self, timeout: float) -> bool:
        """Block until all stores are complete; False when `unsynced` ones are left after so many seconds."""
        deadline = time.monotonic() + timeout
        return all(informer.wait_synced(max(deadline - time.monotonic(), 0)) for informer in self._essential)

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
