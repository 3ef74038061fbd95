"""kube-apiserver: RBAC, an audit log of every request that matters, client certificates and service-account tokens.

A request is in the audit log (`audit.py`) when a user of the product could have made it.  Left out is what the
control plane does for itself: the API server's own loopback, the controller-manager, the kit's router, and
the probes and discovery documents that clients fetch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from tests.cluster.access import API, User, Users
from tests.cluster.etcd import Etcd
from tests.cluster.pki import CA, signing_key
from tests.cluster.ports import Ports
from tests.cluster.processes import Launcher, Process
from tests.cluster.site import Site

ROUTER_USER = "ingress-router"
FRONT_PROXY = "front-proxy-client"
CONTROLLER_MANAGER_USER = "system:kube-controller-manager"

_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    # One event when the answer is complete, and for a watch one more when it begins.
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "users": ["system:apiserver", CONTROLLER_MANAGER_USER, ROUTER_USER]},
        {"level": "None", "nonResourceURLs": ["/readyz*", "/livez*", "/healthz*", "/version*", "/openapi/*"]},
        {  # what the product tells people (`tests/told.py`); nothing of it is secret, but for the keys of Challenges
            "level": "Request",
            "userGroups": ["system:serviceaccounts"],
            "verbs": ["create", "update"],  # an Event is patched to count it once more, which is no news
            "resources": [
                {"group": "", "resources": ["events"]},
                {"group": "cert-manager.io", "resources": ["*/status"]},
                {"group": "acme.cert-manager.io", "resources": ["*/status"]},
            ],
            "omitManagedFields": True,
        },
        {"level": "Metadata"},
    ],
}


class APIServer:
    """The API server; it can be killed and started again on the same port."""

    def __init__(
        self,
        program: Path,
        directory: Path,
        ports: Ports,
        launcher: Launcher,
        etcd: Etcd,
        site: Site,
        *,
        admission: Sequence[str] = (),
    ) -> None:
        self._admission = [*(("NodeRestriction",) if site.nodes else ()), *admission]
        self._port = site.api_port or ports.free()
        self._site = site
        self.url = f"https://{site.host}:{self._port}"
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
        pair = ca.server("127.0.0.1", "localhost", "kubernetes.default.svc", "10.0.0.1", site.host)
        self._certificate = self._file("tls.crt", pair.certificate)
        self._key = self._file("tls.key", pair.key)
        self._kubelets = self.users.by_certificate("kube-apiserver-kubelet-client", ["system:masters"])
        # Aggregated APIs know the API server, which speaks for its users there, by a certificate of this CA.
        front_proxy = CA("certshim kit front proxy CA")
        self.front_proxy_ca = self._file("front-proxy-ca.crt", front_proxy.pem)
        pair = front_proxy.client(FRONT_PROXY)
        self._front_proxy_certificate = self._file("front-proxy.crt", pair.certificate)
        self._front_proxy_key = self._file("front-proxy.key", pair.key)
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
            *self._address_flags(),
            f"--secure-port={self._port}",
            "--service-cluster-ip-range=10.0.0.0/24",
            f"--cert-dir={self._directory}",
            f"--tls-cert-file={self._certificate}",
            f"--tls-private-key-file={self._key}",
            f"--client-ca-file={self.users.ca_file}",
            *self._front_proxy_flags(),
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.service_account_key}",
            f"--service-account-signing-key-file={self.service_account_key}",
            f"--authorization-mode={'Node,RBAC' if self._site.nodes else 'RBAC'}",
            f"--audit-policy-file={self._policy}",
            f"--audit-log-path={self.audit_log}",
            "--audit-log-maxsize=0",  # no rotation: a reader holds an offset
            *([f"--enable-admission-plugins={','.join(self._admission)}"] if self._admission else []),
        ]

    def _front_proxy_flags(self) -> list[str]:
        return [
            f"--proxy-client-cert-file={self._front_proxy_certificate}",
            f"--proxy-client-key-file={self._front_proxy_key}",
            f"--requestheader-client-ca-file={self.front_proxy_ca}",
            f"--requestheader-allowed-names={FRONT_PROXY}",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        ]

    def _address_flags(self) -> list[str]:
        if self._site.is_loopback:
            # The reconciler would publish our address as an EndpointSlice, and those refuse loopback.
            return ["--bind-address=127.0.0.1", "--endpoint-reconciler-type=none"]
        return [
            "--bind-address=0.0.0.0",
            f"--advertise-address={self._site.host}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-client-certificate={self._kubelets.certificate}",
            f"--kubelet-client-key={self._kubelets.key}",
        ]
