"""One webhook process put together: judge, facts, certificate, readiness, and the threads that keep them.

Everything is made in the worker, after gunicorn has forked: sockets to the API server and threads do
not survive a fork.  The threads only ever change what a review reads by one assignment.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from certs.judge import Judge
from shim.kube.cluster import Cluster
from shim.kube.errors import KubeError
from shim.kube.transport import Transport, connect
from webhook import tls
from webhook.app import create_app
from webhook.authority import make_authority, make_leaf
from webhook.facts import InformedFacts
from webhook.keeper import Keeper, Names
from webhook.readiness import Readiness
from webhook.review import Reviewer
from webhook.settings import CONFIGURATION, Settings, own_names
from webhook.site import Site
from webhook.tls import Serving

log = logging.getLogger(__name__)

RETRY_AFTER: Final = timedelta(seconds=1)
FILES_EVERY: Final = timedelta(seconds=1)
PROBE_EVERY: Final = 1.0


class Process:
    """The parts of one worker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self.serving = Serving()
        self._transport = None if settings.standalone else connect(settings.kubeconfig, workers=2)
        self._cluster = Cluster(self._transport) if self._transport is not None else None
        facts = InformedFacts(self._cluster) if self._cluster is not None else None
        self.reviewer = Reviewer(Judge(settings.ingress, facts))
        self._readiness = Readiness(lambda: self.reviewer.tally.reviews)
        flask = create_app(
            self.reviewer,
            healthy=lambda: self.serving.problem,
            ready=lambda: "" if settings.standalone else self.serving.problem or self._readiness.problem,
        )
        self.site = Site(self.reviewer, flask)
        now = datetime.now(UTC)
        own = make_leaf(make_authority(now), own_names(settings), now, timedelta(days=90))
        self.serving.use(own.pair, placeholder=not settings.standalone)

    def start(self) -> None:
        """Start the threads; does not wait for any of them."""
        if self._settings.files is not None:
            files = tls.Files(self._settings.files.chain, self._settings.files.key)
            self._run("serving files", lambda: self._repeat(lambda now: self._use_files(files, now)))
        if self._cluster is None or self._transport is None:
            return
        self._cluster.start()
        if self._settings.files is None:
            keeper = Keeper(self._cluster.client, self.serving, _names(self._settings))
            self._run("serving certificate", lambda: self._repeat(keeper.turn))
        transport = self._transport
        self._run("readiness", lambda: self._probe(transport))

    def stop(self) -> None:
        """Stop the threads; they end within their requests' deadlines, or with the process."""
        self._stopping.set()
        if self._cluster is not None:
            self._cluster.stop()

    def _run(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _repeat(self, turn: Callable[[datetime], datetime]) -> None:
        """Take turns until the process stops.  A turn that fails is taken again soon, told once per new reason."""
        told = ""
        while not self._stopping.is_set():
            now = datetime.now(UTC)
            try:
                again, told = turn(now), ""
            except (KubeError, OSError) as error:  # ssl.SSLError is an OSError
                again = now + RETRY_AFTER
                if str(error) != told:
                    told = str(error)
                    log.warning("cannot look after the serving certificate", extra={"reason": told})
            self._stopping.wait(max((again - datetime.now(UTC)).total_seconds(), 0))

    def _use_files(self, files: tls.Files, now: datetime) -> datetime:
        pair = files.changed()
        if pair is not None:
            self.serving.use(pair)
            log.info("serving certificate read")
        return now + FILES_EVERY

    def _probe(self, transport: Transport) -> None:
        namespace = self._settings.secret_namespace or "default"
        while self._readiness.problem and not self._stopping.is_set():
            if not self.serving.problem:
                self._readiness.probe(transport, namespace, socket.gethostname().lower())
            self._stopping.wait(PROBE_EVERY)
        if not self._readiness.problem:
            log.info("ready")


def _names(settings: Settings) -> Names:
    return Names(
        secret_namespace=settings.secret_namespace,
        secret_name=settings.secret_name,
        configuration=CONFIGURATION,
        dns_names=settings.dns_names,
        leaf_lifetime=settings.leaf_lifetime,
    )
