"""From the POST of an annotated Ingress to the Secret with the certificate, and what that costs in API requests.

One after another: the next begins when the Certificate of the last is ready and its Challenge and next private key
are gone.  The tester's connections are open already, and Pebble does not sleep, so what is left is our own time, the
API server's, and that of CA and proxy.
"""

from __future__ import annotations

import time
from typing import Final

from bench import traffic
from bench.arrivals import Arrival
from bench.kit import PATIENCE, Kit
from bench.measurement import Measurement, lower, percentile

WARM_UPS: Final = 2
RUNS: Final = 20
MOST_WRITES: Final = 16


def measure(kit: Kit, issuer: str) -> list[Measurement]:
    """Return latency and requests of `RUNS` certificates."""
    namespace = kit.namespace(issuer, warm_ups=WARM_UPS)
    time.sleep(1)  # the audit log's last lines
    mark = kit.cluster.audit_mark()
    seconds = [_one(kit, namespace, f"run-{number}", issuer) for number in range(RUNS)]
    time.sleep(1)
    counted = traffic.count(kit.cluster.audit(mark))
    return [
        lower("Ingress POST until Secret, p50", percentile(seconds, 50), "s", 0.7),
        lower("Ingress POST until Secret, p99", percentile(seconds, 99), "s"),
        lower("Ingress POST until Secret, fastest", min(seconds), "s"),
        *traffic.figures(counted, per="certificate", number=RUNS, aim=MOST_WRITES),
    ]


def _one(kit: Kit, namespace: str, name: str, issuer: str) -> float:
    began = time.monotonic()
    kit.create(namespace, name, issuer)
    (arrived,) = kit.arrivals.wait([Arrival(namespace, f"{name}-tls")], seconds=PATIENCE)
    kit.arrivals.wait([Arrival(namespace, f"{name}-tls", 1)], seconds=PATIENCE)
    kit.arrivals.settle(seconds=PATIENCE)
    return arrived - began
