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
from shim.kube.metrics import API
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
        self.collector = API(self._cluster)
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
        """What a new replica waits for: a person who lets the API server trust us, or our view of the cluster.

        Right after CRDs are made, the API server breaks the watches of their kinds off, and a judge that does not see
        what comes accepts what it should refuse.
        """
        if self._keeper is not None and self._keeper.obstacle:
            return self._keeper.obstacle
        behind = self._cluster.behind
        return f"not followed yet: {', '.join(behind)}" if behind else ""

    @property
    def remark(self) -> str:
        """What the informers lack; nothing is refused for it, and the audit log names the rules that were skipped."""
        if unsynced := self._cluster.unsynced:
            return f"not complete yet, rules that need them are skipped: {', '.join(unsynced)}"
        if failing := self._cluster.failing:
            return f"as they were: the API server does not give {', '.join(failing)}"
        return ""

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
