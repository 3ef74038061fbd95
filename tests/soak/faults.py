"""What goes wrong: each fault strikes, lasts as long as it is let, and is healed.

All of them are real: signals to real processes, connections that are reset, other writers at the API server.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from tests.cluster import API, APIFailure, Cluster
from tests.soak.load import Load, Place
from tests.soak.replicas import LEASE_FOR, Replica, Replicas

PULSES: Final = (0.05, 0.5)  # seconds for which the store stands still again and again
STANDSTILL: Final = 3.0
BETWEEN_CUTS: Final = (0.2, 1.5)
MEDDLERS: Final = 2
BETWEEN_MEDDLINGS: Final = 0.05
OURS: Final = "controller.cert-manager.io/fao"


class Fault(Protocol):
    """Something that goes wrong, and what it takes to see its effects (`lasts`, seconds from and to)."""

    name: str
    lasts: tuple[float, float]

    def strike(self) -> None:
        """Begin; returns at once or when it has happened."""

    def heal(self) -> None:
        """End it, and leave nothing of it behind; fine without a strike, too."""


class _Again:
    """Does something in a thread, between `strike` and `heal`, with pauses of random length.

    No answer, or a refusal, is what everybody gets while other faults strike; anything else is raised by `heal`.
    """

    def __init__(self, act: Callable[[], object], pause: Callable[[], float]) -> None:
        self._act = act
        self._pause = pause
        self._stopping = threading.Event()
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="fault", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                with contextlib.suppress(OSError, APIFailure):
                    self._act()
                self._stopping.wait(self._pause())
        except Exception as error:  # noqa: BLE001  raised again where somebody sees it
            self._error = error


class Killed:
    """`kill -9` of a replica; the kubelet (`Replicas`) starts it again."""

    name = "shim killed"
    lasts = (0.0, 0.5)

    def __init__(self, replicas: Replicas, chance: random.Random) -> None:
        self._replicas = replicas
        self._chance = chance

    def strike(self) -> None:
        self._chance.choice(self._replicas.all).process.kill()

    def heal(self) -> None: ...


class LeaderFrozen:
    """The leader stands still (SIGSTOP) in the middle of whatever it does, longer than its lease, and is woken."""

    name = "leader frozen"
    lasts = (LEASE_FOR + 1, LEASE_FOR + 4)

    def __init__(self, replicas: Replicas) -> None:
        self._replicas = replicas
        self.frozen: Replica | None = None

    def strike(self) -> None:
        try:
            self.frozen = self._replicas.leader()
        except (OSError, APIFailure):  # nobody knows who leads, while the API server is down
            self.frozen = None
        if self.frozen is not None:
            self.frozen.process.freeze()

    def heal(self) -> None:
        if self.frozen is not None:
            self.frozen.process.thaw()


class ServerRestarted:
    """The API server ends, in order or at once, and comes back after a while."""

    lasts = (0.0, 3.0)

    def __init__(self, cluster: Cluster, *, kindly: bool) -> None:
        self.name = "API server stopped" if kindly else "API server killed"
        self._cluster = cluster
        self._kindly = kindly

    def strike(self) -> None:
        if self._kindly:
            self._cluster.stop_apiserver()
        else:
            self._cluster.kill_apiserver()

    def heal(self) -> None:
        self._cluster.restart_apiserver()


class StoreSlow:
    """etcd stands still for moments, again and again; or once for seconds, longer than clients like to wait."""

    lasts = (2.0, 6.0)

    def __init__(self, cluster: Cluster, chance: random.Random, *, once: bool) -> None:
        self.name = "etcd stands still" if once else "etcd slowed"
        self._cluster = cluster
        self._chance = chance
        self._healed = threading.Event()
        self._again = _Again(self._stand_still if once else self._pulse, lambda: chance.uniform(*PULSES))

    def strike(self) -> None:
        self._healed.clear()
        self._again.begin()

    def heal(self) -> None:
        self._healed.set()
        self._again.end()

    def _pulse(self) -> None:
        self._freeze_for(self._chance.uniform(*PULSES))

    def _stand_still(self) -> None:
        self._freeze_for(STANDSTILL)
        self._healed.wait()  # once is enough

    def _freeze_for(self, seconds: float) -> None:
        etcd = self._cluster.process("etcd")
        etcd.freeze()
        try:
            time.sleep(seconds)
        finally:
            etcd.thaw()


class ConnectionsCut:
    """All connections of all replicas to the API server are reset, again and again."""

    name = "watches cut"
    lasts = (1.0, 5.0)

    def __init__(self, replicas: Replicas, chance: random.Random) -> None:
        self._relays = [replica.relay for replica in replicas.all]
        self._again = _Again(self._cut, lambda: chance.uniform(*BETWEEN_CUTS))

    def strike(self) -> None:
        self._again.begin()

    def heal(self) -> None:
        self._again.end()

    def _cut(self) -> None:
        for relay in self._relays:
            relay.cut()


class Meddlers:
    """Others write to the Certificates and Secrets all the time, under their own names.

    They annotate and label both, put a condition of theirs into the status, and take our label off the Secrets.
    """

    name = "conflicting writers"
    lasts = (2.0, 6.0)

    def __init__(self, apis: Sequence[API], load: Load, chance: random.Random) -> None:
        self.written = 0
        self._load = load
        self._again = [
            _Again(_Meddler(api, self, random.Random(chance.random())).meddle, lambda: BETWEEN_MEDDLINGS)  # noqa: S311
            for api in apis
        ]

    def strike(self) -> None:
        for again in self._again:
            again.begin()

    def heal(self) -> None:
        for again in self._again:
            again.end()

    def place(self, chance: random.Random) -> Place:
        """Return a Certificate to meddle with."""
        return chance.choice(self._load.places)


class _Meddler:
    def __init__(self, api: API, all_of_them: Meddlers, chance: random.Random) -> None:
        self._api = api
        self._all = all_of_them
        self._chance = chance

    def meddle(self) -> None:
        act = self._chance.choice((self._mark_certificate, self._mark_secret, self._mark_status, self._unlabel))
        act(self._all.place(self._chance))
        self._all.written += 1

    def _mark_certificate(self, place: Place) -> None:
        self._api.merge(place.path, self._marks(), manager="meddler")

    def _mark_secret(self, place: Place) -> None:
        self._api.merge(place.secret, self._marks(), manager="meddler")

    def _mark_status(self, place: Place) -> None:
        certificate = self._api.get(place.path)
        status = certificate.setdefault("status", {})
        others = [one for one in status.get("conditions", ()) if one["type"] != "Meddled"]
        at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        mark = {"type": "Meddled", "status": "True", "reason": "Meddled", "message": self._token()}
        status["conditions"] = [*others, {**mark, "lastTransitionTime": at}]
        self._api.put(f"{place.path}/status", certificate)

    def _unlabel(self, place: Place) -> None:
        self._api.merge(place.secret, {"metadata": {"labels": {OURS: None}}}, manager="meddler")

    def _marks(self) -> dict[str, Any]:
        mark = {"meddler.example.test/mark": self._token()}
        return {"metadata": {"annotations": mark, "labels": mark}}

    def _token(self) -> str:
        return f"{self._chance.getrandbits(32):x}"
