"""Everything of one soak put together: a control plane, the product on it, load, watchers, faults, and the verdict."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from bench.traffic import USERS
from tests.cluster import API, APIFailure, Cluster
from tests.product import Product
from tests.soak.faults import (
    MEDDLERS,
    ConnectionsCut,
    Fault,
    Killed,
    LeaderFrozen,
    Meddlers,
    ServerRestarted,
    StoreSlow,
)
from tests.soak.invariants import Invariants
from tests.soak.load import TLS, Load
from tests.soak.replicas import Replicas
from tests.soak.watcher import Watcher

WATCHED: Final[tuple[tuple[str, str, dict[str, str]], ...]] = (
    ("Secret", "/api/v1/secrets", TLS),
    ("Certificate", "/apis/cert-manager.io/v1/certificates", {}),
    ("CertificateRequest", "/apis/cert-manager.io/v1/certificaterequests", {}),
    ("Order", "/apis/acme.cert-manager.io/v1/orders", {}),
    ("Challenge", "/apis/acme.cert-manager.io/v1/challenges", {}),
)
# What is asked for in a quiet time may double.  A shim that is not elected asks for nothing then but for watches that
# have run out, so there is something that is always allowed.
MOST_GROWTH: Final = 2.0
LEAST_RATE: Final = 0.5
LOOK: Final = 0.5  # seconds between two looks at everything
AFTERTHOUGHTS: Final = 1.5  # seconds for the last events and for what a new leader looks at
MISTAKES: Final = ("Traceback", "made a mistake", "turn crashed", "report crashed", "Exception in thread")


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests by verb and resource, and the seconds in which they were counted."""

    counted: Counter[str]
    seconds: float

    @property
    def per_second(self) -> float:
        """All of them."""
        return self.counted.total() / self.seconds

    def __str__(self) -> str:
        parts = ", ".join(f"{number} {what}" for what, number in self.counted.most_common(5))
        return f"{self.per_second:.2f} requests a second ({parts or 'none'})"


class Arena:
    """A context in which one load is put to the test on a control plane that runs."""

    def __init__(
        self, cluster: Cluster, product: Product, name: str, *, seed: int, replicas: int, acme: bool = False
    ) -> None:
        self.chance = random.Random(seed)  # noqa: S311  chance, not secrecy
        self.invariants = Invariants()
        self.load = Load(self._api(cluster), random.Random(self.chance.random()))  # noqa: S311
        self.replicas = Replicas(cluster, product, name, replicas)
        self._cluster = cluster
        self._acme: dict[str, Any] | None = product.acme("soak", cluster.ca) if acme else None
        self._watchers = [
            Watcher(self._api(cluster), kind, path, self.invariants, **query) for kind, path, query in WATCHED
        ]
        self._meddlers = [self._api(cluster) for _ in range(MEDDLERS)]
        self._ends = contextlib.ExitStack()
        self.meddlers = Meddlers(self._meddlers, self.load, random.Random(self.chance.random()))  # noqa: S311

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as ends:
            for api in self._meddlers:
                ends.callback(api.close)
            ends.callback(self.load.remove)
            for watcher in self._watchers:
                watcher.start()
                ends.callback(watcher.stop)
            ends.callback(self._end_watchers)
            ends.enter_context(self.replicas)
            self.load.prepare(self._acme)
            self._ends = ends.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._ends.close()

    @property
    def gaps(self) -> int:
        """How often a watcher may have missed versions."""
        return sum(watcher.gaps for watcher in self._watchers)

    def faults(self) -> tuple[Fault, ...]:
        """Return one of each."""
        several = (LeaderFrozen(self.replicas),) if len(self.replicas.all) > 1 else ()
        return (
            Killed(self.replicas, self.chance),
            *several,
            ServerRestarted(self._cluster, kindly=True),
            ServerRestarted(self._cluster, kindly=False),
            StoreSlow(self._cluster, self.chance, once=False),
            StoreSlow(self._cluster, self.chance, once=True),
            ConnectionsCut(self.replicas, self.chance),
            self.meddlers,
        )

    def create(self, numbers: Mapping[str, int]) -> None:
        """Create so many Certificates of each sort, in random order."""
        sorts = [sort for sort, number in numbers.items() for _ in range(number)]
        self.chance.shuffle(sorts)
        for sort in sorts:
            self.load.create(sort)

    def recovery(self, seconds: float) -> float:
        """Wait until all is as it is wanted, and quiet; return after how long it was.

        AssertionError with what is not after so many seconds.
        """
        began = time.monotonic()
        while left := self._left():
            if time.monotonic() - began > seconds:
                raise AssertionError(f"{len(left)} not as wanted after {seconds:g} s:\n" + "\n".join(left[:10]))
            time.sleep(LOOK)
        after = time.monotonic() - began
        time.sleep(AFTERTHOUGHTS)
        return after

    def _left(self) -> list[str]:
        """Return what is not as it is wanted yet."""
        starting = [f"{replica.name} is not ready" for replica in self.replicas.all if not replica.is_ready()]
        try:
            led = len(self.replicas.all) == 1 or self.replicas.leader() is not None
            nobody = [] if led else ["nobody leads"]
            return [*starting, *nobody, *self.load.unfinished(), *self.load.leftovers()]
        except (OSError, APIFailure) as error:
            return [str(error)]

    def requests(self, seconds: float) -> Rate:
        """Return what the shims ask for, of whatever kind, watched for so many seconds."""
        mark = self._cluster.audit_mark()
        time.sleep(seconds)
        events = [event for event in self._cluster.audit(mark) if event.user.username in USERS]
        complete = [event for event in events if event.stage == "ResponseComplete"]
        return Rate(Counter(f"{event.verb} {event.object_ref.resource}" for event in complete), seconds)

    def problems(self, *, before: Rate, after: Rate) -> list[str]:
        """Return what was ever wrong, and whether the requests (in the quiet time) have grown too many."""
        log = self.replicas.logs()
        grown = after.per_second > max(MOST_GROWTH * before.per_second, LEAST_RATE)
        return [
            *self.invariants.breaches,
            *self.invariants.lingering(),
            *(f"the log has {log.count(mistake)} x {mistake!r}" for mistake in MISTAKES if mistake in log),
            *([f"after recovery {after}; before {before}"] if grown else ()),
        ]

    def _end_watchers(self) -> None:
        """Tell all of them first, since each takes its time."""
        for watcher in self._watchers:
            watcher.end()

    @staticmethod
    def _api(cluster: Cluster) -> API:
        return cluster.apiserver.as_user(cluster.apiserver.admin)
