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
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import structlog

from certs.api.challenge import Challenge
from certs.api.meta import ObjectMeta
from certs.api.order import Order
from certs.api.pod import Pod
from certs.decide.preflight import Mode
from certs.health import Finding
from shim import VERSION, vitals
from shim.acme.accounts import Accounts
from shim.acme.transport import Exchange
from shim.acme.transport import Settings as ACMESettings
from shim.controllers.certificate import CertificateController
from shim.controllers.challenge import ChallengeController
from shim.controllers.ingress import IngressController
from shim.controllers.injector import injectors
from shim.controllers.inquiry import Inquiry
from shim.controllers.issuer import IssuerController
from shim.controllers.ledgerstore import LedgerStore
from shim.controllers.legacy import legacy_controllers
from shim.controllers.order import OrderController
from shim.controllers.precedence import Precedence
from shim.controllers.preflight import Preflight
from shim.controllers.repair import Repair
from shim.controllers.request import RequestController
from shim.controllers.route import RouteController
from shim.controllers.secrets import Secrets
from shim.controllers.watches import Watches
from shim.controllers.world import World
from shim.ending import await_end
from shim.engine.loop import Hook, Loop, no_hook
from shim.engine.queue import WorkQueue
from shim.engine.reconciler import Key, Lane, Reconciler
from shim.engine.workers import TakesTurns, Workers
from shim.health import Page, PageServer, checked
from shim.keymill import KeyMill
from shim.kube.cluster import Cluster
from shim.kube.election import LeaseTimes
from shim.kube.lease import Elector
from shim.kube.recorder import Recorder
from shim.kube.transport import connect
from shim.metrics import CONTENT_TYPE, Metrics
from shim.notify.authors import Authors
from shim.notify.notifier import Notifier
from shim.preflight.survey import Survey
from shim.responder import Responder
from shim.settings import Settings
from shim.solvers.dns01.solver import DNS01
from shim.solvers.http01.classes import PathTypes
from shim.solvers.http01.podimage import PodImage
from shim.solvers.http01.pods import Pods
from shim.solvers.http01.solver import HTTP01
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
        self._clocks = vitals.Clocks()
        self._metrics = Metrics()
        self._cluster = Cluster(
            connect(settings.kubeconfig, workers=settings.workers + 4), namespace=settings.namespace
        )
        self._stores = follow(self._cluster, inject=settings.inject, responder_service=settings.responder_service)
        self._queue = WorkQueue()
        self._mill = KeyMill()
        looks = settings.self_check if settings.preflight is not Mode.OFF else None
        self._precedence = Precedence(looks)
        self._inquiries: tuple[Inquiry, ...] = ()
        client = self._cluster.client.fenced(self._may_act)
        self._recorder = Recorder(self._cluster.client, instance=socket.gethostname())
        self._ledgers = LedgerStore(client, settings.controllers.cluster_resource_namespace)
        self._world = World(
            stores=self._stores,
            secrets=Secrets(self._stores.secrets, self._stores.secret_metadata, client),
            client=client,
            recorder=self._recorder,
            accounts=Accounts(
                ACMESettings(
                    user_agent=f"certshim/{VERSION}",
                    observe=exchanged or self._metrics.exchanged,
                    may_send=self._may_act,
                )
            ),
            settings=settings.controllers,
            ledgers=self._ledgers.ledgers,
            mill=self._mill,
            precedence=self._precedence,
            wake_new=self._queue.add,
            wake_certificate=lambda namespace, name: self._queue.add(
                Key("certificates", namespace, name), Lane.UNDERWAY
            ),
        )
        self._workers = Workers(self._queue, self._loops(hook), count=settings.workers)
        self._metrics.watch(self._stores, self._queue, self._workers, self._mill, self._ledgers.ledgers)
        self._notifier = Notifier(
            self._stores,
            client,
            settings.controllers.cluster_resource_namespace,
            settings.notifications,
            Authors(self._stores, self._recorder),
            limits=self._world.limited_until,
            may_send=self._may_act,
        )
        self._metrics.registry.register(self._notifier)
        self._elector = self._make_elector() if settings.lease.enabled else None
        self._metrics.connected(self._cluster, self._may_act)
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
        await_end(self._ending)
        self._end()
        return 1 if self._lost else 0

    def stop(self) -> None:
        """Have `run` end in order; safe in a signal handler, and to repeat."""
        self._ending.set()

    def _loops(self, hook: Hook) -> tuple[TakesTurns, ...]:
        world, stores = self._world, self._stores
        settings = self._settings
        http01 = HTTP01(
            stores,
            world.client,
            settings.responders,
            settings.self_check,
            self._wake,
            path_types=settings.path_types,
            pods=self._make_pods(),
        )
        dns01 = DNS01(world.secrets, self._cluster.transport, settings.dns, world.issuer_namespace, wake=self._wake)
        preflight, repair = self._looks_ahead(http01)
        reconcilers: tuple[Reconciler[Any, Any], ...] = (
            IngressController(world),
            CertificateController(world, repair),
            RequestController(world),
            OrderController(world, preflight),
            ChallengeController(world, http01, dns01),
            RouteController(world, http01),
            IssuerController(world, stores.issuers, "issuers"),
            IssuerController(world, stores.cluster_issuers, "clusterissuers"),
            *injectors(world, self._cluster.transport.read_ca),
            *legacy_controllers(world),
        )
        return tuple(Loop(one, self._queue, hook=hook, may_act=self._may_act) for one in reconcilers)

    def _looks_ahead(self, http01: HTTP01) -> tuple[Preflight, Repair]:
        """Return what asks about names before orders and after failures, with threads of its own each."""
        settings = self._settings
        if settings.preflight is Mode.OFF:
            return Preflight(), Repair()
        survey = Survey(settings.self_check, settings.dns)
        self._inquiries = tuple(Inquiry(self._world, survey, http01.lasting) for _ in range(2))

        def wake(order: ObjectMeta) -> None:
            self._queue.add(Key("orders", order.namespace, order.name), Lane.UNDERWAY)

        return Preflight(self._inquiries[0], settings.preflight, wake), Repair(self._inquiries[1])

    def _make_pods(self) -> Pods:
        client, settings = self._world.client, self._settings.pods
        image = PodImage(client, settings.image, os.environ)
        path_type = PathTypes(self._stores.ingress_classes, self._settings.path_types)
        return Pods(self._stores, client, settings, image, path_type, partial(self._cluster.demand, Pod))

    def _may_act(self) -> bool:
        """May this process work at this very moment?  Not from the moment on at which another may have begun."""
        return self._elector is None or self._elector.is_leader

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

    def _wake(self, challenge: Challenge) -> None:
        """Something is over that a Challenge was waiting for."""
        self._queue.add(Key("challenges", challenge.metadata.namespace, challenge.metadata.name), Lane.UNDERWAY)

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

    def _order_gone(self, old: Order | None, new: Order | None) -> None:
        """An Order that is deleted before it has ended uses up no certificate."""
        if new is None and old is not None:
            self._ledgers.ledgers.ended(old.metadata.uid, issued=False)

    def _work(self) -> None:
        self._metrics.working(self._stores)
        self._stores.orders.subscribe(self._order_gone)
        Watches(self._stores, self._queue, self._settings.controllers.cluster_resource_namespace).start()
        self._ledgers.start()
        self._workers.start()
        self._notifier.start()
        log.info("working", workers=self._settings.workers)

    def _lose(self) -> None:
        self._lost = True
        self._ending.set()

    def _serve_pages(self) -> None:
        settings = self._settings
        if settings.healthz_listen is not None:
            pages = {"/livez": checked("livez", self._vital), "/readyz": checked("readyz", self._ready)}
            self._start(PageServer(settings.healthz_listen, pages))
        if settings.metrics_listen is not None:
            self._start(PageServer(settings.metrics_listen, {"/metrics": self._render_metrics}))

    def _render_metrics(self, _query: str) -> Page:
        return Page(HTTPStatus.OK, self._metrics.render(), CONTENT_TYPE)

    def _vital(self) -> tuple[Finding, ...]:
        """Return what only a restart would mend."""
        if self._ending.is_set():
            return ()
        dead = [str(informer) for informer in self._cluster.informers if not informer.is_running]
        if ended := self._workers.ended():
            dead.append(f"{ended} workers")
        if self._elector is not None and self._elector.has_ended:
            dead.append("leader election")
        overdue = self._elector.overdue_for if self._elector is not None else None
        return vitals.loops(dead), vitals.lease(overdue), self._clocks.look()

    def _ready(self) -> tuple[Finding, ...]:
        failing = self._cluster.failing
        return (
            vitals.shutdown(ending=self._ending.is_set(), lost=self._lost),
            vitals.stores(self._cluster.unsynced, failing),
            vitals.api_server(failing),
            vitals.leader(elected=self._may_act()),
        )

    def _start(self, server: PageServer | Responder) -> None:
        server.start()
        self._servers.append(server)

    def _end(self) -> None:
        """Stop in the order in which nothing is cut off that could still be finished."""
        log.info("stopping", lease_lost=self._lost)
        self._workers.stop()
        self._notifier.stop()
        self._ledgers.stop()
        self._mill.stop()
        self._precedence.background.stop()
        for inquiry in self._inquiries:
            inquiry.background.stop()
        self._recorder.stop()
        if self._elector is not None:
            self._elector.stop()
        for server in self._servers:
            server.stop()
        self._cluster.stop()
        log.info("stopped")
