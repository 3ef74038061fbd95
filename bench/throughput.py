"""Many Ingresses at once: how long until all their Certificates are ready, and what CPU one certificate costs.

The hosts are all different and spread over ten namespaces; one ClusterIssuer, so one ACME account, as in most clusters.
Where API server, etcd, CA, proxy and router share the cores with the shim, the time says little about the shim; its CPU
does.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from bench import procfs
from bench.arrivals import Arrival
from bench.kit import Kit
from bench.measurement import Measurement, higher, lower

NAMESPACES: Final = 10
CLIENTS: Final = 4  # who create the Ingresses; more would only press on the API server
PATIENCE: Final = 120.0  # seconds, for two hundred: some four times what two busy cores need
PATIENCE_EACH: Final = 0.4  # seconds for each, where there are more


def measure(kit: Kit, issuer: str, number: int) -> list[Measurement]:
    """Return time and CPU for `number` certificates."""
    namespaces = [kit.namespace(issuer) for _ in range(NAMESPACES)]
    places = [(namespaces[index % NAMESPACES], f"many-{index}") for index in range(number)]
    before, began = _cpu(kit), time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in pool.map(lambda place: kit.create(place[0], place[1], issuer), places):
            pass
    created = time.monotonic() - began
    patience = max(PATIENCE, PATIENCE_EACH * number)
    ready = kit.arrivals.wait([Arrival(where, f"{name}-tls", 1) for where, name in places], seconds=patience)
    kit.arrivals.settle(seconds=PATIENCE)
    after = _cpu(kit)
    spent = {name: (after[name] - before[name]) / number * 1000 for name in before}
    seconds = max(ready) - began
    return [
        lower(f"{number} at once, until all Ingresses are created", created, "s"),
        lower(f"{number} at once, until the first Certificate is ready", min(ready) - began, "s"),
        lower(f"{number} at once, until all Certificates are ready", seconds, "s"),
        higher(f"{number} at once, Certificates per second", number / seconds, "1/s"),
        lower("CPU per certificate", sum(spent.values()), "ms"),
        *(lower(f"CPU per certificate: {name}", spent[name], "ms") for name in spent),
    ]


def _cpu(kit: Kit) -> Mapping[str, float]:
    """Return the CPU seconds of every process that takes part; Caddy's two and the router are the kit's proxy."""
    pids = {"shim": [kit.shim.pid]}
    if kit.webhook is not None:
        pids["webhook"] = procfs.family(kit.webhook.pid)
    pids |= {name: [kit.cluster.process(name).pid] for name in ("kube-apiserver", "etcd", "pebble")}
    pids["proxy"] = [kit.cluster.process(name).pid for name in ("router", "caddy", "caddy-routes")]
    return {name: sum(map(procfs.cpu_seconds, family)) for name, family in pids.items()}
