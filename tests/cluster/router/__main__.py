"""Run the router: `python -m tests.cluster.router --server … --admin …` (the kit does)."""

from __future__ import annotations

import argparse
import threading
import time
from pathlib import Path

import requests

from tests.cluster.access import API, User
from tests.cluster.pki import CA, Pair
from tests.cluster.router.certificate_server import CertificateServer
from tests.cluster.router.certificates import certificates_by_host, choose
from tests.cluster.router.config import JSON, Listen, caddy_config
from tests.cluster.router.objects import (
    EndpointSlice,
    HTTPRoute,
    Ingress,
    IngressClass,
    Secret,
    Service,
    World,
    by_age,
)
from tests.cluster.router.routes import ours
from tests.cluster.router.watch import Watch

# Seconds between two loads: the first change of a burst goes at once, the rest together.  A load costs in
# proportion to all routes, so the pause is at least twice the last one: at most a third of a core goes into it.
_COALESCE = 0.05
_LONGEST_COALESCE = 1.0
_SYNC_POLL = 0.02
_RETRY = 1.0
_TIMEOUT = 10.0
_NETWORKING = "/apis/networking.k8s.io/v1"
_GATEWAY_API = "/apis/gateway.networking.k8s.io/v1"
_DISCOVERY = "/apis/discovery.k8s.io/v1"


class Router:
    """The six watches and the loop that loads."""

    def __init__(self, server: str, ca: Path, user: User, listen: Listen) -> None:
        self._listen = listen
        self._changed = threading.Event()
        self._fake = CA("Kit router").server("Kubernetes Ingress Controller Fake Certificate")
        # What a handshake needs is computed by the first after a change: Secrets change often, and most go unseen.
        self._changes = 0
        self._certificates: tuple[int, dict[str, Pair | None]] = (-1, {})

        def api() -> API:
            return API(server, ca, user)  # one each: a watch occupies its connection

        def tell_handshakes() -> None:
            self._changes += 1

        def tell() -> None:
            tell_handshakes()
            self._changed.set()

        self._ingresses = Watch(api(), f"{_NETWORKING}/ingresses", Ingress, tell)
        self._classes = Watch(api(), f"{_NETWORKING}/ingressclasses", IngressClass, tell)
        self._services = Watch(api(), "/api/v1/services", Service, tell)
        self._slices = Watch(api(), f"{_DISCOVERY}/endpointslices", EndpointSlice, tell)
        self._secrets = Watch(api(), "/api/v1/secrets", Secret, tell_handshakes)
        self._http_routes = Watch(api(), f"{_GATEWAY_API}/httproutes", HTTPRoute, tell, optional=True)

    def certificate(self, server_name: str) -> Pair:
        """Return the certificate for a handshake."""
        changes = self._changes  # read before the objects: what changes from here on is for the next handshake
        if self._certificates[0] != changes:
            world = self._world()
            self._certificates = (changes, certificates_by_host(by_age(ours(world)), world))
        return choose(server_name, self._certificates[1], self._fake)

    def run(self) -> None:
        """Watch, and load what changed, for ever."""
        watches = (self._ingresses, self._classes, self._services, self._slices, self._secrets, self._http_routes)
        for watch in watches:
            threading.Thread(target=watch.run, daemon=True).start()
        while not all(watch.synced for watch in watches):
            time.sleep(_SYNC_POLL)
        self._changed.set()
        loaded: JSON = {}
        while True:
            self._changed.wait()
            self._changed.clear()
            began = time.monotonic()
            loaded = self._load(loaded)
            time.sleep(min(max(_COALESCE, 2 * (time.monotonic() - began)), _LONGEST_COALESCE))

    def _load(self, loaded: JSON) -> JSON:
        """Give Caddy the configuration of now when it is another than `loaded`; return what it has."""
        wanted = caddy_config(self._world(), self._listen)
        if wanted == loaded:
            return loaded
        try:
            answer = requests.post(f"http://{self._listen.admin}/load", json=wanted, timeout=_TIMEOUT)
            answer.raise_for_status()
        except requests.RequestException as error:
            print(f"load: {error}: {error.response.text if error.response is not None else ''}", flush=True)
            time.sleep(_RETRY)
            self._changed.set()
            return loaded
        return wanted

    def _world(self) -> World:
        return World(
            ingresses=self._ingresses.objects(),
            classes=self._classes.objects(),
            services=self._services.objects(),
            slices=self._slices.objects(),
            secrets=self._secrets.objects(),
            http_routes=self._http_routes.objects(),
        )


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description="The kit's ingress controller: drives Caddy from Ingresses.")
    for name in ("--server", "--admin"):
        parser.add_argument(name, required=True)
    for name in ("--ca", "--certificate", "--key"):
        parser.add_argument(name, required=True, type=Path)
    for name in ("--plain-port", "--secure-port", "--public-https-port", "--certificates-port"):
        parser.add_argument(name, required=True, type=int)
    given = parser.parse_args()
    user = User(kubeconfig=Path(), certificate=given.certificate, key=given.key)
    listen = Listen(given.admin, given.plain_port, given.secure_port, given.public_https_port)
    router = Router(given.server, given.ca, user, listen)
    server = CertificateServer(given.certificates_port, router.certificate)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    router.run()


if __name__ == "__main__":
    main()
