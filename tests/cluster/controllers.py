"""kube-controller-manager, with only the controllers that make the API behave as users know it."""

from __future__ import annotations

from pathlib import Path

import requests

from tests.cluster.access import APIFailure
from tests.cluster.apiserver import CONTROLLER_MANAGER_USER, APIServer
from tests.cluster.ports import Ports
from tests.cluster.processes import Launcher, Process

# No nodes, no pods: so no scheduler, kubelet or workload controllers.
_WITHOUT_NODES = (
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "root-ca-certificate-publisher-controller",
    "namespace-controller",
    "garbage-collector-controller",
    "resourcequota-controller",
    "clusterrole-aggregation-controller",
    "endpointslice-controller",
)


class ControllerManager:
    """The controller-manager."""

    def __init__(
        self, program: Path, directory: Path, ports: Ports, launcher: Launcher, apiserver: APIServer, *, nodes: bool
    ) -> None:
        self._port = ports.free()
        # Where there are nodes, all but the one that would deal out their addresses.
        self._controllers = ("*", "-node-ipam-controller") if nodes else _WITHOUT_NODES
        self._program = program
        self._launcher = launcher
        self._apiserver = apiserver
        self._directory = directory / "controller-manager"
        self._directory.mkdir()
        # All controllers share this user, so it needs the sum of their roles; in a production cluster each has its own.
        self._user = apiserver.users.by_certificate(CONTROLLER_MANAGER_USER, ["system:masters"])

    def start(self) -> Process:
        """Start it; it is ready when it answers and has made the first service account."""
        process = self._launcher.start("kube-controller-manager", [self._program, *self._flags()])
        process.wait_until(self._is_ready)
        return process

    def _is_ready(self) -> bool:
        try:
            self._apiserver.api.get("/api/v1/namespaces/default/serviceaccounts/default")
        except APIFailure:
            return False
        ca = str(self._directory / "kube-controller-manager.crt")
        return requests.get(f"https://localhost:{self._port}/healthz", verify=ca, timeout=5).ok

    def _flags(self) -> list[str]:
        kubeconfig = self._user.kubeconfig
        return [
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--service-account-private-key-file={self._apiserver.service_account_key}",
            f"--root-ca-file={self._apiserver.users.ca_file}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._port}",
            f"--cert-dir={self._directory}",
            f"--controllers={','.join(self._controllers)}",
        ]
