"""Keeps a store equal to what the API server has of one kind: list once, then watch.

    list ──> watch ──(ended, broken, silent)──> watch from the last version
      ^        └──(410 Gone, or refused)──┐
      └──────────────── back-off ─────────┘

Reconnecting waits with back-off and jitter, reset only after a stream that lived, so that a server
which answers and hangs up at once is not hammered.  What fails is logged once per change, not per attempt.
An object that cannot be decoded is set aside, logged and counted; the last readable one stays.
A kind that a cluster need not have is given a `Presence`: while the API server does not serve it, or does not let us
read it, the store is complete and empty, and it is asked for every ten seconds.  Where we may read it only once it is
there, discovery is asked first: a list would be refused each time, and audit logs are read for refusals.

Stale is possible (a store answers while the server is down), wrong is not: versions order everything.
Writes do not go through here; see `shim.kube.cluster` for how their answers reach the store.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

import msgspec

from certs.api.meta import KubeObject, ObjectMeta
from certs.decoders import decode
from shim.kube.backoff import Backoff
from shim.kube.errors import Expired, Forbidden, KubeError, NotFound, Unavailable, from_status
from shim.kube.presence import Presence
from shim.kube.store import Key, Store
from shim.kube.transport import JSON, Cut, Transport
from shim.kube.wire import KindDecoder, Lines, Listed, Unreadable

log = logging.getLogger(__name__)

ObjectT = TypeVar("ObjectT", bound=KubeObject)

_AS_METADATA: Final = "application/json;as={};g=meta.k8s.io;v=v1"
_FRUITLESS: Final = (
    3  # watches refused in a row before the version itself is suspected (a restored etcd refuses for ever)
)


@dataclass(frozen=True, slots=True)
class Pace:
    """The informer's sizes and times, in seconds."""

    page: int = 500
    list_within: float = 60.0
    silence: float = 75.0  # bookmarks come about every 60 s
    watch_for: float = 300.0  # asked of the server, up to twice as long, so that streams do not end together
    lived_after: float = 10.0
    backoff_first: float = 0.5
    backoff_most: float = 15.0
    stop_within: float = 1.8
    absent: float = 10.0  # one small request; somebody who installs an API has more to do before they need us


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a kind: of one namespace (empty: all), with these labels and fields, whole or metadata only.

    `without` are fields that must have another value.
    """

    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    without: Mapping[str, str] = field(default_factory=dict)
    metadata_only: bool = False

    def query(self) -> dict[str, str]:
        """Return the selectors as parameters of a list or watch."""
        fields = [*_terms(self.fields, "="), *_terms(self.without, "!=")]
        selectors = {"labelSelector": _terms(self.labels, "="), "fieldSelector": fields}
        return {name: ",".join(terms) for name, terms in selectors.items() if terms}

    def covers(self, obj: KubeObject) -> bool:
        """Does the object belong here?  Fields other than name and namespace are taken on trust."""
        own = {"metadata.name": obj.metadata.name, "metadata.namespace": obj.metadata.namespace}
        return (
            self.namespace in ("", obj.metadata.namespace)
            and all(obj.metadata.labels.get(key) == value for key, value in self.labels.items())
            and all(own.get(key, value) == value for key, value in self.fields.items())
        )

    def accept(self, what: str) -> str:
        """Return the Accept header for `PartialObjectMetadata` or its List, or for whole objects."""
        return _AS_METADATA.format(what) if self.metadata_only else JSON


def _terms(wanted: Mapping[str, str], operator: str) -> list[str]:
    return [f"{key}{operator}{value}" for key, value in wanted.items()]


class Informer(Generic[ObjectT]):
    """One kind's list/watch loop, in a thread of its own between `start` and `stop`."""

    def __init__(
        self,
        transport: Transport,
        kind: type[ObjectT],
        selection: Selection | None = None,
        *,
        pace: Pace | None = None,
        presence: Presence | None = None,
        discovering: bool = False,
    ) -> None:
        self.kind = kind
        self._presence = presence
        self._discovering = discovering
        self.selection = selection or Selection()
        self.store: Store[ObjectT] = Store(partial=self.selection.metadata_only)
        self.counts: Counter[str] = Counter()
        self._transport = transport
        self._pace = pace or Pace()
        self._path = kind.resource.path(self.selection.namespace)
        self._decoder = KindDecoder(kind)
        self._backoff = Backoff(self._pace.backoff_first, self._pace.backoff_most)
        self._cut = Cut()
        self._synced = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"informer {self}", daemon=True)
        self._version = ""  # where the watch goes on; empty: list first
        self._highest = 0
        self._fruitless = 0
        self._error: KubeError | None = None  # of the last attempt
        self._following = False
        self._set_aside: dict[Key, str] = {}

    def __str__(self) -> str:
        resource = self.kind.resource
        name = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
        return f"{name} in {self.selection.namespace}" if self.selection.namespace else name

    @property
    def is_synced(self) -> bool:
        """Has the store once been complete?  (It may be stale since: see `is_failing`.)"""
        return self._synced.is_set()

    @property
    def is_running(self) -> bool:
        """Is the thread alive?  When it is not, and was not stopped, only a restart of the process helps."""
        return self._thread.is_alive()

    @property
    def is_failing(self) -> bool:
        """Did the last attempt to list or watch fail?

        Not from the moment on at which a watch is open again: a kind in which nothing changes says so a minute later.
        """
        return self._error is not None and not self._following

    @property
    def is_behind(self) -> bool:
        """Is no watch open, although the API server has the kind and lets us read it?"""
        return not self._following and not isinstance(self._error, NotFound | Forbidden)

    @property
    def failure(self) -> str:
        """Why the last attempt to list or watch failed; empty when it did not."""
        return str(self._error) if self.is_failing else ""

    @property
    def set_aside(self) -> Mapping[Key, str]:
        """The objects that could not be decoded, and why."""
        return dict(self._set_aside)

    def start(self) -> None:
        """Begin; once in an informer's life."""
        self._thread.start()

    def wait_synced(self, timeout: float) -> bool:
        """Block until the store is complete; False when it is not within so many seconds."""
        return self._synced.wait(timeout)

    def stop(self) -> None:
        """Return within two seconds, whatever the thread is doing; afterwards the store changes no more by itself.

        A thread that is still dialling is left to its deadline (`shim.kube.transport.CONNECT_WITHIN`).
        """
        self.stop_soon()
        if self._thread.is_alive():
            self._thread.join(self._pace.stop_within)

    def stop_soon(self) -> None:
        """Tell the thread to end, without waiting for it."""
        self._cut.make()

    def _run(self) -> None:
        while not self._cut.is_made:
            began = float("inf")
            ended = False
            try:
                if not self._version:
                    self._list()
                began = time.monotonic()
                self._watch()
                ended = True
            except KubeError as error:
                self._following = False
                self._take_failure(error)
            lived = time.monotonic() - began >= self._pace.lived_after
            if lived:
                self._backoff.reset()
            if not (lived and ended):
                self._cut.wait(self._backoff.next())

    def _take_failure(self, error: KubeError) -> None:
        """Decide from where to go on, and tell once."""
        if self._cut.is_made:
            return
        if self._presence is not None and isinstance(error, NotFound | Forbidden):
            self._take_absence(self._presence, error)
            return
        self.counts["errors"] += 1
        self._fruitless += 1 if error.code else 0  # a server that is away is no sign against the version
        if isinstance(error, Expired) or not isinstance(error, Unavailable) or self._fruitless >= _FRUITLESS:
            self._version = ""
        if isinstance(error, Expired):  # happens to whoever was away for some minutes
            log.info("version expired, listing again", extra={"kind": str(self)})
            return
        if not _is_like(error, self._error):
            log.warning("cannot follow", extra={"kind": str(self), "error": str(error)})
        self._error = error.with_traceback(None)  # which holds on to what was read
        if error.retry_after:
            self._cut.wait(min(error.retry_after, self._pace.list_within))

    def _take_absence(self, presence: Presence, error: KubeError) -> None:
        """Be complete without anything, and look again later."""
        if not presence.why_absent:
            log.info("not there", extra={"kind": str(self), "error": str(error)})
        self._version = ""
        self._error = None
        self.store.replace((), self._highest)
        presence.miss(str(error))
        self._synced.set()
        self._cut.wait(self._pace.absent)

    def _take_success(self) -> None:
        if self._error is not None:
            log.info("following again", extra={"kind": str(self)})
        self._error = None
        self._fruitless = 0

    def _require_served(self) -> None:
        """Raise NotFound unless the API server names the kind among those of its group."""
        resource, attempt = self.kind.resource, f"cannot list {self}"
        path = f"/apis/{resource.api_version}"
        answer = self._transport.request("GET", path, attempt=attempt, within=self._pace.list_within, cut=self._cut)
        try:
            served = decode(answer.body, _Served).resources
        except msgspec.DecodeError as error:
            raise KubeError(f"{attempt}: the answer is no list of resources: {error}") from error
        if not any(one.name == resource.plural for one in served):
            raise NotFound(f"{attempt}: not among the resources of {resource.api_version}", code=404)

    def _list(self) -> None:
        """Read all pages, then let the store become what they say."""
        if self._discovering:
            self._require_served()
        self.counts["lists"] += 1
        deadline = time.monotonic() + self._pace.list_within
        objects: list[ObjectT] = []
        unreadable: list[Unreadable] = []
        query = {**self.selection.query(), "limit": str(self._pace.page)}
        while True:
            page = self._page(query, within=max(deadline - time.monotonic(), 0.001))
            objects += page.objects
            unreadable += page.unreadable
            if not page.metadata.next:
                break
            query["continue"] = page.metadata.next
        if self._cut.is_made:
            return
        self._take_list(objects, unreadable, page.metadata.resource_version)

    def _page(self, query: Mapping[str, str], *, within: float) -> Listed[ObjectT]:
        attempt = f"cannot list {self}"
        answer = self._transport.request(
            "GET",
            self._path,
            attempt=attempt,
            query=query,
            accept=self.selection.accept("PartialObjectMetadataList"),
            within=within,
            cut=self._cut,
        )
        try:
            return self._decoder.page(answer.body)
        except msgspec.DecodeError as error:
            raise KubeError(f"{attempt}: the answer is no list: {error}") from error

    def _take_list(self, objects: list[ObjectT], unreadable: list[Unreadable], version: str) -> None:
        self._set_aside.clear()
        for item in unreadable:
            self._put_aside(item.metadata, item.error)
        number = int(version or 0)
        self.store.replace(objects, number, keep=self._set_aside.keys(), rewritten=number < self._highest)
        self._version, self._highest = version, number
        self._take_success()
        self._synced.set()
        if self._presence is not None:
            self._presence.find()

    def _watch(self) -> None:
        """Follow one stream from the last version until it ends; KubeError when it breaks."""
        self.counts["watches"] += 1
        query = {
            **self.selection.query(),
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(int(self._pace.watch_for * random.uniform(1, 2))),  # noqa: S311  # spreading, not secrecy
        }
        attempt = f"cannot watch {self}"
        lines = Lines()
        with self._transport.stream(
            self._path,
            attempt=attempt,
            silence=self._pace.silence,
            query=query,
            accept=self.selection.accept("PartialObjectMetadata"),
            cut=self._cut,
        ) as chunks:
            self._following = True
            heard = time.monotonic()
            for chunk in chunks:
                for line in lines.feed(chunk):
                    self._take_line(line, attempt)
                    heard = time.monotonic()
                if time.monotonic() - heard > self._pace.silence:
                    raise Unavailable(f"{attempt}: no whole line within {self._pace.silence:g} s")

    def _take_line(self, line: bytes, attempt: str) -> None:
        if self._cut.is_made:
            raise Unavailable(f"{attempt}: stopped")
        try:
            event = self._decoder.event(line)
        except msgspec.DecodeError as error:
            raise KubeError(f"{attempt}: unreadable line: {error}") from error
        match event.type:
            case "ADDED" | "MODIFIED":
                self._take_object(event.object)
            case "DELETED":
                self._take_deletion(self._decoder.metadata(event.object))
            case "BOOKMARK":
                self.counts["bookmarks"] += 1
                self._go_on_from(self._decoder.metadata(event.object))
            case "ERROR":
                raise _status_error(attempt, event.object)
        self._take_success()

    def _take_object(self, raw: msgspec.Raw) -> None:
        self.counts["events"] += 1
        obj = self._decoder.object(raw)
        if isinstance(obj, Unreadable):
            self._put_aside(obj.metadata, obj.error)
        else:
            self._set_aside.pop((obj.metadata.namespace, obj.metadata.name), None)
            self.store.offer(obj)
        self._go_on_from(obj.metadata)

    def _take_deletion(self, meta: ObjectMeta) -> None:
        self.counts["events"] += 1
        self._set_aside.pop((meta.namespace, meta.name), None)
        self.store.forget(meta.namespace, meta.name, uid=meta.uid, version=int(meta.resource_version or 0))
        self._go_on_from(meta)

    def _go_on_from(self, meta: ObjectMeta) -> None:
        if meta.resource_version:
            self._version = meta.resource_version
            self._highest = max(self._highest, int(meta.resource_version))

    def _put_aside(self, meta: ObjectMeta, error: str) -> None:
        self.counts["unreadable"] += 1
        self._set_aside[meta.namespace, meta.name] = error
        log.error(
            "cannot read object, set aside",
            extra={"kind": str(self), "namespace": meta.namespace, "object": meta.name, "error": error},
        )


def _is_like(error: KubeError, other: KubeError | None) -> bool:
    """Is it the same trouble, of which nothing new is to be told?"""
    if other is None:
        return False
    return (type(error), error.code, error.reason) == (type(other), other.code, other.reason)


def _status_error(attempt: str, raw: msgspec.Raw) -> KubeError:
    """Return the typed error of an ERROR event; its Status carries the code."""
    try:
        code = decode(raw, _Code).code
    except msgspec.DecodeError:
        code = 0
    return from_status(attempt, code, bytes(raw))


class _Name(msgspec.Struct):
    name: str = ""


class _Served(msgspec.Struct):
    resources: tuple[_Name, ...] = ()


class _Code(msgspec.Struct):
    code: int = 0
