"""Tells people about objects by Events, the ones that `kubectl describe` shows.

`event` only takes note; a thread of the recorder's own writes.  What is said again about the same
object becomes a higher count of the same Event instead of a new one, and what is said faster
than the server takes it is counted together before it is written.  Events are a courtesy: when
too much is waiting, Normal ones come in floods, or the server keeps refusing, they are dropped and counted, and
never hold up work.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

from certs.api.core import Event, EventSource, ObjectReference
from certs.api.meta import KubeObject, ObjectMeta
from shim.kube.backoff import Backoff
from shim.kube.client import Client
from shim.kube.errors import AlreadyExists, KubeError, NotFound, Unavailable

log = logging.getLogger(__name__)

EventType = Literal["Normal", "Warning"]

_LONGEST_MESSAGE: Final = 1024  # bytes; Kubernetes, events.k8s.io/v1, "note"
_LONGEST_NAME: Final = 253
_CLUSTER_SCOPED_IN: Final = "default"  # where kubectl looks for events of objects without a namespace
_TRIES: Final = 5


class Saying(NamedTuple):
    """What makes two events the same: who said what about which object."""

    about: ObjectReference
    type: EventType
    reason: str
    message: str
    component: str


@dataclass(slots=True)
class _Waiting:
    """How often something was said since it was last written."""

    count: int
    first_at: datetime
    last_at: datetime
    resource_version: str
    tries: int = 0


@dataclass(frozen=True, slots=True)
class RecorderLimits:
    """How much is remembered, and for how long; how many new Normal events are taken at once, and then a second.

    An issuance has a dozen events and sixteen other writes: in a burst of a thousand, the events alone would cost
    the API server a third of its time.  Three hundred are twenty issuances told in full.  Warnings always go through.
    """

    waiting: int = 1000
    burst: float = 300
    per_second: float = 10
    series: int = 4096
    same_within: timedelta = timedelta(minutes=15)  # what waits for somebody is tried, and told, every ten


class Recorder:
    """Use `event` from any thread, between `start` and `stop` or before."""

    def __init__(
        self,
        client: Client,
        *,
        instance: str,
        field_manager: str = "certshim",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        limits: RecorderLimits | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()  # written, dropped, refused
        self._client = client
        self._instance = instance
        self._field_manager = field_manager
        self._now = now
        self._limits = limits or RecorderLimits()
        self._changed = threading.Condition()
        self._waiting: dict[Saying, _Waiting] = {}
        self._allowance = self._limits.burst
        self._allowed_at = now()
        self._series: dict[Saying, Event] = {}  # the least recently written first
        self._stop_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def event(self, obj: KubeObject, type: EventType, reason: str, message: str, *, component: str) -> None:  # noqa: A002  # the API's word
        """Say something about an object; returns at once, and never fails."""
        saying = Saying(_reference(obj), type, reason, _shortened(message), component)
        now = self._now().replace(microsecond=0)
        with self._changed:
            waiting = self._waiting.get(saying)
            if waiting is not None:
                waiting.count += 1
                waiting.last_at = now
            elif len(self._waiting) < self._limits.waiting and self._is_allowed(type):
                self._waiting[saying] = _Waiting(1, now, now, obj.metadata.resource_version)
                self._changed.notify()
            else:
                self.counts["dropped"] += 1

    def _is_allowed(self, kind: EventType) -> bool:
        """Take one from the bucket of Normal events, which refills with time."""
        if kind == "Warning":
            return True
        now = self._now()
        refill = (now - self._allowed_at).total_seconds() * self._limits.per_second
        self._allowed_at = now
        self._allowance = min(self._allowance + max(refill, 0.0), self._limits.burst)
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def start(self) -> None:
        """Begin to write; once in a recorder's life."""
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """Write what is waiting, for at most so many seconds, and end."""
        with self._changed:
            self._stop_at = time.monotonic() + timeout
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        backoff = Backoff(1, 30)
        while (taken := self._take()) is not None:
            saying, waiting = taken
            try:
                self._write(saying, waiting)
                backoff.reset()
                self.counts["written"] += 1
            except KubeError as error:
                if self._put_back(saying, waiting, error):
                    self._pause(backoff.next())

    def _take(self) -> tuple[Saying, _Waiting] | None:
        """Block for something to write; None when it is time to end."""
        with self._changed:
            while not self._waiting and self._stop_at is None:
                self._changed.wait()
            if not self._waiting or self._is_over():
                self.counts["dropped"] += len(self._waiting)
                return None
            saying = next(iter(self._waiting))
            return saying, self._waiting.pop(saying)

    def _is_over(self) -> bool:
        return self._stop_at is not None and time.monotonic() >= self._stop_at

    def _put_back(self, saying: Saying, waiting: _Waiting, error: KubeError) -> bool:
        """Keep it for another try if that makes sense."""
        waiting.tries += 1
        with self._changed:
            if isinstance(error, Unavailable) and waiting.tries < _TRIES:
                since = self._waiting.pop(saying, None)
                if since is not None:
                    waiting.count += since.count
                    waiting.last_at = since.last_at
                self._waiting[saying] = waiting
                return True
        self.counts["refused"] += 1
        log.debug("event dropped", extra={"object": saying.about.name, "reason": saying.reason, "error": str(error)})
        return False

    def _pause(self, seconds: float) -> None:
        """Wait for the server to recover; not longer than until the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._stop_at is not None, seconds)

    def _write(self, saying: Saying, waiting: _Waiting) -> None:
        known = self._series.get(saying)
        if known is not None and known.last_timestamp is not None:
            is_recent = waiting.first_at - known.last_timestamp <= self._limits.same_within
            if is_recent and self._raise_count(saying, known, waiting):
                return
        event = new_event(
            saying, waiting.resource_version, waiting.first_at, waiting.last_at, waiting.count, self._instance
        )
        try:
            self._remember(saying, self._client.create(event, field_manager=self._field_manager))
        except AlreadyExists:
            # Our own, from a try whose answer was lost: the name has the moment in it.
            self._remember(saying, event)

    def _raise_count(self, saying: Saying, known: Event, waiting: _Waiting) -> bool:
        """Add to an Event that is there; False when it has expired in the meantime."""
        change = {"count": known.count + waiting.count, "lastTimestamp": waiting.last_at}
        try:
            event = self._client.patch(Event, known.metadata.namespace, known.metadata.name, change)
        except NotFound:
            return False
        self._remember(saying, event)
        return True

    def _remember(self, saying: Saying, event: Event) -> None:
        self._series.pop(saying, None)
        self._series[saying] = event
        if len(self._series) > self._limits.series:
            del self._series[next(iter(self._series))]


def new_event(
    saying: Saying, resource_version: str, first_at: datetime, last_at: datetime, count: int, instance: str
) -> Event:
    """Return the Event of something said; its name is the object's and a digest of what was said and when."""
    about = saying.about
    digest = hashlib.sha256(repr((saying, first_at)).encode()).hexdigest()[:16]
    name = about.name[: _LONGEST_NAME - len(digest) - 1].rstrip(".-")
    return Event(
        metadata=ObjectMeta(name=f"{name}.{digest}", namespace=about.namespace or _CLUSTER_SCOPED_IN),
        involved_object=ObjectReference(
            api_version=about.api_version,
            kind=about.kind,
            namespace=about.namespace,
            name=about.name,
            uid=about.uid,
            resource_version=resource_version,
        ),
        reason=saying.reason,
        message=saying.message,
        source=EventSource(component=saying.component),
        first_timestamp=first_at,
        last_timestamp=last_at,
        count=count,
        type=saying.type,
        reporting_component=saying.component,
        reporting_instance=instance,
    )


def _reference(obj: KubeObject) -> ObjectReference:
    """Return who is meant, without the version: a new version is the same object."""
    meta, resource = obj.metadata, obj.resource
    return ObjectReference(
        api_version=resource.api_version, kind=resource.kind, namespace=meta.namespace, name=meta.name, uid=meta.uid
    )


def _shortened(message: str) -> str:
    encoded = message.encode()
    if len(encoded) <= _LONGEST_MESSAGE:
        return message
    return encoded[: _LONGEST_MESSAGE - 3].decode(errors="ignore") + "…"
