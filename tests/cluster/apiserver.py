"""kube-apiserver: RBAC, an audit log of every request that matters, client certificates and service-account tokens.

A request is in the audit log (`audit.py`) when a user of the product could have made it.  Left out is what the
control plane does for itself: the API server's own loopback, the controller-manager, the kit's router, and
the probes and discovery documents that clients fetch.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.cluster.access import API, User, Users
from tests.cluster.etcd import Etcd
from tests.cluster.pki import CA, signing_key
from tests.cluster.ports import Ports
from tests.cluster.processes import Launcher, Process

ROUTER_USER = "ingress-router"
CONTROLLER_MANAGER_USER = "system:kube-controller-manager"

_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    # One event when the answer is complete, and for a watch one more when it begins.
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "users": ["system:apiserver", CONTROLLER_MANAGER_USER, ROUTER_USER]},
        {"level": "None", "nonResourceURLs": ["/readyz*", "/livez*", "/healthz*", "/version*", "/openapi/*"]},
        {"level": "Metadata"},
    ],
}


class APIServer:
    """The API server; it can be killed and started again on the same port."""

    def __init__(self, program: Path, directory: Path, ports: Ports, launcher: Launcher, etcd: Etcd) -> None:
        self._port = ports.free()
        self.url = f"https://127.0.0.1:{self._port}"
        self.audit_log = directory / "audit.jsonl"
        self._program = program
        self._launcher = launcher
        self._etcd = etcd
        self._directory = directory / "apiserver"
        self._directory.mkdir()
        ca = CA("certshim kit cluster CA")
        self.users = Users(directory / "users", self.url, ca)
        self.admin = self.users.by_certificate("admin", ["system:masters"])
        self.api = API(self.url, self.users.ca_file, self.admin)
        self.service_account_key = self._file("service-account.key", signing_key())
        pair = ca.server("127.0.0.1", "localhost", "kubernetes.default.svc", "10.0.0.1")
        self._certificate = self._file("tls.crt", pair.certificate)
        self._key = self._file("tls.key", pair.key)
        self._policy = self._file("audit-policy.yaml", yaml.safe_dump(_AUDIT_POLICY).encode())

    def start(self) -> Process:
        """Start it and wait until it is ready (its post-start hooks, as RBAC's, included)."""
        process = self._launcher.start("kube-apiserver", [self._program, *self._flags()])
        process.wait_until(lambda: self.api.answers("/readyz"))
        return process

    def as_user(self, user: User) -> API:
        """Return a client for another user (client certificate); the caller closes it."""
        return API(self.url, self.users.ca_file, user)

    def _file(self, name: str, content: bytes) -> Path:
        path = self._directory / name
        path.write_bytes(content)
        return path

    def _flags(self) -> list[str]:
        return [
            f"--etcd-servers={self._etcd.url}",
            "--bind-address=127.0.0.1",
            # The reconciler would publish our address as an EndpointSlice, and those refuse loopback.
            "--endpoint-reconciler-type=none",
            f"--secure-port={self._port}",
            "--service-cluster-ip-range=10.0.0.0/24",
            f"--cert-dir={self._directory}",
            f"--tls-cert-file={self._certificate}",
            f"--tls-private-key-file={self._key}",
            f"--client-ca-file={self.users.ca_file}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.service_account_key}",
            f"--service-account-signing-key-file={self.service_account_key}",
            "--authorization-mode=RBAC",
            f"--audit-policy-file={self._policy}",
            f"--audit-log-path={self.audit_log}",
            "--audit-log-maxsize=0",  # no rotation: a reader holds an offset
        ]
