"""A whole cluster with real nodes: the kit's control plane at an address that pods reach, a scheduler, and two nodes.

To be used inside the namespaces that `isolation.run` makes.  API server, CA, name server and proxy are at the ports
where they usually are; the name server is also the pods', so whatever a pod asks for leads there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.cluster import Cluster
from tests.cluster.access import API
from tests.cluster.programs import ensure_built, ensure_netpol
from tests.cluster.site import Site
from tests.node import network
from tests.node.archive import write_archive, write_layer
from tests.node.containerfile import Stage
from tests.node.image import IMAGE_VARIABLE
from tests.node.network import CA_HOST, HOST, Place
from tests.node.node import PAUSE, Node, Tools, find_tools, start_proxy

CGROUP_VARIABLE = "CERTSHIM_NODE_CGROUP"
BUSYBOX = "docker.io/library/busybox:kit"
_CONTROL = "control"
_SITE = Site(HOST, dns_port=53, http_port=80, https_port=443, api_port=6443, ca_host=CA_HOST, ca_port=443, nodes=True)
_FOREVER = "2147483647"  # seconds


class Machine:
    """The cluster, its nodes, and what a test does to them."""

    def __init__(self) -> None:
        network.lay_out()
        self.cluster = Cluster(site=_SITE)
        self._plane = ensure_built().controlplane
        self._tools = find_tools()
        self.nodes = [self._node(name, number) for number, name in enumerate(("one", "two"), start=1)]

    def __enter__(self) -> Self:
        try:
            self.cluster.start()
            self._start()
        except BaseException:
            self.cluster.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.cluster.stop()

    def enforce_policies(self) -> None:
        """Enforce NetworkPolicies on all nodes from now on; without this there may be any, and they have no effect."""
        program = ensure_netpol()
        for node in self.nodes:
            node.enforce_policies(program)

    def ready(self) -> bool:
        """Are all nodes Ready?"""
        return all(
            condition(self.cluster.api.get(f"/api/v1/nodes/{node.name}"), "Ready") == "True" for node in self.nodes
        )

    def _start(self) -> None:
        scheduler = self.cluster.apiserver.users.by_certificate("system:kube-scheduler")
        argv: list[str | Path] = [
            self._plane / "kube-scheduler",
            *(f"--{flag}={scheduler.kubeconfig}" for flag in ("kubeconfig", "authentication-kubeconfig")),
            f"--authorization-kubeconfig={scheduler.kubeconfig}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
        ]
        self.cluster.run("kube-scheduler", argv)
        _register_control(self.cluster.api)
        start_proxy(self.cluster, self._tools, self._plane, _CONTROL)
        images = [Path(os.environ[IMAGE_VARIABLE]), *busybox_images(self._tools, self.cluster.directory)]
        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(node.start, images) for node in self.nodes]:
                done.result()
        self.cluster.process("one-kubelet").wait_until(lambda: _found(self.ready), seconds=90)

    def _node(self, name: str, number: int) -> Node:
        cgroup = f"{os.environ[CGROUP_VARIABLE]}/{name}"
        return Node(Place(name, number), self.cluster, self._tools, plane=self._plane, cgroup=cgroup)


def condition(obj: dict[str, Any], kind: str) -> str:
    """Return the status of an object's condition; empty when it has none of that type."""
    conditions = obj.get("status", {}).get("conditions", ())
    return next((str(one["status"]) for one in conditions if one["type"] == kind), "")


def busybox_images(tools: Tools, folder: Path) -> list[Path]:
    """Make the images of what pods need beside the product: a process that sleeps, and a small web server."""
    root = folder / "busybox"
    (root / "bin").mkdir(parents=True)
    (root / "bin/busybox").write_bytes(tools.program("busybox").read_bytes())
    (root / "bin/busybox").chmod(0o755)
    layer = folder / "busybox-layer.tar"
    digest = write_layer(root, layer)
    made: list[Path] = []
    for reference, entrypoint in ((PAUSE, ("/bin/busybox", "sleep", _FOREVER)), (BUSYBOX, ("/bin/busybox",))):
        stage = Stage("scratch", "", environment={"PATH": "/bin"}, user="65532:65532", entrypoint=entrypoint)
        made.append(folder / f"{len(made)}-busybox.tar")
        write_archive(layer, digest, stage, reference, made[-1], moment=0)
    return made


def _register_control(api: API) -> None:
    """Make the machine of the control plane a node by name: kube-proxy there asks for its address."""
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": _CONTROL}}
    api.apply(f"/api/v1/nodes/{_CONTROL}", {**node, "spec": {"unschedulable": True}})
    status = {"addresses": [{"type": "InternalIP", "address": HOST}]}
    api.apply(f"/api/v1/nodes/{_CONTROL}/status", {**node, "status": status})


def _found(look: Callable[[], bool]) -> bool:
    try:
        return look()
    except Exception as error:
        raise OSError(str(error)) from error
