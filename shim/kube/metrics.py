"""What both processes tell Prometheus of the API server: requests, and whether what is followed is complete."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shim.kube.cluster import Cluster


class API(Collector):
    """Requests to one API server, and the informers of what it has."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def collect(self) -> Iterator[Metric]:
        """Yield a counter, and two gauges for each kind that is followed."""
        requests = CounterMetricFamily(
            "certshim_api_requests",
            "Requests to the API server; status none when there was no answer. A watch is counted when it ends.",
            labels=("verb", "group", "resource", "status"),
        )
        for kind, count in self._cluster.transport.traffic.counts().items():
            requests.add_metric(kind, float(count))
        yield requests
        synced = GaugeMetricFamily(
            "certshim_informer_synced", "Whether the store of a kind was once complete.", labels=("resource",)
        )
        failing = GaugeMetricFamily(
            "certshim_informer_failing",
            "Whether the last attempt to list or watch a kind failed.",
            labels=("resource",),
        )
        for informer in self._cluster.informers:
            synced.add_metric((str(informer),), float(informer.is_synced))
            failing.add_metric((str(informer),), float(informer.is_failing))
        yield synced
        yield failing
