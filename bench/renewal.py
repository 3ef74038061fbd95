"""API requests of one renewal: a certificate that lives for seconds, watched through its first renewal.

The CA reuses no authorization, so this is a renewal with a whole HTTP-01 proof; the route stands already.
"""

from __future__ import annotations

import time
from typing import Final

from bench import traffic
from bench.arrivals import Arrival
from bench.kit import PATIENCE, Kit
from bench.measurement import Measurement
from tests.cluster import PebbleSettings

# Renewed after half of it, so after sixteen: time to settle before, and after.
LIFETIME: Final = 32


def measure(kit: Kit) -> list[Measurement]:
    """Return the requests between the end of the first issuance and that of the second."""
    ca = kit.cluster.pebble("brief", PebbleSettings(profiles={"brief": LIFETIME}))
    issuer = kit.issuer("brief", ca, renewalInformationSource="None")  # Pebble suggests any moment of so short a life
    namespace = kit.namespace(issuer, warm_ups=0)
    kit.issue(namespace, "renewed", issuer)
    time.sleep(1)  # the audit log's last lines
    mark = kit.cluster.audit_mark()
    kit.arrivals.wait([Arrival(namespace, "renewed-tls", 2)], seconds=LIFETIME + PATIENCE)
    kit.arrivals.settle(seconds=PATIENCE)
    time.sleep(1)
    counted = traffic.count(kit.cluster.audit(mark))
    kit.cluster.api.delete(f"/api/v1/namespaces/{namespace}")  # or it would go on renewing
    return list(traffic.figures(counted, per="renewal", number=1))
