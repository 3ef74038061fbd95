"""The network of the nodes: a bridge in the namespace that all share, and a namespace of its own for each node.

192.168.77.1   control plane, name server, proxy   192.168.77.2   the CA   192.168.77.11, .12   the nodes
10.244.1.0/24, 10.244.2.0/24   the pods of each, routed over it
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

HOST = "192.168.77.1"
CA_HOST = "192.168.77.2"
PODS = "10.244.0.0/16"
SERVICES = "10.0.0.0/24"  # as the API server is told
_PREFIX = "192.168.77"
_BRIDGE = "nodes"


@dataclass(frozen=True, slots=True)
class Place:
    """A node's name and addresses."""

    name: str
    number: int

    @property
    def address(self) -> str:
        """Where the node is reached."""
        return f"{_PREFIX}.{10 + self.number}"

    @property
    def pods(self) -> str:
        """The addresses of its pods."""
        return f"10.244.{self.number}.0/24"


def lay_out() -> None:
    """Bring up loopback and the bridge; for once, in a namespace that is new."""
    ip("link set lo up")
    ip(f"link add {_BRIDGE} type bridge")
    for host in (HOST, CA_HOST):
        ip(f"address add {host}/24 dev {_BRIDGE}")
    ip(f"link set {_BRIDGE} up")
    # No packet leaves with such an address, but without a route none would come to kube-proxy's rules.
    ip(f"route add {SERVICES} dev {_BRIDGE}")
    forward()


def connect(place: Place, pid: int) -> None:
    """Connect the network namespace of a process as the node of that place."""
    ip(f"link add {place.name} type veth peer name eth0 netns {pid}")
    ip(f"link set {place.name} master {_BRIDGE} up")
    ip("link set lo up", pid)
    ip(f"address add {place.address}/24 dev eth0", pid)
    ip("link set eth0 up", pid)
    ip(f"route add default via {HOST}", pid)
    ip(f"route add {place.pods} via {place.address}")
    forward(pid)


def ip(arguments: str, pid: int | None = None) -> None:
    """Run `ip`, in the network namespace of a process when one is given."""
    _run(pid, "ip", *arguments.split())


def forward(pid: int | None = None) -> None:
    """Pass on packets that are for others."""
    _run(pid, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")


def _run(pid: int | None, *command: str) -> None:
    inside = () if pid is None else ("nsenter", f"--net=/proc/{pid}/ns/net")
    subprocess.run([*inside, *command], check=True)
