"""Certificates of a CA of one's own: no network is waited for, so what is measured is the shim and the API server.

A ClusterIssuer signs with a root that the self-signed issuer made.  Certificates are applied as a GitOps tool does,
by server-side apply, by four clients at once.  First a few one after another, for the requests that each takes; then
many at once, with ECDSA keys for the CPU that each costs, with RSA keys for the time; then again without admission.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

from bench import procfs, traffic
from bench.arrivals import Arrival
from bench.kit import PATIENCE, Kit
from bench.measurement import Measurement, higher, lower
from tests.product import NAMESPACE

ISSUER: Final = "bench-ca"
RUNS: Final = 20
NAMESPACES: Final = 10
CLIENTS: Final = 4
MOST_WRITES: Final = 6
MOST_EVENTS: Final = 3
SECONDS_EACH: Final = 0.03  # two hundred in six seconds
SHIM_MS: Final = 20
APISERVER_MS: Final = 30
PATIENCE_EACH: Final = 0.5  # seconds for each of many, on a machine that others use
PARTS: Final = ("shim", "webhook", "kube-apiserver", "etcd", "tester")
AUDIT_LAG: Final = 1.0  # seconds until the last requests are in the log, and the last events written

CERTIFICATE: Final = "/apis/cert-manager.io/v1/namespaces/{}/certificates/{}"
CLUSTER_ISSUER: Final = "/apis/cert-manager.io/v1/clusterissuers/{}"


def measure(kit: Kit, number: int) -> list[Measurement]:
    """Return requests, time and CPU of `number` certificates."""
    _bootstrap(kit)
    figures = [*_in_turn(kit), *_at_once(kit, number, "ECDSA"), *_at_once(kit, number, "RSA")[:2]]
    if kit.webhook is not None:
        kit.product.withdraw_admission()
        kit.webhook.stop()
        figures += _at_once(replace(kit, webhook=None), number, "ECDSA", " without admission")
    return [*figures, lower("shim after all of these, peak RSS", procfs.peak_mb(kit.shim.pid), "MB")]


def _bootstrap(kit: Kit) -> None:
    """Make the root, the issuer and a first certificate of it."""
    apply = kit.cluster.api.apply
    apply(CLUSTER_ISSUER.format("bench-root"), _issuer("bench-root", selfSigned={}))
    kit.arrivals.issuer_ready("bench-root", seconds=PATIENCE)
    root = _certificate(NAMESPACE, ISSUER, issuer="bench-root", isCA=True, commonName="Bench root", dnsNames=[])
    apply(CERTIFICATE.format(NAMESPACE, ISSUER), root)
    kit.arrivals.wait([Arrival(NAMESPACE, ISSUER, 1)], seconds=PATIENCE)
    apply(CLUSTER_ISSUER.format(ISSUER), _issuer(ISSUER, ca={"secretName": ISSUER}))
    kit.arrivals.issuer_ready(ISSUER, seconds=PATIENCE)
    (namespace,) = _namespaces(kit, 1)
    _issue(kit, namespace, "warm-up")


def _in_turn(kit: Kit) -> list[Measurement]:
    """Count the requests for certificates that come one after another."""
    (namespace,) = _namespaces(kit, 1)
    time.sleep(AUDIT_LAG)
    mark = kit.cluster.audit_mark()
    for number in range(RUNS):
        _issue(kit, namespace, f"shop-{number}")
    time.sleep(AUDIT_LAG)
    audit = list(kit.cluster.audit(mark))
    return [
        *traffic.figures(traffic.count(audit), per="certificate of a CA", number=RUNS, aim=MOST_WRITES),
        lower("Events per certificate of a CA", _events(kit, [namespace]) / RUNS, "objects", MOST_EVENTS),
        *traffic.refused(traffic.refusals(audit), where="one after another", number=RUNS),
    ]


def _at_once(kit: Kit, number: int, algorithm: str, how: str = "") -> list[Measurement]:
    """Return time, CPU and requests of many: the first two figures are the time and the rate."""
    places = _namespaces(kit, NAMESPACES)
    wanted = [(places[index % NAMESPACES], f"shop-{index}") for index in range(number)]
    time.sleep(AUDIT_LAG)
    mark, before, began = kit.cluster.audit_mark(), _cpu(kit), time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in pool.map(lambda one: _apply(kit, one[0], one[1], algorithm), wanted):
            pass
    applied = time.monotonic() - began
    ready = kit.arrivals.wait([Arrival(*one, 1) for one in wanted], seconds=max(PATIENCE, PATIENCE_EACH * number))
    kit.arrivals.settle(seconds=PATIENCE)
    seconds = max(ready) - began
    time.sleep(AUDIT_LAG)
    after, audit = _cpu(kit), list(kit.cluster.audit(mark))
    spent = {part: (after[part] - before[part]) / number * 1000 for part in PARTS if part in before}
    aims = {"shim": SHIM_MS, "kube-apiserver": APISERVER_MS}
    name, is_aim = f"{number} {algorithm} of a CA at once{how}", algorithm == "ECDSA" and not how
    counted = traffic.count(audit)
    return [
        lower(f"{name}, until all are ready", seconds, "s", SECONDS_EACH * number if is_aim else None),
        higher(f"{name}, Certificates per second", number / seconds, "1/s"),
        lower(f"{name}, until all are applied", applied, "s"),
        lower(f"{name}, until the first is ready", min(ready) - began, "s"),
        lower(f"{name}, CPU per certificate", sum(spent.values()), "ms"),
        *(lower(f"{name}, CPU per certificate: {part}", ms, "ms", aims.get(part)) for part, ms in spent.items()),
        *traffic.figures(counted, per=f"certificate of {name}", number=number, aim=MOST_WRITES),
        lower(f"Events per certificate of {name}", _events(kit, places) / number, "objects", MOST_EVENTS),
        *traffic.refused(traffic.refusals(audit), where=name, number=number),
    ]


def _cpu(kit: Kit) -> dict[str, float]:
    """Return the CPU seconds of all who take part: also ours, who apply and watch on the same cores."""
    return {**kit.cpu(), "tester": time.process_time()}


def _issue(kit: Kit, namespace: str, name: str) -> None:
    _apply(kit, namespace, name, "ECDSA")
    kit.arrivals.wait([Arrival(namespace, name, 1)], seconds=PATIENCE)
    kit.arrivals.settle(seconds=PATIENCE)


def _apply(kit: Kit, namespace: str, name: str, algorithm: str) -> None:
    body = _certificate(namespace, name, issuer=ISSUER, privateKey={"algorithm": algorithm})
    kit.cluster.api.apply(CERTIFICATE.format(namespace, name), body)


def _namespaces(kit: Kit, number: int) -> list[str]:
    names = [f"bench-{secrets.token_hex(4)}" for _ in range(number)]
    for name in names:
        kit.cluster.api.post("/api/v1/namespaces", {"metadata": {"name": name}})
    return names


def _events(kit: Kit, namespaces: Sequence[str]) -> int:
    """Return how many Events there are; what is said again raises the count of one."""
    return sum(len(kit.cluster.api.get(f"/api/v1/namespaces/{name}/events")["items"]) for name in namespaces)


def _issuer(name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": {"name": name}, "spec": spec}


def _certificate(namespace: str, name: str, *, issuer: str, **spec: Any) -> dict[str, Any]:
    """Return a Certificate whose Secret has its name."""
    wanted = {
        "secretName": name,
        "issuerRef": {"name": issuer, "kind": "ClusterIssuer"},
        "dnsNames": [f"{name}.{namespace}.example.test"],
        "privateKey": {"algorithm": "ECDSA"},
    }
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": name, "namespace": namespace},
        "spec": wanted | spec,
    }
