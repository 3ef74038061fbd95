"""The shim's processes, each behind a relay of its own, and started again when they end, as a kubelet does it."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import requests
import yaml

from tests.cluster import Cluster, Process
from tests.product import Product
from tests.soak.relay import LOOPBACK, Relay

LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/cert-manager-controller"
# Short, so that a test of some seconds sees a change of leaders; in the proportion of the defaults.
LEASE_FOR: Final = 4.0
ELECTED: Final = (
    f"--leader-election-lease-duration={LEASE_FOR:g}s",
    "--leader-election-renew-deadline=3s",
    "--leader-election-retry-period=1s",
)
ALONE: Final = ("--leader-elect=false",)
_LOOK: Final = 0.1  # seconds between two looks at whether one has ended
_READY_WITHIN: Final = 60.0


class Replica:
    """One shim; its log is one file over all its lives."""

    def __init__(self, cluster: Cluster, product: Product, name: str, *flags: str) -> None:
        health, metrics, responder = (cluster.ports.free() for _ in range(3))
        self.name = name
        self.lives = 0
        self.relay = Relay(cluster.ports.free(), int(cluster.url.rpartition(":")[2]))
        self.frozen = False
        self._product = product
        self._health = f"http://{LOOPBACK}:{health}"
        self._flags = (
            *flags,
            f"--acme-http01-responder-listen-address={LOOPBACK}:{responder}",
            f"--acme-http01-responder-address=localhost:{responder}",
            f"--internal-healthz-listen-address={LOOPBACK}:{health}",
            f"--metrics-listen-address={LOOPBACK}:{metrics}",
        )
        self._argv: list[str | Path] = []
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        """The process of its present life."""
        assert self._process is not None, "it was never started"
        return self._process

    def start(self) -> None:
        """Start it, without waiting; the API server must be there the first time."""
        if not self._argv:
            command = self._product.shim_command(*self._flags)
            self._argv = [*command, f"--kubeconfig={self._kubeconfig(command)}"]
        self._process = self._product.cluster.run(self.name, self._argv)
        self.lives += 1

    def is_ready(self) -> bool:
        """Are its stores complete?"""
        try:
            return requests.get(f"{self._health}/readyz", timeout=2).ok
        except OSError:
            return False

    def freeze(self) -> None:
        """Stop it where it is."""
        self.frozen = True
        self.process.freeze()

    def thaw(self) -> None:
        """Let it go on."""
        self.process.thaw()
        self.frozen = False

    def _kubeconfig(self, command: list[str | Path]) -> Path:
        """Return a copy of the kubeconfig of the service account that leads to the relay."""
        flag = next(str(one) for one in command if str(one).startswith("--kubeconfig="))
        original = Path(flag.removeprefix("--kubeconfig="))
        document = yaml.safe_load(original.read_text())
        document["clusters"][0]["cluster"]["server"] = f"https://{LOOPBACK}:{self.relay.port}"
        copy = original.with_name(f"kubeconfig-{self.name}")
        copy.write_text(yaml.safe_dump(document))
        return copy


class Replicas:
    """A context in which all replicas run, and run again after their end."""

    def __init__(self, cluster: Cluster, product: Product, name: str, number: int) -> None:
        flags = ALONE if number == 1 else ELECTED
        self.all = tuple(Replica(cluster, product, f"{name}-{index}", *flags) for index in range(number))
        self._cluster = cluster
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def __enter__(self) -> Self:
        for replica in self.all:
            replica.relay.__enter__()
            replica.start()
        self._keeper.start()
        self.wait_ready()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stopping.set()
        self._keeper.join()
        for replica in self.all:
            replica.process.thaw()
            replica.process.terminate()
        for replica in self.all:
            replica.process.stop()
            replica.relay.__exit__(None, None, None)

    def wait_ready(self) -> None:
        """Block until all are; TimeoutError with the last lines of one that is not."""
        deadline = time.monotonic() + _READY_WITHIN
        for replica in self.all:
            while not replica.is_ready():
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{replica.name} is not ready:\n{replica.process.tail()}")
                time.sleep(_LOOK)

    def leader(self) -> Replica | None:
        """Return who holds the Lease, if it is one of ours that runs (its identity has the process id in it)."""
        holder = str(self._cluster.api.get(LEASES)["spec"].get("holderIdentity") or "")
        return next((one for one in self.all if f"-{one.process.pid}-" in holder), None)

    def logs(self) -> str:
        """Return what all of them ever said."""
        return "\n".join(one.process.log.read_text(errors="replace") for one in self.all)

    def _keep(self) -> None:
        while not self._stopping.wait(_LOOK):
            for replica in self.all:
                if not replica.process.running:
                    with contextlib.suppress(OSError):
                        replica.start()
