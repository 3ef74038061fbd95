"""What we know of one kind: objects by namespace and name, indexes, and who wants to hear of changes.

The newer resourceVersion wins, whoever brings it: the watch, a re-list, or the answer of our own
write (resourceVersions of one resource are ordered integers, KEP-5504).  A deletion that the server
has answered is remembered by uid for a while, so that a late answer of an older write does not undo it.

Readers take no lock and see either before or after a change, never between; objects are shared and
must not be mutated.  Writers take turns, and tell subscribers within their turn: in order, after the
change is visible, and only if something that we decode has changed.  A subscriber must be quick and
must not raise; it may read the store, and write to it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, Generic, TypeVar, cast

import msgspec

from certs.api.meta import KubeObject

ObjectT = TypeVar("ObjectT", bound=KubeObject)
Key = tuple[str, str]
Subscriber = Callable[[ObjectT | None, ObjectT | None], None]
IndexFunction = Callable[[ObjectT], Iterable[str]]
Index = dict[str, dict[Key, ObjectT]]

_GRAVES: Final = 4096  # deletions remembered; a late answer comes within seconds of one
_FOR_GOOD: Final = sys.maxsize


def key_of(obj: KubeObject) -> Key:
    """Return the (namespace, name) of an object."""
    return obj.metadata.namespace, obj.metadata.name


def version_of(obj: KubeObject) -> int:
    """Return the resourceVersion as a number; 0 when it carries none."""
    return int(obj.metadata.resource_version or 0)


class _View(Generic[ObjectT]):
    """The objects and their indexes; swapped as a whole by `Store.replace`, changed key by key by the rest."""

    def __init__(self, functions: dict[str, IndexFunction[ObjectT]]) -> None:
        self.objects: dict[Key, ObjectT] = {}
        self.by_namespace: Index[ObjectT] = {}
        self.indexes: dict[str, Index[ObjectT]] = {name: {} for name in functions}
        self._functions = functions

    def put(self, key: Key, old: ObjectT | None, new: ObjectT | None) -> None:
        """Set, replace (both given) or take away (no new) one object.

        The new places are filled before the old ones are emptied, so that no reader misses the object.
        """
        if new is not None:
            self.objects[key] = new
            for index, value in self._places(new):
                index.setdefault(value, {})[key] = new
        else:
            self.objects.pop(key, None)
        if old is not None:
            for index, value in self._places(old):
                bucket = index.get(value, {})
                if bucket.get(key) is old:
                    del bucket[key]
                    if not bucket:
                        del index[value]

    def add_index(self, name: str) -> None:
        """Fill a new index."""
        index: Index[ObjectT] = {}
        for key, obj in self.objects.items():
            for value in self._functions[name](obj):
                index.setdefault(value, {})[key] = obj
        self.indexes[name] = index

    def _places(self, obj: ObjectT) -> Iterable[tuple[Index[ObjectT], str]]:
        yield self.by_namespace, obj.metadata.namespace
        for name, function in self._functions.items():
            for value in function(obj):
                yield self.indexes[name], value


class Store(Generic[ObjectT]):
    """The objects of one kind that one informer watches.

    `partial`: only a part of each was fetched, so that a version without a difference may be one in the rest
    (the data of a Secret), and is told.
    """

    def __init__(self, *, partial: bool = False) -> None:
        self._partial = partial
        self._turn = threading.RLock()  # re-entrant: a subscriber may write
        self._functions: dict[str, IndexFunction[ObjectT]] = {}
        self._view: _View[ObjectT] = _View(self._functions)
        self._subscribers: tuple[Subscriber[ObjectT], ...] = ()
        self._graves: dict[str, int] = {}  # uid of a deleted object -> the last version that is to be refused

    def get(self, namespace: str, name: str) -> ObjectT | None:
        """Return the object, or None when there is none (as far as we know)."""
        return self._view.objects.get((namespace, name))

    def in_namespace(self, namespace: str) -> tuple[ObjectT, ...]:
        """Return the objects of a namespace at this moment."""
        return _objects(self._view.by_namespace.get(namespace))

    def values(self) -> tuple[ObjectT, ...]:
        """Return all objects at this moment."""
        return _objects(self._view.objects)

    def by_index(self, name: str, value: str) -> tuple[ObjectT, ...]:
        """Return the objects for which the index function gave that value; KeyError for an unknown index."""
        return _objects(self._view.indexes[name].get(value))

    def __len__(self) -> int:
        return len(self._view.objects)

    def add_index(self, name: str, function: IndexFunction[ObjectT]) -> None:
        """Keep the objects findable by what `function` gives for each; it must be pure and must not raise."""
        with self._turn:
            self._functions[name] = function
            self._view.add_index(name)

    def subscribe(self, subscriber: Subscriber[ObjectT]) -> None:
        """Tell it of every object that is there (None, obj), then of each change: (old, new), one of them None."""
        with self._turn:
            self._subscribers = (*self._subscribers, subscriber)
            for obj in self.values():
                subscriber(None, obj)

    def offer(self, obj: ObjectT) -> bool:
        """Take the object unless what we have is as new; False when it was not taken."""
        key = key_of(obj)
        with self._turn:
            old = self._view.objects.get(key)
            if self._is_buried(obj) or (old is not None and version_of(obj) <= version_of(old)):
                return False
            self._view.put(key, old, obj)
            self._tell(old, obj)
            return True

    def forget(self, namespace: str, name: str, *, uid: str, version: int | None = None) -> None:
        """Take away the object of that uid, and refuse to take it again.

        With a version (an object that left the selection of the watch and may come back): only
        what is not newer.  Another object of the same name, created since, stays.
        """
        last = _FOR_GOOD if version is None else version
        with self._turn:
            self._bury(uid, last)
            old = self._view.objects.get((namespace, name))
            if old is not None and old.metadata.uid == uid and version_of(old) <= last:
                self._view.put((namespace, name), old, None)
                self._tell(old, None)

    def replace(
        self, objects: Iterable[ObjectT], version: int, *, keep: Collection[Key] = (), rewritten: bool = False
    ) -> None:
        """Become what a list of that version says: swap everything, then tell the differences.

        What we have newer than the list stays, and so does what the list holds but could not be read
        (`keep`).  `rewritten`: the server's history went back (a restored etcd), so newer means nothing.
        """
        with self._turn:
            before = self._view.objects
            if rewritten:
                self._graves.clear()
            after = self._merge(objects, version, keep, rewritten=rewritten)
            view: _View[ObjectT] = _View(self._functions)
            for key, obj in after.items():
                view.put(key, None, obj)
            self._view = view
            self._tell_differences(before, after)

    def _merge(
        self, objects: Iterable[ObjectT], version: int, keep: Collection[Key], *, rewritten: bool
    ) -> dict[Key, ObjectT]:
        after = {key_of(obj): obj for obj in objects if not self._is_buried(obj)}
        for key, obj in self._view.objects.items():
            listed = after.get(key)
            is_newer = version_of(obj) > (version if listed is None else version_of(listed)) and not rewritten
            is_same = listed is not None and version_of(obj) == version_of(listed) and obj == listed
            if is_newer or is_same or (listed is None and key in keep):
                after[key] = obj
        return after

    def _tell_differences(self, before: dict[Key, ObjectT], after: dict[Key, ObjectT]) -> None:
        for key, old in before.items():
            if key not in after:
                self._tell(old, None)
        for key, new in after.items():
            self._tell(before.get(key), new)

    def _tell(self, old: ObjectT | None, new: ObjectT | None) -> None:
        if old is not None and new is not None and not self._is_news(old, new):
            return
        for subscriber in self._subscribers:
            subscriber(old, new)

    def _is_news(self, old: ObjectT, new: ObjectT) -> bool:
        return (self._partial and version_of(old) != version_of(new)) or _differ(old, new)

    def _is_buried(self, obj: ObjectT) -> bool:
        return version_of(obj) <= self._graves.get(obj.metadata.uid, -1)

    def _bury(self, uid: str, version: int) -> None:
        if not uid:
            return
        self._graves[uid] = max(version, self._graves.pop(uid, version))
        if len(self._graves) > _GRAVES:
            del self._graves[next(iter(self._graves))]  # the oldest: dicts keep their order


def _objects(bucket: dict[Key, ObjectT] | None) -> tuple[ObjectT, ...]:
    """Return a bucket's objects; one step for the interpreter, so a writer cannot come between."""
    return tuple(bucket.values()) if bucket else ()


def _differ(old: ObjectT, new: ObjectT) -> bool:
    """Is there any difference beside the version, in what we decode?"""
    if old is new:
        return False
    same_version = msgspec.structs.replace(new.metadata, resource_version=old.metadata.resource_version)
    return bool(msgspec.structs.replace(cast("Any", new), metadata=same_version) != old)
