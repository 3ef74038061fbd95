"""What the webhook counts, for Prometheus: verdicts, the rules behind them, and how long its certificate is good for.

The counts are read from the tally when somebody asks; nothing is registered globally.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.gc_collector import GCCollector
from prometheus_client.registry import Collector

from webhook.review import CRASHED, KINDS, MUTATE, VALIDATE, Count, Tally

# What is counted from zero on: of a counter that appears with its first crash, Prometheus sees no increase.
_CRASHES: Final = tuple(
    Count(path, kind, operation, CRASHED)
    for path, kinds in ((VALIDATE, KINDS), (MUTATE, ("ingresses", "certificaterequests")))
    for kind in sorted(kinds)
    for operation in ("CREATE", "UPDATE")
)


class Verdicts(Collector):
    """The tally of reviews."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterator[Metric]:
        """Yield the counters as they stand."""
        reviews = CounterMetricFamily(
            "certshim_webhook_reviews", "Reviews answered.", labels=["path", "resource", "operation", "code"]
        )
        for count, value in {**dict.fromkeys(_CRASHES, 0), **self._tally.verdicts}.items():
            reviews.add_metric([count.path, count.kind, count.operation, str(count.code)], value)
        yield reviews
        rules = CounterMetricFamily(
            "certshim_webhook_findings",
            "Reviews in which a rule found something: denied, warned, or unchecked where informers were not complete.",
            labels=["rule", "verdict"],
        )
        for (rule, verdict), value in list(self._tally.rules.items()):
            rules.add_metric([rule, verdict], value)
        yield rules
        malformed = CounterMetricFamily(
            "certshim_webhook_malformed_requests", "Requests that were no review.", labels=["code"]
        )
        for code, value in list(self._tally.malformed.items()):
            malformed.add_metric([str(code)], value)
        yield malformed


class ServingCertificate(Collector):
    """How long the certificate that is served with is good for; `expires_at` returns None while there is none."""

    def __init__(self, expires_at: Callable[[], datetime | None]) -> None:
        self._expires_at = expires_at

    def collect(self) -> Iterator[Metric]:
        """Yield one gauge: zero or less means that nobody can call."""
        expires_at = self._expires_at()
        left = expires_at.timestamp() - time.time() if expires_at is not None else 0.0
        yield GaugeMetricFamily(
            "certshim_webhook_certificate_remaining_seconds",
            "How long the serving certificate is still valid; 0 while there is none.",
            left,
        )


def registry(collectors: Iterable[Collector]) -> CollectorRegistry:
    """Return a registry of these and of what each process tells of itself."""
    made = CollectorRegistry()
    for collector in collectors:
        made.register(collector)
    ProcessCollector(registry=made)
    PlatformCollector(registry=made)
    GCCollector(registry=made)
    return made


def exposition(collectors: Iterable[Collector]) -> tuple[bytes, str]:
    """Return the page and its content type."""
    return generate_latest(registry(collectors)), CONTENT_TYPE_PLAIN_0_0_4
