"""All metrics of the process, and the body of /metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from shim.acme.ledgers import Ledgers
from shim.acme.transport import Exchange
from shim.engine.queue import WorkQueue
from shim.engine.workers import Workers
from shim.keymill import KeyMill
from shim.kube.cluster import Cluster
from shim.kube.metrics import API
from shim.metrics.acme import EXCHANGES, Exchanges, Limits, Refusals
from shim.metrics.engine import CALLS, ERRORS, Engine, Keys, Leader
from shim.metrics.issuance import Issuances
from shim.metrics.objects import CLOCK, Objects
from shim.stores import Stores

COUNTERS: Final = (EXCHANGES, CALLS, ERRORS, CLOCK)
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The registry of the process; `render` is the body of /metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._exchanges = Exchanges()
        self._issuances = Issuances()
        self._refusals: Refusals | None = None
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.registry.register(self._exchanges)
        self.registry.register(self._issuances)

    def exchanged(self, exchange: Exchange) -> None:
        """Count one exchange with an ACME server."""
        self._exchanges.count(exchange)

    def watch(self, stores: Stores, queue: WorkQueue, workers: Workers, mill: KeyMill, ledgers: Ledgers) -> None:
        """Tell of these from now on."""
        self._refusals = Refusals(lambda: workers.figures().failures)
        for collector in (
            Objects(stores),
            Limits(ledgers),
            Keys(mill),
            Engine(queue, workers),
            self._refusals,
        ):
            self.registry.register(collector)

    def connected(self, cluster: Cluster, is_leader: Callable[[], bool]) -> None:
        """Tell of the API server, and of whether this replica works."""
        self.registry.register(API(cluster))
        self.registry.register(Leader(is_leader))

    def working(self, stores: Stores) -> None:
        """Time and count what changes from now on: this replica is the one that works."""
        self._issuances.follow(stores)
        if self._refusals is not None:
            stores.orders.subscribe(self._refusals.changed)
            stores.challenges.subscribe(self._refusals.changed)

    def render(self) -> bytes:
        """Return all metrics as text."""
        text = generate_latest(self.registry)
        for name in COUNTERS:  # the library insists on a suffix that these names do not have
            text = text.replace(f"{name}_total".encode(), name.encode())
        return text
