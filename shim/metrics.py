"""Metrics for Prometheus, by cert-manager's names: what the objects say is read from the stores when asked for.

Nothing is counted twice: a gauge about a Certificate is computed from its object at the scrape, so that it
can never disagree with `kubectl get`.  Only exchanges with CAs are counted as they happen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from certs.api.certificate import Certificate
from certs.api.challenge import Challenge
from certs.api.issuer import ClusterIssuer, Issuer
from certs.api.meta import find_condition
from certs.api.order import ACMEState
from shim.acme.transport import Exchange
from shim.engine.figures import Ending
from shim.engine.queue import WorkQueue
from shim.engine.workers import Workers
from shim.keymill import KeyMill
from shim.stores import Stores

STATUSES: Final = ("True", "False", "Unknown")
EXCHANGES: Final = "certmanager_http_acme_client_request_count"
CALLS: Final = "certmanager_controller_sync_call_count"
ERRORS: Final = "certmanager_controller_sync_error_count"
CLOCK: Final = "certmanager_clock_time_seconds"
COUNTERS: Final = (EXCHANGES, CALLS, ERRORS, CLOCK)
EXCHANGE_LABELS: Final = ("scheme", "host", "action", "method", "status")
FAILED: Final = (Ending.TRANSIENT, Ending.RATE_LIMITED, Ending.WAITING_FOR_USER, Ending.PERMANENT, Ending.CRASHED)
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The registry of the process; `render` is the body of /metrics."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._exchanges = _Exchanges()
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._registry.register(self._exchanges)

    def exchanged(self, exchange: Exchange) -> None:
        """Count one exchange with an ACME server."""
        self._exchanges.count(exchange)

    def watch(self, stores: Stores, queue: WorkQueue, workers: Workers, mill: KeyMill) -> None:
        """Tell of these from now on."""
        self._registry.register(_Objects(stores))
        self._registry.register(_Keys(mill))
        self._registry.register(_Engine(queue, workers))

    def render(self) -> bytes:
        """Return all metrics as text."""
        text = generate_latest(self._registry)
        for name in COUNTERS:  # the library insists on a suffix that these names do not have
            text = text.replace(f"{name}_total".encode(), name.encode())
        return text


class _Exchanges(Collector):
    """Exchanges with ACME servers, counted and timed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals: dict[tuple[str, ...], tuple[int, float]] = {}

    def count(self, exchange: Exchange) -> None:
        labels = (exchange.scheme, exchange.host, exchange.action, exchange.method, str(exchange.status))
        with self._lock:
            number, seconds = self._totals.get(labels, (0, 0.0))
            self._totals[labels] = (number + 1, seconds + exchange.seconds)

    def collect(self) -> Iterator[Metric]:
        numbers = CounterMetricFamily(
            EXCHANGES, "Requests to ACME servers; status 999 when there was no answer.", labels=EXCHANGE_LABELS
        )
        durations = SummaryMetricFamily(
            "certmanager_http_acme_client_request_duration_seconds",
            "How long requests to ACME servers took.",
            labels=EXCHANGE_LABELS,
        )
        with self._lock:
            totals = dict(self._totals)
        for labels, (number, seconds) in totals.items():
            numbers.add_metric(labels, number)
            durations.add_metric(labels, number, seconds)
        yield numbers
        yield durations


class _Objects(Collector):
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def collect(self) -> Iterator[Metric]:
        yield from _certificates(self._stores.certificates.values())
        yield _challenges(self._stores.challenges.values())
        yield _readiness("certmanager_issuer_ready_status", ("name", "namespace"), self._stores.issuers.values())
        yield _readiness("certmanager_clusterissuer_ready_status", ("name",), self._stores.cluster_issuers.values())
        now = time.time()
        yield GaugeMetricFamily("certmanager_clock_time_seconds_gauge", "The clock of the process.", now)
        yield CounterMetricFamily(CLOCK, "Deprecated: the clock of the process.", now)


