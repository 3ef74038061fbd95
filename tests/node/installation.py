"""The product as pods: what runs, who leads, and whether every admission succeeds meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tests.cluster import APIFailure, Cluster
from tests.cluster.access import API
from tests.system.shop import eventually

NAMESPACE: Final = "cert-manager"
SHIM: Final = "certshim-shim"
WEBHOOK: Final = "certshim-webhook"
# Time for two cores to start four Pythons, each of which is stopped for two seconds by the others.
STARTING: Final = 120.0
_LEASE: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/cert-manager-controller"
LEAST_ADMITTED: Final = 100  # in any of the tests: they take ten seconds and more
_PAUSE: Final = 0.05  # seconds between two admissions: 20 a second is more than most clusters have


class Installation:
    """One installation on a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.since = cluster.audit_mark()  # what its processes ask for comes after

    def is_there(self) -> bool:
        """Is it installed?"""
        try:
            self.cluster.api.get(f"/api/v1/namespaces/{NAMESPACE}")
        except APIFailure:
            return False
        return True

    def wait(self) -> None:
        """Wait until both Deployments are as they should be, and a replica of the shim leads."""
        eventually(lambda: all(map(self.is_rolled_out, (WEBHOOK, SHIM))), "all replicas are ready", STARTING)
        eventually(self.leader, "the shim has a leader", STARTING)

    def is_rolled_out(self, name: str) -> bool:
        """Are all replicas of a Deployment of the present generation, and available?"""
        deployment = self.cluster.api.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{name}")
        status, replicas = deployment["status"], deployment["spec"]["replicas"]
        if status.get("observedGeneration") != deployment["metadata"]["generation"]:
            return False
        return bool(
            status.get("updatedReplicas") == status.get("availableReplicas") == status.get("replicas") == replicas
        )

    def pods(self, name: str) -> list[dict[str, Any]]:
        """Return the pods of a Deployment that are not being deleted."""
        component = name.removeprefix("certshim-")
        path = f"/api/v1/namespaces/{NAMESPACE}/pods"
        found = self.cluster.api.get(path, labelSelector=f"app.kubernetes.io/component={component}")["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def restart(self, name: str) -> None:
        """Replace all pods of a Deployment, as an upgrade does, and wait until it is done."""
        self.cluster.kubectl("rollout", "restart", "-n", NAMESPACE, f"deployment/{name}")
        eventually(lambda: self.is_rolled_out(name), f"{name} is replaced", STARTING)

    def leader(self) -> str:
        """Return the pod of the shim that holds the Lease; empty when none does."""
        holder = self.holder()
        names = [pod["metadata"]["name"] for pod in self.pods(SHIM)]
        return next((name for name in names if holder.startswith(name)), "")

    def holder(self) -> str:
        """Return the process that holds the Lease; empty when none does."""
        try:
            return str(self.cluster.api.get(_LEASE)["spec"].get("holderIdentity") or "")
        except APIFailure:  # of an installation that is new
            return ""

    @contextmanager
    def admitting(self) -> Iterator[list[str]]:
        """Have objects of our kinds admitted all the while, four at a time; yield what has failed, which grows.

        At the end AssertionError when hardly any was asked for: then nothing was shown.
        """
        failed: list[str] = []
        admitted: list[float] = []
        stop = threading.Event()
        threads = [threading.Thread(target=self._admit, args=(stop, failed, admitted)) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            yield failed
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert len(admitted) > LEAST_ADMITTED, f"only {len(admitted)} objects were admitted meanwhile"

    def _admit(self, stop: threading.Event, failed: list[str], admitted: list[float]) -> None:
        server = self.cluster.apiserver
        api = API(server.url, server.users.ca_file, server.admin)
        issuer = {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Issuer",
            "metadata": {"generateName": "admitted-"},
            "spec": {"selfSigned": {}},
        }
        while not stop.wait(_PAUSE):
            began = time.monotonic()
            try:
                api.post("/apis/cert-manager.io/v1/namespaces/default/issuers?dryRun=All", issuer)
            except (APIFailure, OSError) as error:
                failed.append(f"after {time.monotonic() - began:.1f} s: {error}")
            else:
                admitted.append(began)
        api.close()
