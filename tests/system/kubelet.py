"""What a node would do with solver pods: run what they say, and write into their status how that goes.

The kit has no nodes.  The program is the real one, started with what the pod gives it; it listens on loopback, which
a slice of type IPv4 refuses, so the Service leads there by a slice of names, of which `127.0.0.1` is one to the API.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.cluster import Cluster, Process
from tests.product import CERTSHIM, LOOPBACK
from tests.system.shop import Shop, eventually

POD = "/api/v1/namespaces/{}/pods/{}"
SLICE = "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices"


@dataclass(frozen=True, slots=True)
class Kubelet:
    """Looks after the pods of a namespace."""

    shop: Shop
    cluster: Cluster

    def pods(self) -> list[dict[str, Any]]:
        """Return the pods of the namespace."""
        found: list[dict[str, Any]] = self.cluster.api.get(POD.format(self.shop.namespace, "").rstrip("/"))["items"]
        return found

    def pod(self) -> dict[str, Any]:
        """Wait for the only pod and return it."""
        return eventually(lambda: next(iter(self.pods()), None), "there is a solver pod")

    def run(self, pod: dict[str, Any]) -> Process:
        """Run its container, lead its Service there, and say that it is ready."""
        name, container = pod["metadata"]["name"], pod["spec"]["containers"][0]
        assert container["command"] == ["certshim", "solver"]
        port = self.cluster.ports.free()
        environment = {one["name"]: one["value"] for one in container["env"]}
        argv = [CERTSHIM, *container["command"][1:], f"--listen-address={LOOPBACK}:{port}"]
        process = self.cluster.run(name, argv, env=environment)
        process.wait_until(lambda: "answering for" in process.tail())
        self._lead(name, port)
        self.tell(pod, phase="Running", conditions=[{"type": "Ready", "status": "True"}])
        return process

    def tell(self, pod: dict[str, Any], **status: Any) -> None:
        """Write its status."""
        path = f"{POD.format(self.shop.namespace, pod['metadata']['name'])}/status"
        self.cluster.api.merge(path, {"status": status})

    def _lead(self, service: str, port: int) -> None:
        self.cluster.api.post(
            SLICE.format(self.shop.namespace),
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {"name": service, "labels": {"kubernetes.io/service-name": service}},
                "addressType": "FQDN",
                "endpoints": [{"addresses": [LOOPBACK]}],
                "ports": [{"name": "http", "port": port}],
            },
        )
