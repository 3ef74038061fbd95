"""The webhook alone: a real standalone server over TLS, loaded from another process on kept-alive connections.

The reviews are what an API server sends: a Certificate created (2.1 KB), an Ingress created (4 KB, most of it
`managedFields`; asked twice, to fill it in and to judge it), an Ingress updated (8.7 KB with the old object).
What is measured is first of all the CPU that the server's process used, divided by the reviews: on a shared
machine the one number that can be trusted.  The kinds take turns, so that noise falls on all of them.
Latencies are the client's: in a closed loop (every connection always busy) and at 200 reviews a second.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bench.measurement import Measurement, lower, percentile
from bench.procfs import cpu_seconds, family, peak_mb, pss_mb
from bench.reviewing import Sent, closed_loop, open_loop, wait_for
from tests.webhook.reviews import certificate, ingress, review, with_managed_fields

CERTSHIM: Final = Path(sys.executable).with_name("certshim")
WARM_UP: Final = 500
REVIEWS: Final = 2000  # of a kind in a round
ROUNDS: Final = 3
RATE: Final = 200.0  # a second
PACED: Final = 1000
LARGE: Final = 1_000_000  # bytes of an object
LARGE_ONES: Final = 10


def mix() -> Mapping[str, Sent]:
    """Return the reviews of the hot path by what they are."""
    tls = [{"hosts": ["shop.example.com"], "secretName": "shop-tls"}]
    created = with_managed_fields(ingress(), 3300)
    updated = with_managed_fields(ingress(tls=tls), 3900)
    group = "networking.k8s.io"
    kind = ("ingresses", "Ingress")
    return {
        "Certificate create": Sent(
            "/validate", review("certificates", "Certificate", with_managed_fields(certificate(), 1400))
        ),
        "Ingress create, filled in": Sent("/mutate", review(*kind, created, group=group)),
        "Ingress create, judged": Sent(
            "/validate", review(*kind, with_managed_fields(ingress(tls=tls), 3300), group=group)
        ),
        "Ingress update": Sent("/validate", review(*kind, updated, group=group, operation="UPDATE", old=updated)),
    }


def large() -> Mapping[str, Sent]:
    """Return reviews of objects of a megabyte by what makes them large."""
    names = [f"host-{i}.example.com" for i in range(LARGE // 24)]
    notes = {f"example.com/note-{i}": "x" * 100 for i in range(LARGE // 130)}
    rules: dict[str, Any] = ingress(*names[: LARGE // 130])
    asked = {**notes, "cert-manager.io/issuer": "le"}
    group = "networking.k8s.io"
    return {
        "names": Sent("/validate", review("certificates", "Certificate", certificate(dnsNames=names))),
        "rules": Sent("/mutate", review("ingresses", "Ingress", rules, group=group)),
        "annotations": Sent("/validate", review("ingresses", "Ingress", ingress(annotations=asked), group=group)),
        "one value": Sent("/validate", review("certificates", "Certificate", certificate(commonName="a" * LARGE))),
    }


def measure() -> list[Measurement]:
    """Start a server, load it, and return CPU per review, latencies and memory."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    began = time.monotonic()
    server = subprocess.Popen([CERTSHIM, "webhook", "--standalone", f"--bind=127.0.0.1:{port}"])
    try:
        wait_for(port)
        started = time.monotonic() - began
        figures = _figures(port, server.pid)
    finally:
        server.terminate()
        server.wait(timeout=15)
    return [lower("webhook alone, start until it answers", started, "s", 2), *figures]


def _figures(port: int, pid: int) -> list[Measurement]:
    reviews = mix()
    closed_loop(port, list(reviews.values()), WARM_UP)
    used: defaultdict[str, float] = defaultdict(float)
    busy: list[float] = []
    for _ in range(ROUNDS):
        for name, one in reviews.items():
            before = _cpu(pid)
            busy += closed_loop(port, [one], REVIEWS)
            used[name] += _cpu(pid) - before
    paced = open_loop(port, list(reviews.values()), PACED, RATE)
    memory = [
        lower("webhook alone, peak RSS", sum(map(peak_mb, family(pid))), "MB", 90),
        lower("webhook alone, PSS", sum(map(pss_mb, family(pid))), "MB"),
    ]
    slow = {name: percentile(open_loop(port, [one], LARGE_ONES, 10), 50) for name, one in large().items()}
    each = {name: seconds / ROUNDS / REVIEWS * 1e6 for name, seconds in used.items()}
    return [
        lower("webhook CPU per review", sum(each.values()) / len(each), "µs", 110),
        *(lower(f"webhook CPU per review: {name}", value, "µs") for name, value in each.items()),
        lower("review latency, four connections busy, p50", percentile(busy, 50) * 1e3, "ms"),
        lower("review latency, four connections busy, p99", percentile(busy, 99) * 1e3, "ms"),
        lower(f"review latency at {RATE:.0f}/s, p50", percentile(paced, 50) * 1e3, "ms"),
        lower(f"review latency at {RATE:.0f}/s, p99", percentile(paced, 99) * 1e3, "ms", 5),
        *(lower(f"review of 1 MB, {name}, p50", value * 1e3, "ms", 20) for name, value in slow.items()),
        *memory,
    ]


def _cpu(pid: int) -> float:
    return sum(map(cpu_seconds, family(pid)))
