"""A cluster that is there already, as a place for the demo.

The cluster keeps its API server and its ingress controller; the ACME CA, its DNS, the shim, the webhook and the
backend run here.  So no public name is needed: the CA believes that every name is the ingress controller.  What
is needed is a way in both directions: from here to the ingress controller, and from its pods to this machine.

It removes at the end what it created, and nothing else: a cluster in which any of it is there already is refused.
That goes for cert-manager's API above all, since two controllers would work on the same objects.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import yaml

from tests.cluster import KubectlFailed, Pebble, PebbleSettings, Process
from tests.cluster.names import Names
from tests.cluster.ports import Ports
from tests.cluster.processes import Launcher
from tests.cluster.programs import ensure_built
from tests.demo.objects import NAMESPACE
from tests.demo.place import Place
from tests.demo.screen import Screen
from tests.product import Product

_TIMEOUT: Final = 60.0
_TOKEN_FOR: Final = "24h"  # longer than a developer leaves the demo running
_DEFAULT_CLASS: Final = "ingressclass.kubernetes.io/is-default-class"


class Unsuitable(Exception):
    """The demo cannot be shown on this cluster; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user says of the cluster; empty: found out."""

    ingress: str = ""
    ingress_class: str = ""
    own_address: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """Where the ingress controller answers."""

    host: str
    http_port: int = 80
    https_port: int = 443


class ExistingCluster:
    """A context that is a `tests.product.Ground`."""

    def __init__(self, options: Options, screen: Screen) -> None:
        programs = ensure_built()
        self._screen = screen
        self._options = options
        self._program = Path(shutil.which("kubectl") or programs.controlplane / "kubectl")
        self.directory = Path(tempfile.mkdtemp(prefix="certshim-demo-"))
        self.ports = Ports()
        self._launcher = Launcher(self.directory)
        self._running: list[Process] = []
        self._created: list[dict[str, Any]] = []
        self.names = Names(programs.pebble / "pebble-challtestsrv", self.ports, self._launcher)
        self._pebble_program = programs.pebble / "pebble"

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()

    def _begin(self) -> None:
        self._screen.scene("Your cluster")
        self.kubeconfig = self._copy_kubeconfig()
        server = self._server()
        self.ingress_class = self._options.ingress_class or self._find_class()
        self.caddy = self._find_edge()
        self._screen.pairs(("API server", server), ("ingress", f"{self.caddy.host}, class {self.ingress_class}"))
        self._created = self._objects()
        self.ca = Pebble(
            "pebble",
            program=self._pebble_program,
            directory=self.directory,
            ports=self.ports,
            launcher=self._launcher,
            resolver=self.names.address,
            validation_ports=(self.caddy.http_port, self.caddy.https_port),
            settings=PebbleSettings(),
        )
        with self._screen.step("Pebble (ACME CA) and DNS, on this machine"):
            self._running += [self.names.start(), self.ca.start()]
            self.names.set("set-default-ipv4", ip=socket.gethostbyname(self.caddy.host))
        self.place = Place(
            ground=self,
            directory=self.directory,
            kubectl=self._program,
            kubeconfig=self.kubeconfig,
            edge_host=self.caddy.host,
            own_host=self._options.own_address or _seen_from(server),
            is_own=False,
        )

    def stop(self) -> None:
        """Remove what was created, then end the processes; safe to repeat."""
        if self._created:
            created, self._created = self._created, []
            with self._screen.step("Removing what the demo created"):
                # The namespace first, while the shim is there; then the webhook's configuration, which would refuse.
                self.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait")
                Product(self).withdraw_admission()
                self.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=yaml.safe_dump_all(created))
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.stop(grace=1.0)
        self._launcher.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    # -- what a Ground is --------------------------------------------------------------------------------------

    def kubectl(self, *args: str, stdin: str | None = None) -> str:
        """Run kubectl as the user; KubectlFailed with its errors."""
        return self._run_kubectl(str(self.kubeconfig), *args, stdin=stdin)

    def _run_kubectl(self, kubeconfig: str, *args: str, stdin: str | None = None) -> str:
        result = subprocess.run(  # noqa: S603  kubectl is what the user would run
            [self._program, *args],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT,
            env={**os.environ, "KUBECONFIG": kubeconfig},
        )
        if result.returncode != 0:
            raise KubectlFailed(f"kubectl {' '.join(args)}: {result.stderr.strip()}", result.stdout, result.stderr)
        return result.stdout

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """Return a kubeconfig with the same cluster and a token of the service account."""
        token = self.kubectl("create", "token", name, "-n", namespace, f"--duration={_TOKEN_FOR}").strip()
        document = yaml.safe_load(self.kubeconfig.read_text())
        document["users"] = [{"name": user["name"], "user": {"token": token}} for user in document["users"]]
        return self._private(f"{name}.kubeconfig", yaml.safe_dump(document))

    def run(self, name: str, argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> Process:
        """Start a program that ends with the demo."""
        process = self._launcher.start(name, argv, env=env)
        self._running.append(process)
        return process

    # -- finding out -------------------------------------------------------------------------------------------

    def _copy_kubeconfig(self) -> Path:
        """Return a file of our own with the current context alone, so that nothing changes under our feet."""
        named = os.environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())
        view = self._run_kubectl(named, "config", "view", "--minify", "--flatten", "--raw")
        return self._private("kubeconfig", view)

    def _private(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def _server(self) -> str:
        document = yaml.safe_load(self.kubeconfig.read_text())
        return str(document["clusters"][0]["cluster"]["server"])

    def _find_class(self) -> str:
        classes = self._list("ingressclass")
        default = [one for one in classes if one["metadata"].get("annotations", {}).get(_DEFAULT_CLASS) == "true"]
        names = [str(one["metadata"]["name"]) for one in default or classes]
        if len(names) != 1:
            found = ", ".join(names) or "none"
            raise Unsuitable(f"cannot choose an IngressClass (found: {found}): name one with --ingress-class")
        return names[0]

    def _find_edge(self) -> Edge:
        if self._options.ingress:
            host, *ports = self._options.ingress.split(":")
            if len(ports) not in {0, 2} or not all(port.isdecimal() for port in ports):
                raise Unsuitable(f"--ingress={self._options.ingress}: must be HOST or HOST:HTTP-PORT:HTTPS-PORT")
            return Edge(host, *map(int, ports))
        for service in self._list("service", "--all-namespaces"):
            numbers = {port["port"] for port in service["spec"].get("ports", [])}
            for entry in service["status"].get("loadBalancer", {}).get("ingress", []):
                if {80, 443} <= numbers:
                    return Edge(entry.get("ip") or entry["hostname"])
        raise Unsuitable("cannot find the ingress controller: no Service of type LoadBalancer has ports 80 and 443; "
                         "say with --ingress=HOST:HTTP-PORT:HTTPS-PORT where it answers")  # fmt: skip

    def _objects(self) -> list[dict[str, Any]]:
        """Return what will be created and must go at the end; Unsuitable when part of it is there."""
        wanted = Product(self).installed_objects()
        own = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        there = self.kubectl(
            "get", "--ignore-not-found", "-o", "name", "-f", "-", stdin=yaml.safe_dump_all([own, *wanted])
        ).split()
        if there:
            raise Unsuitable(
                f"the cluster has {there[0]} already, so cert-manager or certshim is installed, or a demo was killed: "
                "the demo would work on what is not its own, and needs a cluster without"
            )
        return wanted

    def _list(self, *what: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads(self.kubectl("get", *what, "-o", "json"))["items"]
        return items


def _seen_from(server: str) -> str:
    """Return the address from which this machine talks to the API server; a loopback one is `localhost`."""
    parts = urlsplit(server)
    with socket.socket(
        socket.AF_INET6 if ":" in (parts.hostname or "") else socket.AF_INET, socket.SOCK_DGRAM
    ) as probe:
        probe.connect((parts.hostname or "", parts.port or 443))  # UDP: nothing is sent
        own = str(probe.getsockname()[0])
    return "localhost" if own.startswith("127.") or own == "::1" else own
