"""Leader election by a Lease, the deed: of several processes at most one does the work.

The rule is in `shim.kube.election`; here its steps are performed.  Every write names the
resourceVersion that it was decided on, so of two candidates only one succeeds.  A renewal counts
from the moment it was sent, and leadership ends by the clock, not by the return of a hanging request.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import assert_never

from certs.api.core import Lease, LeaseSpec
from certs.api.meta import ObjectMeta
from shim.kube.election import Create, LeaseTimes, Lose, Renew, Sighting, Sleep, Step, Take, decide
from shim.kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from shim.kube.kubeclient import KubeClient

log = logging.getLogger(__name__)


class Elector:
    """One candidate, which leads once at most.  `identity` must differ between processes.

    Who has lost the Lease runs for it no more: the work is being stopped then, and must not be begun a second time.
    `on_elected` and `on_lost` are called in the elector's thread and must not block for long.
    """

    def __init__(
        self,
        client: KubeClient,
        *,
        namespace: str,
        name: str,
        identity: str,
        on_elected: Callable[[], None],
        on_lost: Callable[[], None],
        times: LeaseTimes | None = None,
        field_manager: str = "certshim",
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._times = times or LeaseTimes()
        # A renewal sent in the last moment must have failed, and been acted on, before the lease runs out.
        self._client = client.within((self._times.lease_for - self._times.renew_within) / 2)
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._on_elected = on_elected
        self._on_lost = on_lost
        self._field_manager = field_manager
        self._monotonic = monotonic
        self._now = now
        self._sighting: Sighting | None = None
        self._renewed_at: float | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lease {name}", daemon=True)

    @property
    def is_leader(self) -> bool:
        """May we work at this very moment?  False as soon as the renewal is overdue, even while a request hangs."""
        renewed_at = self._renewed_at
        return renewed_at is not None and self._monotonic() - renewed_at < self._times.renew_within

    @property
    def overdue_for(self) -> float | None:
        """Seconds since the lease that we still believe to hold ended (negative: it has not); None for a standby."""
        renewed_at = self._renewed_at
        return None if renewed_at is None else self._monotonic() - renewed_at - self._times.lease_for

    @property
    def has_ended(self) -> bool:
        """Was it started, and its thread ended?"""
        return self._thread.ident is not None and not self._thread.is_alive()

    def start(self) -> None:
        """Begin to run for leader; once in an elector's life."""
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """End, and release the Lease if we hold it.  Stop the work before: another may begin at once.

        `on_lost` is not called for it.
        """
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(max(self.turn() - self._monotonic(), 0))
        self.release()

    def turn(self) -> float:
        """Do what is due; return the moment (monotonic) of the next turn."""
        began = self._monotonic()
        try:
            sighting = self._sighting
            if sighting is None or self._renewed_at is None:
                sighting = self._look(began)
            step = decide(self._identity, sighting, self._renewed_at, began, self._times)
            return self._act(step, began)
        except (Conflict, AlreadyExists, NotFound):
            self._sighting = None  # it is not as we thought: look before deciding again
        except KubeError as error:
            log.warning("cannot hold the lease", extra={"lease": self._name, "error": str(error)})
        return self._retry_at(began)

    def release(self) -> None:
        """Give the Lease back if we hold it, so that nobody has to wait for it to run out."""
        if not self.is_leader or self._sighting is None or self._sighting.lease is None:
            return
        self._renewed_at = None
        try:
            self._patch(self._sighting.lease, {"holderIdentity": None, "leaseDurationSeconds": 1})
            log.info("lease released", extra={"lease": self._name})
        except KubeError as error:
            log.warning("cannot release the lease, it will run out", extra={"lease": self._name, "error": str(error)})

    def _retry_at(self, began: float) -> float:
        soon = self._monotonic() + self._times.retry_after
        return soon if self._renewed_at is None else max(min(soon, self._renewed_at + self._times.renew_within), began)

    def _look(self, now: float) -> Sighting:
        """Read the Lease; the same content as before keeps the moment at which it was first seen."""
        lease: Lease | None
        try:
            lease = self._client.get(Lease, self._namespace, self._name)
        except NotFound:
            lease = None
        if self._sighting is None or self._sighting.lease != lease:
            self._sighting = Sighting(lease, now)
        return self._sighting

    def _act(self, step: Step, began: float) -> float:
        match step:
            case Sleep(until):
                return until
            case Lose(why):
                return self._lose(why)
            case Create():
                lease = self._client.create(self._new_lease(), field_manager=self._field_manager)
            case Take(seen):
                lease = self._take(seen)
            case Renew(seen):
                lease = self._patch(seen, {})
            case _:
                assert_never(step)
        return self._hold(lease, began)

    def _hold(self, lease: Lease, began: float) -> float:
        """Take note of a renewal, which counts from when it was sent."""
        self._sighting = Sighting(lease, began)
        was_standby = self._renewed_at is None
        self._renewed_at = began
        if was_standby:
            log.info("lease acquired", extra={"lease": self._name, "identity": self._identity})
            self._on_elected()
        return began + self._times.renew_after

    def _lose(self, why: str) -> float:
        self._renewed_at = None
        self._sighting = None
        log.error("lease lost", extra={"lease": self._name, "identity": self._identity, "why": why})
        self._stopping.set()
        self._on_lost()
        return self._monotonic() + self._times.retry_after

    def _take(self, lease: Lease) -> Lease:
        return self._patch(
            lease, {"acquireTime": self._micro_now(), "leaseTransitions": lease.spec.lease_transitions + 1}
        )

    def _patch(self, lease: Lease, change: dict[str, object]) -> Lease:
        """Write us as its holder, or what `change` says, if nobody wrote to it since."""
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._times.lease_for),
            "renewTime": self._micro_now(),
            **change,
        }
        patch = {"metadata": {"resourceVersion": lease.metadata.resource_version}, "spec": spec}
        return self._client.patch(Lease, self._namespace, self._name, patch)

    def _new_lease(self) -> Lease:
        now = self._micro_now()
        return Lease(
            metadata=ObjectMeta(name=self._name, namespace=self._namespace),
            spec=LeaseSpec(
                holder_identity=self._identity,
                lease_duration_seconds=int(self._times.lease_for),
                acquire_time=now,
                renew_time=now,
            ),
        )

    def _micro_now(self) -> datetime:
        """Return now with a fraction: a MicroTime must have one, and a fraction of zero would be left out."""
        now = self._now()
        return now.replace(microsecond=now.microsecond or 1)
