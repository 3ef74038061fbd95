"""The kit: a real API server, a real ACME CA and a real proxy, as processes on loopback.

    with Cluster() as cluster:
        cluster.kubectl("apply", "-f", "-", stdin=manifest)

`python -m tests.cluster` runs it for a developer until Ctrl-C; `python -m tests.cluster.build` builds its programs,
once.  Nothing is faked except DNS answers (challtestsrv) and the ingress controller's control loop (`router/`).
It needs Linux, and neither root nor containers.
"""

from tests.cluster.access import API, APIFailure
from tests.cluster.audit import AuditEvent, Mark
from tests.cluster.ca import DEFAULT_PROFILE, SHORT_PROFILE, Pebble, PebbleSettings
from tests.cluster.cluster import Cluster, KubectlFailed
from tests.cluster.processes import PartFailed, Process

__all__ = [
    "API",
    "DEFAULT_PROFILE",
    "SHORT_PROFILE",
    "APIFailure",
    "AuditEvent",
    "Cluster",
    "KubectlFailed",
    "Mark",
    "PartFailed",
    "Pebble",
    "PebbleSettings",
    "Process",
]
