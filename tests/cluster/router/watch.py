"""List and watch one kind, plainly: every interruption is answered by a new list.

That costs more than resuming would, and it cannot be wrong; the kit has few objects.  (The product's informer is the
opposite; this one is kept independent of it.)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Generic, TypeVar

import msgspec
import requests

from tests.cluster.access import API, APIFailure
from tests.cluster.router.objects import EndpointSlice, HTTPRoute, Ingress, IngressClass, Secret, Service

ObjectT = TypeVar("ObjectT", Ingress, IngressClass, Service, EndpointSlice, Secret, HTTPRoute)

_PAUSE = 0.2  # seconds before the next list: an API server that restarts is back in seconds


class Watch(Generic[ObjectT]):
    """The objects of one kind, kept current by `run` in a thread of its own.

    One that is `optional` has none for as long as the API server does not serve the kind.
    """

    def __init__(
        self, api: API, path: str, kind: type[ObjectT], changed: Callable[[], None], *, optional: bool = False
    ) -> None:
        self._api = api
        self._path = path
        self._kind: type[ObjectT] = kind
        self._changed = changed
        self._optional = optional
        self._objects: dict[tuple[str, str], ObjectT] = {}
        self.synced = False

    def objects(self) -> tuple[ObjectT, ...]:
        """Return the objects as they are now."""
        return tuple(self._objects.values())

    def run(self) -> None:
        """List and watch, for ever."""
        while True:
            try:
                self._watch(self._list())
            except APIFailure as error:
                if self._optional and error.code == HTTPStatus.NOT_FOUND:
                    self._take_absence()
                else:
                    print(f"{self._path}: {error}", flush=True)
            except requests.RequestException as error:
                print(f"{self._path}: {error}", flush=True)
            time.sleep(_PAUSE)

    def _take_absence(self) -> None:
        had_any, self._objects, self.synced = bool(self._objects), {}, True
        if had_any:
            self._changed()

    def _list(self) -> str:
        answer = self._api.get(self._path)
        listed = [msgspec.convert(item, self._kind) for item in answer.get("items") or ()]
        self._objects = {_key(obj): obj for obj in listed}
        self.synced = True
        self._changed()
        return str(answer["metadata"]["resourceVersion"])

    def _watch(self, version: str) -> None:
        with self._api.stream(self._path, watch="true", resourceVersion=version) as answer:
            answer.raise_for_status()
            # Chunks as they come: an event must not wait until a buffer is full.
            for line in answer.iter_lines(chunk_size=None):
                if not self._take(msgspec.json.decode(line)):
                    return

    def _take(self, event: dict[str, object]) -> bool:
        """Take one event in; false when the watch is over (as by 410 Gone)."""
        if event["type"] not in {"ADDED", "MODIFIED", "DELETED"}:
            return False
        obj = msgspec.convert(event["object"], self._kind)
        objects = {key: value for key, value in self._objects.items() if key != _key(obj)}
        if event["type"] != "DELETED":
            objects[_key(obj)] = obj
        self._objects = objects  # a new one each time, because the other thread may be reading the old
        self._changed()
        return True


def _key(obj: ObjectT) -> tuple[str, str]:
    return obj.metadata.namespace, obj.metadata.name
