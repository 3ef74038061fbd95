"""Looks every half minute at what is in trouble, and has receivers told.  Runs in the leader alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from certs.decide.incidents import Incident, decide, sent
from shim.kube.client import Client
from shim.kube.errors import KubeError
from shim.notify.authors import Authors
from shim.notify.config import Notifications, Receiver
from shim.notify.credentials import ReadSecret, secrets_of
from shim.notify.delivery import Delivery
from shim.notify.gathering import LimitedUntil, Troubled, ended, lines, reports, troubled
from shim.notify.mail import MailDelivery
from shim.notify.memorystore import MemoryStore
from shim.notify.message import message_of
from shim.notify.sender import FAILED, Sender
from shim.notify.slack import SlackDelivery
from shim.notify.webhook import WebhookDelivery
from shim.stores import Stores

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# Seconds between two looks; as long as the grace, where that is less.
EVERY: Final = 30.0
LEAST: Final = 1.0


def delivery_to(receiver: Receiver, read_secret: ReadSecret) -> Delivery:
    """Return the way to a receiver."""
    if receiver.webhook is not None:
        return WebhookDelivery(receiver.webhook, read_secret)
    if receiver.slack is not None:
        return SlackDelivery(receiver.slack, read_secret)
    assert receiver.smtp is not None  # noqa: S101  the file was checked
    return MailDelivery(receiver.smtp, read_secret)


class Notifier(Collector):
    """Start it once the stores are complete and this process leads; with nobody to tell, only authors are told."""

    def __init__(
        self,
        stores: Stores,
        client: Client,
        namespace: str,
        config: Notifications,
        authors: Authors,
        *,
        limits: LimitedUntil = lambda _uid: None,
        may_send: Callable[[], bool] = lambda: True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._stores = stores
        self._config = config
        self._authors = authors
        self._every = min(EVERY, max(config.patience.grace.total_seconds(), LEAST))
        self._now = now
        self._limits = limits
        self._may_send = may_send
        self._store = MemoryStore(client, namespace)
        read_secret = secrets_of(client, namespace)
        self._senders = {
            one.name: Sender(one.name, delivery_to(one, read_secret), self._delivered, free=self._look_again)
            for one in config.receivers
        }
        self._memory: dict[str, Incident] | None = None  # None until it is read
        self._ready: list[Incident] = []  # delivered, and not yet in the memory
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        for sender in self._senders.values():
            sender.start()
        self._thread.start()

    def stop(self) -> None:
        """End, and store what has been sent; unless another works by now, whose memory that would overwrite."""
        self._ended = True
        self._wake.set()
        for sender in self._senders.values():
            sender.stop()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def collect(self) -> Iterator[Metric]:
        """Tell how many were sent, and what is open."""
        total = CounterMetricFamily(
            "certshim_notifications",
            "Attempts to notify; failed ones are repeated, dropped ones were refused for good.",
            labels=("receiver", "outcome"),
        )
        for name, sender in self._senders.items():
            for outcome, count in sender.counts.items():
                total.add_metric((name, outcome), count)
        yield total
        memory = self._memory or {}
        incidents = GaugeMetricFamily("certshim_incidents", "Incidents that go on.", labels=("receiver",))
        for name in self._senders:
            incidents.add_metric((name,), float(sum(one.receiver == name for one in tuple(memory.values()))))
        yield incidents

    def _run(self) -> None:
        while not self._ended:
            try:
                self._look()
            except KubeError as error:
                log.warning("cannot keep what was notified; nothing is sent meanwhile", error=str(error))
            except Exception:  # it must go on for the next
                log.exception("looking for what to notify crashed")
            self._wake.wait(self._every)
            self._wake.clear()
        self._keep()

    def _keep(self) -> None:
        """Store what was delivered since the last look."""
        if self._memory is None or not self._may_send():
            return
        try:
            self._note_delivered(self._memory)
            self._store.write(self._memory)
        except KubeError as error:
            log.warning("cannot keep what was notified; some of it may be sent again", error=str(error))

    def _look(self) -> None:
        """Take one turn."""
        now = self._now()
        found = troubled(self._stores, now, self._config.patience, self._limits)
        self._authors.tell(found, now)
        if not self._senders:
            return
        if self._memory is None:
            read = self._store.read()
            self._memory = {name: one for name, one in read.items() if one.receiver in self._senders}
        self._note_delivered(self._memory)
        self._memory = dict(
            decide(
                reports(self._stores, found, self._config, self._memory, now), self._memory, now, self._config.rhythm
            )
        )
        self._store.write(self._memory)  # before anything of it is sent
        self._offer(self._memory, found, now)

    def _offer(self, memory: Mapping[str, Incident], found: tuple[Troubled, ...], now: datetime) -> None:
        """Give each receiver that is free one message; after a failure another, so that none is in the others' way."""
        for name, sender in self._senders.items():
            due = [one for one in memory.values() if one.receiver == name and one.due is not None]
            with self._lock:
                handled = {one.id for one in self._ready}
            due = [one for one in due if one.id not in handled]
            if due and sender.is_free and self._may_send():
                incident = due[sender.counts[FAILED] % len(due)]
                told, about = lines(self._stores, found, incident, now), ended(self._stores, incident)
                repeat = self._config.rhythm.repeat
                message = message_of(incident, told, self._config.cluster, now, about=about, repeat=repeat)
                sender.offer(incident, message)

    def _delivered(self, incident: Incident) -> None:
        """Note it, from a sender's thread."""
        with self._lock:
            self._ready.append(incident)

    def _look_again(self) -> None:
        self._wake.set()

    def _note_delivered(self, memory: dict[str, Incident]) -> None:
        with self._lock:
            ready, self._ready = self._ready, []
        for incident in ready:
            left = sent(memory.get(incident.id), incident, self._now())
            if left is None:
                memory.pop(incident.id, None)
            else:
                memory[incident.id] = left
