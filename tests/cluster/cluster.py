"""The kit put together: everything started in parallel where nothing depends, stopped whatever happens.

    etcd ── kube-apiserver ─┬─ kube-controller-manager
                            └─ router
    Caddy at the edge, Caddy that routes
    challtestsrv ── Pebble

All on free loopback ports, with everything it writes in one private directory that goes away with it.
"""

from __future__ import annotations

import atexit
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType, TracebackType
from typing import Protocol, Self

from tests.cluster.access import API
from tests.cluster.apiserver import APIServer
from tests.cluster.audit import BEGINNING, AuditEvent, AuditLog, Mark
from tests.cluster.ca import Pebble, PebbleSettings
from tests.cluster.controllers import ControllerManager
from tests.cluster.etcd import Etcd
from tests.cluster.named import Named, find_named
from tests.cluster.names import Names
from tests.cluster.ports import Ports
from tests.cluster.processes import Launcher, Process
from tests.cluster.programs import ensure_built
from tests.cluster.prometheus import Prometheus, Scraped, find_prometheus
from tests.cluster.proxy import INGRESS_CLASS, Caddy, Router
from tests.cluster.site import HERE, Site

_KUBECTL_TIMEOUT = 60.0
_TOKEN_SECONDS = 24 * 3600  # longer than a developer leaves the demo running
_GRACE = 1.0  # seconds to end in; nothing that they could save is of use afterwards


class _Part(Protocol):
    def start(self) -> Process: ...


