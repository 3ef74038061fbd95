"""The shim process, composed: stores, responder, election, queue, workers; and its orderly end.

    connect ─> follow ─> synced ─> responder, health ─> elected ─> watches wake keys ─> workers
                                                          └─ lost: the process ends (another goes on)

Every replica follows the cluster and answers HTTP-01; the elected one works.  A process that loses its lease
ends at once rather than finish what another may have begun: nothing is lost by that, since every
step can be repeated.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import structlog

from certs.api.challenge import Challenge
from certs.decide import certificatesteps, challenge, ingress, issuer, order, request
from certs.decide.certificatesteps import ObservedCertificate
from certs.decide.challenge import ObservedChallenge
from certs.decide.ingress import ObservedIngress
from certs.decide.issuer import ObservedIssuer
from certs.decide.order import ObservedOrder
from certs.decide.request import ObservedRequest
from shim import VERSION
from shim.acme.accounts import Accounts
from shim.acme.transport import Exchange
from shim.acme.transport import Settings as ACMESettings
from shim.controllers.certificate import CertificateController
from shim.controllers.challenge import ChallengeController
from shim.controllers.ingress import IngressController
from shim.controllers.issuer import IssuerController
from shim.controllers.order import OrderController
from shim.controllers.request import RequestController
from shim.controllers.secrets import Secrets
from shim.controllers.watches import Watches
from shim.controllers.world import World
from shim.engine.loop import Hook, Loop, no_hook
from shim.engine.queue import WorkQueue
from shim.engine.reconciler import Key, Lane
from shim.engine.workers import TakesTurns, Workers
from shim.health import Page, PageServer, check
from shim.keymill import KeyMill
from shim.kube.cluster import Cluster
from shim.kube.election import LeaseTimes
from shim.kube.lease import Elector
from shim.kube.recorder import Recorder
from shim.kube.transport import connect
from shim.metrics import CONTENT_TYPE, Metrics
from shim.responder import Responder
from shim.settings import Settings
from shim.solvers.dns01.solver import DNS01
from shim.solvers.http01 import HTTP01
from shim.stores import follow

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LEASE: Final = "cert-manager-controller"
SYNC_LOOK: Final = 0.5  # seconds between two looks at whether to stop
SYNC_TOLD_EVERY: Final = 60.0  # a first list of ten thousand objects takes a few seconds
# The CA's request is answered: its verdict follows within milliseconds at a fast CA.
VERDICT_AFTER: Final = 0.03


class Shim:
    """One replica.  `run` blocks until `stop` is called (from a signal handler) or the lease is lost.

    `hook` is called around each act, `exchanged` after each exchange with a CA: tests end the process there.
    """

    def __init__(
        self, settings: Settings, *, hook: Hook = no_hook, exchanged: Callable[[Exchange], None] | None = None
    ) -> None:
        self._settings = settings
        self._ending = threading.Event()
        self._lost = False
        self._metrics = Metrics()
        self._cluster = Cluster(
            connect(settings.kubeconfig, workers=settings.workers + 4), namespace=settings.namespace
        )
        self._stores = follow(self._cluster)
        self._queue = WorkQueue()
        self._mill = KeyMill()
        self._recorder = Recorder(self._cluster.client, instance=socket.gethostname())
        self._world = World(
            stores=self._stores,
            secrets=Secrets(self._stores.secrets, self._stores.secret_metadata, self._cluster.client),
            client=self._cluster.client,
            recorder=self._recorder,
            accounts=Accounts(
                ACMESettings(user_agent=f"certshim/{VERSION}", observe=exchanged or self._metrics.exchanged)
            ),
            settings=settings.controllers,
            mill=self._mill,
            wake_certificate=lambda namespace, name: self._queue.add(
                Key("certificates", namespace, name), Lane.UNDERWAY
            ),
        )
        self._workers = Workers(self._queue, self._loops(hook), count=settings.workers)
        self._metrics.watch(self._stores, self._queue, self._workers, self._mill)
        self._elector = self._make_elector() if settings.lease.enabled else None
        self._servers: list[PageServer | Responder] = []

    def run(self) -> int:
        """Work until the end; return the exit code: 0 when stopped, 1 when the lease was lost."""
        self._cluster.start()
        self._serve_pages()
        self._await_stores()
        self._start(self._make_responder())
        self._recorder.start()
        if self._elector is not None:
            self._elector.start()
        else:
            self._work()
        log.info("started", version=VERSION, elected=self._elector is None)
        self._ending.wait()
        self._end()
        return 1 if self._lost else 0

    def stop(self) -> None:
        """Have `run` end in order; safe in a signal handler, and to repeat."""
        self._ending.set()

    def _loops(self, hook: Hook) -> tuple[TakesTurns, ...]:
        world, stores = self._world, self._stores
        settings = self._settings
        http01 = HTTP01(stores, world.client, settings.responders, settings.self_check)
        dns01 = DNS01(world.secrets, self._cluster.transport, settings.dns, world.issuer_namespace)
        return (
            Loop[ObservedIngress, ingress.Step](IngressController(world), self._queue, hook=hook),
            Loop[ObservedCertificate, certificatesteps.Step](CertificateController(world), self._queue, hook=hook),
            Loop[ObservedRequest, request.Step](RequestController(world), self._queue, hook=hook),
            Loop[ObservedOrder, order.Step](OrderController(world), self._queue, hook=hook),
            Loop[ObservedChallenge, challenge.Step](ChallengeController(world, http01, dns01), self._queue, hook=hook),
            Loop[ObservedIssuer, issuer.Step](
                IssuerController(world, stores.issuers, "issuers"), self._queue, hook=hook
            ),
            Loop[ObservedIssuer, issuer.Step](
                IssuerController(world, stores.cluster_issuers, "clusterissuers"), self._queue, hook=hook
            ),
        )

    def _make_elector(self) -> Elector:
        lease = self._settings.lease
        return Elector(
            self._cluster.client,
            namespace=lease.namespace,
            name=LEASE,
            identity=f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}-external-cert-manager-controller",
            on_elected=self._work,
            on_lost=self._lose,
            times=LeaseTimes(
                lease_for=lease.duration.total_seconds(),
                renew_within=lease.renew_deadline.total_seconds(),
                renew_after=lease.retry_period.total_seconds(),
            ),
        )

    def _make_responder(self) -> Responder:
        return Responder(self._settings.responder_listen, self._stores.challenges, self._asked)

    def _asked(self, asked: Challenge) -> None:
        """Somebody has fetched a token: if it was the CA, its verdict is near."""
        progress = self._world.progress.get(asked.metadata.uid)
        if progress is not None and progress.answered:
            key = Key("challenges", asked.metadata.namespace, asked.metadata.name)
            self._queue.add(key, Lane.UNDERWAY, after=VERDICT_AFTER)

    def _await_stores(self) -> None:
        tell_at = time.monotonic() + SYNC_TOLD_EVERY
        while not self._cluster.wait_synced(SYNC_LOOK) and not self._ending.is_set():
            if time.monotonic() < tell_at:
                continue
            tell_at = time.monotonic() + SYNC_TOLD_EVERY
            log.warning(
                "still waiting for lists; are the CRDs installed, and may this account read them?",
                unsynced=", ".join(self._cluster.unsynced),
            )

    def _work(self) -> None:
        Watches(self._stores, self._queue, self._settings.controllers.cluster_resource_namespace).start()
        self._workers.start()
        log.info("working", workers=self._settings.workers)

    def _lose(self) -> None:
        self._lost = True
        self._ending.set()

    def _serve_pages(self) -> None:
        settings = self._settings
        if settings.healthz_listen is not None:
            pages: dict[str, Callable[[], Page]] = {"/livez": check(self._illness), "/readyz": check(self._unready)}
            self._start(PageServer(settings.healthz_listen, pages))
        if settings.metrics_listen is not None:
            self._start(PageServer(settings.metrics_listen, {"/metrics": self._render_metrics}))

    def _render_metrics(self) -> Page:
        return Page(HTTPStatus.OK, self._metrics.render(), CONTENT_TYPE)

    def _illness(self) -> str:
        """Return what only a restart would mend."""
        if self._ending.is_set():
            return ""
        dead = [str(informer) for informer in self._cluster.informers if not informer.is_running]
        if ended := self._workers.ended():
            dead.append(f"{ended} workers")
        return f"these loops have ended: {', '.join(dead)}" if dead else ""

    def _unready(self) -> str:
        unsynced = self._cluster.unsynced
        return f"not synced yet: {', '.join(unsynced)}" if unsynced else ""

    def _start(self, server: PageServer | Responder) -> None:
        server.start()
        self._servers.append(server)

    def _end(self) -> None:
        """Stop in the order in which nothing is cut off that could still be finished."""
        log.info("stopping", lease_lost=self._lost)
        self._workers.stop()
        self._mill.stop()
        self._recorder.stop()
        if self._elector is not None:
            self._elector.stop()
        for server in self._servers:
            server.stop()
        self._cluster.stop()
        log.info("stopped")
