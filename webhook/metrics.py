"""What the webhook counts, for Prometheus: verdicts by path, kind, operation and code, and what was no review.

The counts are read from the tally when somebody asks; nothing is registered globally.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from webhook.review import Tally


class _TallyCollector(Collector):
    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield both counters as they stand."""
        reviews = CounterMetricFamily(
            "certshim_webhook_reviews", "Reviews answered.", labels=["path", "resource", "operation", "code"]
        )
        for count, value in list(self._tally.verdicts.items()):
            reviews.add_metric([count.path, count.kind, count.operation, str(count.code)], value)
        yield reviews
        malformed = CounterMetricFamily(
            "certshim_webhook_malformed_requests", "Requests that were no review.", labels=["code"]
        )
        for code, value in list(self._tally.malformed.items()):
            malformed.add_metric([str(code)], value)
        yield malformed


def exposition(tally: Tally) -> tuple[bytes, str]:
    """Return the page and its content type."""
    registry = CollectorRegistry()
    registry.register(_TallyCollector(tally))
    ProcessCollector(registry=registry)
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4
