"""What a webhook in a cluster has besides: informers, its certificate's keeper, and the API server's first call.

A standalone one has none of it, and does not import it: the client of the API server alone is 25 MB.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

from shim.kube.cluster import Cluster
from shim.kube.transport import connect
from webhook.approval import Approver
from webhook.facts import InformedFacts
from webhook.keeper import Keeper, Names
from webhook.lookups import THREADS as LOOKING_UP
from webhook.readiness import Readiness
from webhook.settings import CONFIGURATIONS, Settings
from webhook.tls import Serving

log = logging.getLogger(__name__)

PROBE_EVERY: Final = 1.0


class Surroundings:
    """The cluster as the webhook sees it, and as it sees the webhook."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._transport = connect(settings.kubeconfig, workers=2 + LOOKING_UP)
        self._cluster = Cluster(self._transport)
        self.facts = InformedFacts(self._cluster, settings.ingress)
        self.approver = Approver(self._transport)
        self._keeper: Keeper | None = None

    def start(self) -> None:
        """Start the informers."""
        self._cluster.start()

    def stop(self) -> None:
        """Stop them."""
        self._cluster.stop()

    def turn(self, serving: Serving) -> Callable[[datetime], datetime]:
        """Return the turns that keep the serving certificate."""
        self._keeper = Keeper(self._cluster.client, serving, _names(self._settings))
        return self._keeper.turn

    @property
    def obstacle(self) -> str:
        """What keeps the API server from trusting us, for a person to remove; empty when nothing does."""
        return self._keeper.obstacle if self._keeper is not None else ""

    def probe(self, readiness: Readiness, serving: Serving, stopping: threading.Event) -> None:
        """Have the API server call until it has, or until the process stops."""
        namespace = self._settings.secret_namespace or "default"
        while readiness.problem and not stopping.is_set():
            if not serving.problem:
                readiness.probe(self._transport, namespace, socket.gethostname().lower())
            stopping.wait(PROBE_EVERY)
        if not readiness.problem:
            log.info("ready")


def _names(settings: Settings) -> Names:
    return Names(
        secret_namespace=settings.secret_namespace,
        secret_name=settings.secret_name,
        configurations=CONFIGURATIONS,
        dns_names=settings.dns_names,
        leaf_lifetime=settings.leaf_lifetime,
    )
