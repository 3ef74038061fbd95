"""What a start costs in a cluster that has been in use: thousands of Certificates that are well, and others' Secrets.

The shim is started among them, until it has nothing more to do: its stores are complete, each Certificate has been
looked at and waits for its renewal, and the process has used no CPU for a second.  Then once more among as many
foreign Secrets of 100 kB.  That it did nothing because all was well, and not because it is blind, shows at the end:
a Secret that is taken away comes back.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import requests

from bench import procfs, traffic
from bench.filling import ISSUER, Filling
from bench.kit import PATIENCE
from bench.measurement import Measurement, lower
from tests.cluster import AuditEvent, Cluster, Process
from tests.product import NAMESPACE, Product

SHIM: Final = frozenset((f"system:serviceaccount:{NAMESPACE}:certshim-shim",))
IDLE_AIM: Final = 10  # seconds
RSS_AIM: Final = 250  # MB
LOOK_EVERY: Final = 0.05  # seconds
QUIET_FOR: Final = 1.0  # seconds
QUIET: Final = 0.02  # CPU seconds in that time: two ticks
WITHIN: Final = 180.0  # seconds
AUDIT_LAG: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Start:
    """How a start went; the peak is that before anybody asked for metrics, then that after."""

    seconds: float
    cpu: float
    peak_mb: float
    scraped_mb: float
    audit: Sequence[AuditEvent]


def measure(number: int) -> list[Measurement]:
    """Return time, requests and memory of a start among `number` Certificates, then also among as many Secrets."""
    with Cluster() as cluster:
        cluster.process("router").kill()  # it would hold every Secret of the cluster
        product = Product(cluster)
        product.install()
        filling = Filling(cluster.admin)
        try:
            return _measure(product, cluster, filling, number)
        finally:
            filling.close()


def _measure(product: Product, cluster: Cluster, filling: Filling, number: int) -> list[Measurement]:
    shim = product.start_shim()
    filling.create_issuer()
    ready = f'certmanager_clusterissuer_ready_status{{condition="True",name="{ISSUER}"}} 1.0'
    _until(lambda: ready in _metrics(product), "the issuer is ready")
    empty = procfs.peak_mb(shim.pid)
    shim.stop()
    filling.certificates(number)
    alone, shim = _start(product, cluster, number)
    shim.stop()
    filling.foreign_secrets(number)
    among, shim = _start(product, cluster, number)
    filling.take_away_secret(0)
    _until(lambda: filling.certificate(0).status.revision == 2, "the Secret that was taken away is issued anew")
    shim.stop()
    return [
        lower("shim without Certificates, peak RSS", empty, "MB"),
        *_figures(f"restart, {number} Certificates", alone, number),
        *_figures(f"restart, {number} and foreign Secrets", among, number),
    ]


def _figures(name: str, start: _Start, number: int) -> list[Measurement]:
    counted = traffic.count(start.audit, SHIM)
    lists = _lists(start.audit)
    events = sum(event.verb == "create" and event.object_ref.resource == "events" for event in start.audit)
    return [
        lower(f"{name}, until idle", start.seconds, "s", IDLE_AIM),
        lower(f"{name}, CPU of the shim", start.cpu, "s"),
        lower(f"{name}, CPU of the shim: per Certificate", start.cpu / number * 1000, "ms"),
        lower(f"{name}, most lists of one kind", max(lists.values()), "lists", 1),
        lower(f"{name}, requests to read", counted.reads.total(), "requests"),
        lower(f"{name}, writes and events", counted.writes.total() + events, "requests", 0),
        lower(f"{name}, peak RSS", start.peak_mb, "MB", RSS_AIM),
        lower(f"{name}, peak RSS after a scrape of the metrics", start.scraped_mb, "MB", RSS_AIM),
    ]


def _lists(audit: Sequence[AuditEvent]) -> Counter[str]:
    """Return how often each kind was listed; the later pages of a list are not counted.

    Secrets are two kinds: ours whole, selected by label, and the metadata of all.
    """
    return Counter(
        f"{event.object_ref.resource}{'' if 'labelSelector' in event.request_uri else ' all'}"
        for event in audit
        if event.verb == "list" and event.user.username in SHIM and "continue=" not in event.request_uri
    )


def _start(product: Product, cluster: Cluster, number: int) -> tuple[_Start, Process]:
    time.sleep(AUDIT_LAG)
    mark, began = cluster.audit_mark(), time.monotonic()
    shim = cluster.run("shim", product.shim_command())
    deadline = began + WITHIN
    while True:
        idle_at = _idle_at(shim, product, deadline)
        cpu, peak = procfs.cpu_seconds(shim.pid), procfs.peak_mb(shim.pid)
        if _is_done(product, number):
            break
        if time.monotonic() > deadline:
            raise TimeoutError(f"the shim has not looked at all after {WITHIN:g} s: {shim.tail(5)}")
    time.sleep(AUDIT_LAG)
    scraped = procfs.peak_mb(shim.pid)
    return _Start(idle_at - began, cpu, peak, scraped, tuple(cluster.audit(mark))), shim


def _idle_at(shim: Process, product: Product, deadline: float) -> float:
    """Block until the shim is ready and was quiet for a while; return since when."""
    shim.wait_until(lambda: requests.get(f"{product.shim_health}/readyz", timeout=10).ok, seconds=WITHIN)
    since, used = time.monotonic(), procfs.cpu_seconds(shim.pid)
    while time.monotonic() - since < QUIET_FOR:
        time.sleep(LOOK_EVERY)
        now_used = procfs.cpu_seconds(shim.pid)
        if now_used - used > QUIET:
            since, used = time.monotonic(), now_used
        if time.monotonic() > deadline:
            raise TimeoutError(f"the shim is not idle after {WITHIN:g} s: {shim.tail(5)}")
    return since


def _is_done(product: Product, number: int) -> bool:
    """Is nothing left to do, and does each Certificate wait for its renewal?"""
    text = _metrics(product)
    keys = {state: float(value) for state, value in re.findall(r'certshim_queue_keys{state="(\w+)"} (\S+)', text)}
    return keys["ready"] == 0 and keys["running"] == 0 and keys["delayed"] >= number


def _metrics(product: Product) -> str:
    return requests.get(f"{product.shim_metrics}/metrics", timeout=60).text


def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not after {PATIENCE:g} s: {what}")
        time.sleep(LOOK_EVERY)
