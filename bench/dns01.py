"""A wildcard and its apex over DNS-01, by dynamic updates to a real `named`: how long, and what it costs.

Pebble resolves with the same server, and nobody else has to be waited for, so what is left is our own time.  One
certificate after another, and then ten at once.
"""

from __future__ import annotations

import base64
import secrets
import time
from typing import Any, Final

from bench import traffic
from bench.arrivals import Arrival
from bench.kit import PATIENCE, Kit
from bench.measurement import Measurement, lower, percentile
from tests.cluster import PebbleSettings
from tests.cluster.named import SECRET
from tests.product import NAMESPACE

ZONE: Final = "dns.test"
RUNS: Final = 10
AT_ONCE: Final = 10
MOST_WRITES: Final = 20
CERTIFICATES: Final = "/apis/cert-manager.io/v1/namespaces/{}/certificates"


def measure(kit: Kit) -> list[Measurement]:
    """Return latency and requests; nothing where there is no `named`."""
    if kit.named is None:
        return []
    issuer = kit.issuer(
        "dns", kit.cluster.pebble("dns", PebbleSettings(), resolver=kit.named.address), solvers=[_solver(kit)]
    )
    namespace = f"bench-{secrets.token_hex(4)}"
    kit.cluster.api.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
    _issue(kit, namespace, ["warm-up"], issuer)
    time.sleep(1)  # the audit log's last lines
    mark = kit.cluster.audit_mark()
    seconds = [_issue(kit, namespace, [f"run-{number}"], issuer) for number in range(RUNS)]
    time.sleep(1)
    counted = traffic.count(kit.cluster.audit(mark))
    at_once = _issue(kit, namespace, [f"at-once-{number}" for number in range(AT_ONCE)], issuer)
    return [
        lower("DNS-01, wildcard and apex: Certificate POST until Secret, p50", percentile(seconds, 50), "s", 1.1),
        lower(f"DNS-01, {AT_ONCE} at once: first POST until last Secret", at_once, "s"),
        *traffic.figures(counted, per="certificate over DNS-01", number=RUNS, aim=MOST_WRITES),
    ]


def _issue(kit: Kit, namespace: str, names: list[str], issuer: str) -> float:
    """Create Certificates, wait until nothing is left to tidy up, and return when the last Secret was there."""
    began = time.monotonic()
    for name in names:
        host = f"{name}-{secrets.token_hex(4)}.{ZONE}"
        spec = {
            "secretName": name,
            "dnsNames": [host, f"*.{host}"],
            "issuerRef": {"name": issuer, "kind": "ClusterIssuer"},
        }
        body = {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Certificate",
            "metadata": {"name": name},
            "spec": spec,
        }
        kit.cluster.api.post(CERTIFICATES.format(namespace), body)
    arrived = kit.arrivals.wait([Arrival(namespace, name) for name in names], seconds=PATIENCE)
    kit.arrivals.wait([Arrival(namespace, name, 1) for name in names], seconds=PATIENCE)
    kit.arrivals.settle(seconds=PATIENCE)
    return max(arrived) - began


def _solver(kit: Kit) -> dict[str, Any]:
    """Store the key and return the solver that uses it."""
    assert kit.named is not None
    data = {"key": base64.b64encode(SECRET.encode()).decode()}
    kit.cluster.api.post(f"/api/v1/namespaces/{NAMESPACE}/secrets", {"metadata": {"name": "tsig"}, "data": data})
    rfc2136 = {
        "nameserver": kit.named.address,
        "tsigKeyName": "hmac-sha256",
        "tsigAlgorithm": "HMACSHA256",
        "tsigSecretSecretRef": {"name": "tsig", "key": "key"},
    }
    return {"dns01": {"rfc2136": rfc2136}}