def _certificates(certificates: Iterable[Certificate]) -> Iterator[Metric]:
    names = ("name", "namespace", "issuer_name", "issuer_kind", "issuer_group")
    ready = GaugeMetricFamily(
        "certmanager_certificate_ready_status",
        "Whether a Certificate is ready.",
        labels=("name", "namespace", "condition", "issuer_name", "issuer_kind", "issuer_group"),
    )
    times = {
        field: GaugeMetricFamily(f"certmanager_certificate_{field}_timestamp_seconds", meaning, labels=names)
        for field, meaning in (
            ("expiration", "When the certificate expires; 0 when there is none."),
            ("not_after", "When the certificate expires; 0 when there is none."),
            ("not_before", "Since when the certificate is valid; 0 when there is none."),
            ("renewal", "When the certificate will be renewed; 0 when there is none."),
        )
    }
    for certificate in certificates:
        ref, status, meta = certificate.spec.issuer_ref, certificate.status, certificate.metadata
        issuer = (ref.name, ref.effective_kind, ref.effective_group)
        condition = find_condition(status.conditions, "Ready")
        is_ready = condition.status if condition is not None else "Unknown"
        for word in STATUSES:
            ready.add_metric((meta.name, meta.namespace, word, *issuer), float(word == is_ready))
        moments = {
            "expiration": status.not_after,
            "not_after": status.not_after,
            "not_before": status.not_before,
            "renewal": status.renewal_time,
        }
        for field, moment in moments.items():
            times[field].add_metric((meta.name, meta.namespace, *issuer), moment.timestamp() if moment else 0.0)
    yield ready
    yield from times.values()


def _challenges(challenges: Iterable[Challenge]) -> Metric:
    labels = ("status", "domain", "reason", "processing", "name", "namespace", "type")
    family = GaugeMetricFamily(
        "certmanager_certificate_challenge_status", "In which state a Challenge is.", labels=labels
    )
    for challenge in challenges:
        spec, status, meta = challenge.spec, challenge.status, challenge.metadata
        processing = str(status.processing).lower()
        for state in ACMEState:
            values = (state, spec.dns_name, status.reason, processing, meta.name, meta.namespace, spec.type)
            family.add_metric(values, float(state is status.state))
    return family


def _readiness(name: str, labels: tuple[str, ...], issuers: Iterable[Issuer | ClusterIssuer]) -> Metric:
    family = GaugeMetricFamily(name, "Whether an issuer is ready.", labels=(*labels, "condition"))
    for issuer in issuers:
        condition = find_condition(issuer.status.conditions, "Ready")
        is_ready = condition.status if condition is not None else "Unknown"
        own = (issuer.metadata.name, issuer.metadata.namespace)[: len(labels)]
        for word in STATUSES:
            family.add_metric((*own, word), float(word == is_ready))
    return family


class _Keys(Collector):
    """Private keys that take their time."""

    def __init__(self, mill: KeyMill) -> None:
        self._mill = mill

    def collect(self) -> Iterator[Metric]:
        figures = self._mill.figures()
        keys = GaugeMetricFamily("certshim_private_keys", "RSA keys that were ordered.", labels=("state",))
        keys.add_metric(("waiting",), float(figures.waiting))
        keys.add_metric(("running",), float(figures.running))
        keys.add_metric(("ready",), float(figures.ready))
        yield keys
        yield CounterMetricFamily("certshim_private_keys_made", "RSA keys that were made.", figures.made)


class _Engine(Collector):
    def __init__(self, queue: WorkQueue, workers: Workers) -> None:
        self._queue = queue
        self._workers = workers

    def collect(self) -> Iterator[Metric]:
        depth = self._queue.depth()
        keys = GaugeMetricFamily("certshim_queue_keys", "Keys in the work queue.", labels=("state",))
        keys.add_metric(("ready",), float(sum(depth.ready)))
        keys.add_metric(("delayed",), float(depth.delayed))
        keys.add_metric(("running",), float(depth.running))
        keys.add_metric(("failing",), float(depth.failing))
        yield keys
        oldest = GaugeMetricFamily("certshim_queue_oldest_seconds", "How long the oldest ready key has waited.")
        oldest.add_metric((), depth.oldest)
        yield oldest
        calls = CounterMetricFamily(CALLS, "Turns taken, by controller.", labels=("controller",))
        errors = CounterMetricFamily(ERRORS, "Turns that ended in a failure.", labels=("controller",))
        turns = self._workers.figures().turns
        for controller in sorted({controller for controller, _ in turns}):
            counts = {ending: count for (name, ending), count in turns.items() if name == controller}
            calls.add_metric((controller,), float(sum(counts.values())))
            errors.add_metric((controller,), float(sum(counts.get(ending, 0) for ending in FAILED)))
        yield calls
        yield errors
