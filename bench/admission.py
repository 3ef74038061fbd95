"""Admission through the real API server: what it adds to a create, and what 10,000 Ingresses cost the webhook.

Both halves of a comparison take turns within one run, as dry runs, so that nothing is stored: a Certificate in a
namespace with `disable-validation` and in one without, an Ingress without annotations and one that asks for a
certificate (which is filled in and judged: two calls).
"""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any, Final

from bench import procfs
from bench.kit import INGRESSES, Kit, ingress
from bench.measurement import Measurement, lower
from tests.cluster import Process
from tests.webhook.reviews import certificate

CERTIFICATES: Final = "/apis/cert-manager.io/v1/namespaces/{}/certificates?dryRun=All"
TURNS: Final = 200
WARM_UP: Final = 20
MANY: Final = 10_000
CLIENTS: Final = 8
NAMESPACES: Final = 50
FOLLOWS_WITHIN: Final = 60.0  # seconds


def measure(kit: Kit) -> list[Measurement]:
    """Return what admission adds to a create, memory with many Ingresses known, and the time of a restart then."""
    webhook = kit.webhook
    if webhook is None:
        return []
    figures = _added(kit)
    _fill(kit)
    time.sleep(1.0)  # the last changes are on their way
    memory = [
        lower(f"webhook with {MANY} Ingresses, peak RSS", procfs.peak_mb(webhook.pid), "MB", 90),
        lower(f"webhook with {MANY} Ingresses, PSS", procfs.pss_mb(webhook.pid), "MB", 90),
    ]
    return [*figures, *memory, *_restart(kit, webhook)]


def _added(kit: Kit) -> list[Measurement]:
    judged, unjudged = (f"bench-{secrets.token_hex(4)}" for _ in range(2))
    for name, labels in ((judged, {}), (unjudged, {"cert-manager.io/disable-validation": "true"})):
        kit.cluster.api.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    plain = ingress("shop", "le", kit.cluster.ingress_class)
    plain["metadata"]["annotations"] = {"example.com/note": "le"}
    asking = ingress("shop", "pebble", kit.cluster.ingress_class)
    took: defaultdict[str, list[float]] = defaultdict(list)
    for turn in range(TURNS + WARM_UP):
        for name, path, body in (
            ("Certificate", CERTIFICATES.format(judged), _certificate(judged)),
            ("Certificate, unjudged", CERTIFICATES.format(unjudged), _certificate(unjudged)),
            ("Ingress", f"{INGRESSES.format(judged)}?dryRun=All", asking),
            ("Ingress, unjudged", f"{INGRESSES.format(judged)}?dryRun=All", plain),
        ):
            began = time.perf_counter()
            kit.cluster.api.post(path, body)
            if turn >= WARM_UP:
                took[name].append(time.perf_counter() - began)
    middle = {name: median(values) * 1e3 for name, values in took.items()}
    return [
        lower("Certificate create, dry run, p50", middle["Certificate"], "ms"),
        lower(
            "Certificate create, added by admission", middle["Certificate"] - middle["Certificate, unjudged"], "ms", 1.9
        ),
        lower("Ingress create, dry run, p50", middle["Ingress"], "ms"),
        lower("Ingress create, added by admission", middle["Ingress"] - middle["Ingress, unjudged"], "ms", 3.8),
    ]


def _certificate(namespace: str) -> dict[str, Any]:
    body = certificate()
    return {**body, "metadata": {"name": "shop", "namespace": namespace}}


def _fill(kit: Kit) -> None:
    """Create Ingresses that ask for nothing, spread over namespaces."""
    namespaces = [f"bench-many-{number}" for number in range(NAMESPACES)]
    for name in namespaces:
        kit.cluster.api.post("/api/v1/namespaces", {"metadata": {"name": name}})

    def create(number: int) -> None:
        body = ingress(f"shop-{number}", "le", kit.cluster.ingress_class)
        body["metadata"]["annotations"] = {"example.com/note": "nothing for us"}
        kit.cluster.api.post(INGRESSES.format(namespaces[number % NAMESPACES]), body)

    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in pool.map(create, range(MANY)):
            pass


def _restart(kit: Kit, webhook: Process) -> list[Measurement]:
    webhook.stop()
    began = time.monotonic()
    kit.product.start_webhook()
    return [lower(f"webhook start until ready, with {MANY} Ingresses", time.monotonic() - began, "s", 2)]
