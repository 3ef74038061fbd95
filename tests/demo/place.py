"""Where the demo takes place: on a kit of its own, or on a cluster that is there already (`existing.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.cluster import Cluster, Process
from tests.cluster.programs import ensure_built
from tests.product import LOOPBACK, Ground


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster, a CA and a proxy, and how they and this machine reach each other."""

    ground: Ground
    directory: Path  # for files that the demo writes
    kubectl: Path
    kubeconfig: Path
    edge_host: str  # where the proxy is, seen from here
    own_host: str  # where this machine is, seen from the cluster
    is_own: bool  # made for the demo: it goes with it
    proxy: Process | None = None  # what to blame when the site is not served, if it is ours

    @property
    def listen_host(self) -> str:
        """Return where the demo's processes listen so that the cluster reaches them."""
        return LOOPBACK if self.own_host == "localhost" else "0.0.0.0"  # noqa: S104  a cluster elsewhere

    @property
    def webhook_host(self) -> str:
        """Return where the API server finds the webhook."""
        return LOOPBACK if self.own_host == "localhost" else self.own_host


def on_kit(cluster: Cluster) -> Place:
    """Return the place that a started kit is."""
    return Place(
        ground=cluster,
        directory=cluster.directory,
        kubectl=ensure_built().controlplane / "kubectl",
        kubeconfig=cluster.admin,
        edge_host=LOOPBACK,
        own_host="localhost",
        is_own=True,
        proxy=cluster.process("router"),
    )
