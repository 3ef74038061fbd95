"""Many Ingresses at once: how long until all their Certificates are ready, and what CPU one certificate costs.

The hosts are all different and spread over ten namespaces; one ClusterIssuer, so one ACME account, as in most clusters.
Where API server, etcd, CA, proxy and router share the cores with the shim, the time says little about the shim; its CPU
does.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from bench.arrivals import Arrival
from bench.kit import Kit
from bench.measurement import Measurement, higher, lower

NAMESPACES: Final = 10
CLIENTS: Final = 4  # who create the Ingresses; more would only press on the API server
PATIENCE: Final = 120.0  # seconds, for two hundred: some four times what two busy cores need
AIMS: Final = {20: 3.0, 100: 12.0, 1000: 150.0}  # seconds until all are ready, by how many
MOST_API_SERVER_CPU: Final = 100.0  # ms per certificate
PATIENCE_EACH: Final = 0.4  # seconds for each, where there are more


def measure(kit: Kit, issuer: str, number: int) -> list[Measurement]:
    """Return time and CPU for `number` certificates."""
    namespaces = [kit.namespace(issuer) for _ in range(NAMESPACES)]
    places = [(namespaces[index % NAMESPACES], f"many-{index}") for index in range(number)]
    before, began = kit.cpu(), time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in pool.map(lambda place: kit.create(place[0], place[1], issuer), places):
            pass
    created = time.monotonic() - began
    patience = max(PATIENCE, PATIENCE_EACH * number)
    ready = kit.arrivals.wait([Arrival(where, f"{name}-tls", 1) for where, name in places], seconds=patience)
    kit.arrivals.settle(seconds=PATIENCE)
    after = kit.cpu()
    spent = {name: (after[name] - before[name]) / number * 1000 for name in before}
    seconds = max(ready) - began
    return [
        lower(f"{number} at once, until all Ingresses are created", created, "s"),
        lower(f"{number} at once, until the first Certificate is ready", min(ready) - began, "s"),
        lower(f"{number} at once, until all Certificates are ready", seconds, "s", AIMS.get(number)),
        higher(f"{number} at once, Certificates per second", number / seconds, "1/s"),
        lower(f"{number} at once, CPU per certificate", sum(spent.values()), "ms"),
        *(
            lower(
                f"{number} at once, CPU per certificate: {name}",
                spent[name],
                "ms",
                MOST_API_SERVER_CPU if name == "kube-apiserver" else None,
            )
            for name in spent
        ),
    ]
