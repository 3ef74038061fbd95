"""The page of all metrics, from the registries of both processes: `python -m tests.metricspage [--check]`.

It is made here, since no part of the product knows both processes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from kubernetes.client.configuration import Configuration
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from shim.acme.ledgers import Ledgers
from shim.engine.queue import WorkQueue
from shim.engine.workers import Workers
from shim.keymill import KeyMill
from shim.kube.cluster import Cluster
from shim.kube.metrics import API
from shim.kube.recorder import Recorder
from shim.kube.transport import Transport
from shim.metrics import Metrics
from shim.metrics.registry import COUNTERS
from shim.notify.authors import Authors
from shim.notify.config import NOBODY
from shim.notify.notifier import Notifier
from shim.stores import follow
from webhook.metrics import ServingCertificate, Verdicts, registry
from webhook.review import Tally

PAGE: Final = Path(__file__).parents[1] / "docs" / "metrics.md"
OF_EVERY_PROCESS: Final = ("process_", "python_")
HEAD: Final = """\
# Metrics

<!-- Made by `python -m tests.metricspage` (`make crds`) from the registries of the processes; change the code. -->

Both processes serve `/metrics` on port 9402 (`--metrics-listen-address`). [Monitoring](monitoring.md) has rules, the
dashboard, and what differs from cert-manager.
"""

TAIL: Final = """\
And `process_*` (memory, CPU, open files, start) and `python_*` (version, garbage collection), as every exporter in
Python has them.
"""


def shim_registry() -> CollectorRegistry:
    """Return what a shim registers, with nothing in it."""
    cluster, queue, metrics = _cluster(), WorkQueue(), Metrics()
    stores = follow(cluster)
    metrics.watch(stores, queue, Workers(queue, (), count=1), KeyMill(), Ledgers())
    metrics.connected(cluster, lambda: False)
    authors = Authors(stores, Recorder(cluster.client, instance=""))
    metrics.registry.register(Notifier(stores, cluster.client, "", NOBODY, authors))
    return metrics.registry


def webhook_registry() -> CollectorRegistry:
    """Return what a webhook registers, with nothing in it."""
    return registry((Verdicts(Tally()), ServingCertificate(lambda: None), API(_cluster())))


def names(of: CollectorRegistry) -> frozenset[str]:
    """Return the names of all series, as queries have them."""
    return frozenset(name for family in of.collect() for name in _series(family))


def page() -> str:
    """Return the page."""
    shim, webhook = _own(shim_registry().collect()), _own(webhook_registry().collect())
    theirs = {family.name for family in shim} & {family.name for family in webhook}
    parts = [
        HEAD,
        "## The shim\n",
        _table(family for family in shim if family.name not in theirs),
        "## The webhook\n",
        _table(family for family in webhook if family.name not in theirs),
        "## Both\n",
        _table(family for family in shim if family.name in theirs),
        TAIL,
    ]
    return "\n".join(parts)


def _cluster() -> Cluster:
    return Cluster(Transport(Configuration(host="http://apiserver.invalid")))


def _own(families: Iterable[Metric]) -> list[Metric]:
    return sorted(
        (family for family in families if not family.name.startswith(OF_EVERY_PROCESS)), key=lambda one: one.name
    )


def _name(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" and family.name not in COUNTERS else family.name


def _series(family: Metric) -> Iterator[str]:
    match family.type:
        case "histogram":
            yield from (f"{family.name}_{part}" for part in ("bucket", "count", "sum"))
        case "summary":
            yield from (f"{family.name}_{part}" for part in ("count", "sum"))
        case _:
            yield _name(family)


def _table(families: Iterable[Metric]) -> str:
    rows = [f"| `{_name(one)}` | {one.type} | {_labels(one)} | {one.documentation} |\n" for one in families]
    return "".join(["| metric | type | labels | meaning |\n", "|---|---|---|---|\n", *rows])


def _labels(family: Metric) -> str:
    return ", ".join(getattr(family, "_labelnames", ())) or "none"


def main() -> int:
    """Write the page, or with --check say whether it is current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 unless it is current")
    if not parser.parse_args().check:
        PAGE.write_text(page(), "utf-8")
    elif not PAGE.is_file() or PAGE.read_text("utf-8") != page():
        sys.stderr.write(f"{PAGE} is not current; run `make crds` and commit it\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