class Cluster:
    """A real control plane, CA, DNS and proxy.

    Use it as a context, or call `start` and `stop`.  Safe to use from several threads, except the methods that
    kill or restart a part.
    """

    ingress_class = INGRESS_CLASS

    def __init__(
        self, *, pebble: PebbleSettings | None = None, site: Site = HERE, admission: Sequence[str] = ()
    ) -> None:
        """Make one; `admission` are plugins of the API server besides those that are on by default."""
        programs = ensure_built()
        self.site = site
        self.directory = Path(tempfile.mkdtemp(prefix="certshim-kit-"))
        self.ports = Ports()
        self._kubectl = programs.controlplane / "kubectl"
        self._pebble_program = programs.pebble / "pebble"
        self._launcher = Launcher(self.directory)
        self._running: dict[str, Process] = {}
        self.timings: dict[str, float] = {}  # seconds that the last start of each part took
        directory, ports, launcher, plane = self.directory, self.ports, self._launcher, programs.controlplane
        self.etcd = Etcd(plane / "etcd", directory, ports, launcher)
        self.apiserver = APIServer(
            plane / "kube-apiserver", directory, ports, launcher, self.etcd, site, admission=admission
        )
        self._controllers = ControllerManager(
            plane / "kube-controller-manager", directory, ports, launcher, self.apiserver, nodes=site.nodes
        )
        self.names = Names(programs.pebble / "pebble-challtestsrv", ports, launcher, site)
        self.caddy = Caddy("caddy", directory, ports, launcher, site)
        self._inner_caddy = Caddy("caddy-routes", directory, ports, launcher)
        self._router = Router(ports, launcher, self.apiserver, self.caddy, self._inner_caddy)
        self.ca = self._new_pebble("pebble", pebble or PebbleSettings(), host=site.ca_host, port=site.ca_port)
        self._audit = AuditLog(self.apiserver.audit_log)

    # -- life --------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start everything and wait until it is ready; PartFailed (and nothing left) when a part is not.

        From the main thread, SIGTERM is made to end the program by an exception, as Ctrl-C does, so that `stop` runs.
        """
        atexit.register(self.stop)
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _end)
        with ThreadPoolExecutor(thread_name_prefix="start") as pool:
            try:
                self._start_all(pool)
            except BaseException:
                self.stop()  # before the pool waits for its threads, which end with their processes
                raise
        return self

    def stop(self) -> None:
        """End every process and remove the directory; safe to repeat."""
        atexit.unregister(self.stop)
        processes = list(self._running.values())
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + _GRACE
        for process in processes:
            process.stop(grace=max(0.0, deadline - time.monotonic()))
        self._launcher.close()
        self.apiserver.api.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()

    def _start_all(self, pool: ThreadPoolExecutor) -> None:
        caddys = [pool.submit(self._start, caddy.name, caddy) for caddy in (self.caddy, self._inner_caddy)]
        others = [pool.submit(self._start_ca)]
        self._start("etcd", self.etcd)
        self._start("kube-apiserver", self.apiserver)
        others.append(pool.submit(self._start, "kube-controller-manager", self._controllers))
        for caddy in caddys:
            caddy.result()
        self._start("router", self._router)
        for other in others:
            other.result()

    def _start_ca(self) -> None:
        self._start("challtestsrv", self.names)
        self._start(self.ca.name, self.ca)

    def _start(self, name: str, part: _Part) -> None:
        began = time.monotonic()
        self._running[name] = part.start()
        self.timings[name] = time.monotonic() - began

    # -- users -------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The API server."""
        return self.apiserver.url

    @property
    def admin(self) -> Path:
        """The kubeconfig of a cluster admin (who is above RBAC: nothing of the product runs with it)."""
        return self.apiserver.admin.kubeconfig

    @property
    def api(self) -> API:
        """A JSON client of the admin's, for arranging and for looking."""
        return self.apiserver.api

    def kubeconfig(self, user: str, groups: Sequence[str] = ()) -> Path:
        """Return the kubeconfig of a user with a client certificate; what it may do, RBAC says."""
        return self.apiserver.users.by_certificate(user, groups).kubeconfig

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """Return the kubeconfig of a service account that exists, with a token from the TokenRequest API."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        answer = self.api.post(path, {"spec": {"expirationSeconds": _TOKEN_SECONDS}})
        user = f"system:serviceaccount:{namespace}:{name}"
        return self.apiserver.users.by_token(user, answer["status"]["token"]).kubeconfig

    def kubectl(self, *args: str, kubeconfig: Path | None = None, stdin: str | None = None) -> str:
        """Run kubectl (as admin unless told otherwise) and return its output; KubectlFailed with its errors."""
        result = subprocess.run(
            [self._kubectl, *args],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=_KUBECTL_TIMEOUT,
            env={"KUBECONFIG": str(kubeconfig or self.admin), "HOME": str(self.directory)},
        )
        if result.returncode != 0:
            raise KubectlFailed(f"kubectl {' '.join(args)}: {result.stderr.strip()}", result.stdout, result.stderr)
        return result.stdout

    def watching(self, *args: str) -> subprocess.Popen[str]:
        """Start a kubectl that goes on, as admin, with its output to be read; the caller ends it."""
        return subprocess.Popen(
            [self._kubectl, *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={"KUBECONFIG": str(self.admin), "HOME": str(self.directory)},
        )

    # -- the audit log -----------------------------------------------------------------------------------------

    def audit_mark(self) -> Mark:
        """Return the present end of the audit log."""
        return self._audit.mark()

    def audit(self, since: Mark = BEGINNING) -> Iterator[AuditEvent]:
        """Yield the requests that were completed since the mark."""
        return self._audit.since(since)

    # -- faults ------------------------------------------------------------------------------------------------

    def kill_apiserver(self) -> None:
        """End the API server at once (SIGKILL): connections are reset, then refused."""
        self._running["kube-apiserver"].kill()

    def stop_apiserver(self, *, grace: float = 5.0) -> None:
        """Have the API server end in order (SIGTERM), as in an upgrade, and end it when it has not after a while.

        It takes no new connections then and answers what was asked, but its watches go on until the end.
        """
        self._running["kube-apiserver"].stop(grace=grace)

    def restart_apiserver(self) -> None:
        """Start the API server again on its port (killing it first if it runs) and wait until it is ready."""
        self.kill_apiserver()
        self._start("kube-apiserver", self.apiserver)

    def compact_etcd(self) -> int:
        """Make etcd forget all revisions before the current one, which is returned.

        The API server still serves watches from its own cache, so alone this is seen only by requests that go to
        etcd (an exact old version).  `expire_versions` is what makes clients see 410.
        """
        return self.etcd.compact()

    def expire_versions(self) -> None:
        """Make every resourceVersion and continue token that a client holds expire: 410 Gone.

        A write moves the version on, compaction removes the old ones from etcd, and a restart empties the API
        server's watch cache, whose window then begins at the present.  A watch from before gets 200 and an ERROR
        event with the 410; a list with an old continue token gets HTTP 410.
        """
        self.api.apply(
            "/api/v1/namespaces/default/configmaps/kit-version",
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "kit-version"},
                "data": {"at": str(time.time_ns())},
            },
        )
        self.compact_etcd()
        self.restart_apiserver()

    # -- certificate authorities -------------------------------------------------------------------------------

    def pebble(self, name: str, settings: PebbleSettings, *, resolver: str = "") -> Pebble:
        """Start one more Pebble beside the first, with its own settings (and resolver), and wait until it is ready."""
        extra = self._new_pebble(name, settings, resolver)
        self._start(name, extra)
        return extra

    def restart_pebble(self, pebble: Pebble | None = None, settings: PebbleSettings | None = None) -> None:
        """Restart a Pebble (the first unless told otherwise) on the same ports: it has forgotten everything."""
        pebble = pebble or self.ca
        pebble.settings = settings or pebble.settings
        self._running[pebble.name].kill()
        self._start(pebble.name, pebble)

    def stop_pebble(self, pebble: Pebble | None = None) -> None:
        """End a Pebble at once; `restart_pebble` brings it back."""
        self._running[(pebble or self.ca).name].kill()

    def _new_pebble(
        self, name: str, settings: PebbleSettings, resolver: str = "", *, host: str = "", port: int = 0
    ) -> Pebble:
        return Pebble(
            name,
            program=self._pebble_program,
            directory=self.directory,
            ports=self.ports,
            launcher=self._launcher,
            resolver=resolver or self.names.address,
            host=host or self.site.host,
            port=port,
            validation_ports=(self.caddy.http_port, self.caddy.https_port),
            settings=settings,
        )

    # -- name servers ------------------------------------------------------------------------------------------

    def named(self, name: str, *zones: str) -> Named:
        """Start a server of these zones that takes dynamic updates; NoPackage where the program cannot be had."""
        extra = Named(
            name,
            program=find_named(),
            directory=self.directory,
            ports=self.ports,
            launcher=self._launcher,
            zones=zones,
        )
        self._start(name, extra)
        return extra

    def stop_named(self, named: Named) -> None:
        """End it at once; `restart_named` brings it back with what was written."""
        self._running[named.name].kill()

    def restart_named(self, named: Named) -> None:
        """Start it again on its port, and wait until it answers."""
        self.stop_named(named)
        self._start(named.name, named)

    # -- monitoring --------------------------------------------------------------------------------------------

    def prometheus(self, name: str, *scraped: Scraped, interval: int = 1) -> Prometheus:
        """Start a Prometheus that scrapes these each `interval` seconds; NoPackage where it cannot be had."""
        extra = Prometheus(
            name,
            program=find_prometheus(),
            directory=self.directory,
            ports=self.ports,
            launcher=self._launcher,
            scraped=scraped,
            interval=interval,
        )
        self._start(name, extra)
        return extra

    # -- processes ---------------------------------------------------------------------------------------------

    def process(self, name: str) -> Process:
        """Return a running part by its name, as `kube-apiserver`."""
        return self._running[name]

    def run(self, name: str, argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> Process:
        """Start a program of the test's or the demo's own that ends with the kit; its log is `<name>.log`."""
        process = self._launcher.start(name, argv, env=env)
        self._running[name] = process
        return process


class KubectlFailed(Exception):
    """kubectl ended with an error."""

    def __init__(self, message: str, stdout: str, stderr: str) -> None:
        super().__init__(message)
        self.stdout = stdout
        self.stderr = stderr


def _end(signum: int, _: FrameType | None) -> None:
    sys.exit(128 + signum)
