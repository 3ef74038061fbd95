"""The ground of the measurements: the kit, the product on it under its own RBAC, and what a developer applies.

Namespaces are made here and go with the kit.  A namespace gets a first certificate before anything is measured in it,
so that the Service which each gets once is there.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench import procfs
from bench.arrivals import Arrival, Arrivals
from tests.cluster import Cluster, PartFailed, Pebble, Process
from tests.cluster.debian import NoPackage
from tests.cluster.named import Named
from tests.product import Product

PATIENCE = 60.0  # seconds; what is waited for takes one or two on an idle machine
INGRESSES = "/apis/networking.k8s.io/v1/namespaces/{}/ingresses"


@dataclass(frozen=True, slots=True)
class Kit:
    """Everything running; `webhook` is None when it did not start, and the figures are then without admission.

    `named` is None where the program cannot be had; there is nothing to measure of DNS-01 then.
    """

    cluster: Cluster
    product: Product
    shim: Process
    webhook: Process | None
    arrivals: Arrivals
    named: Named | None

    def issuer(self, name: str, ca: Pebble, **acme: object) -> str:
        """Create a ClusterIssuer for a CA and wait until it is ready; return its name."""
        spec = {"acme": self.product.acme(name, ca) | acme}
        body = {"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": {"name": name}, "spec": spec}
        self.cluster.api.post("/apis/cert-manager.io/v1/clusterissuers", body)
        self.arrivals.issuer_ready(name, seconds=PATIENCE)
        return name

    def namespace(self, issuer: str, *, warm_ups: int = 1) -> str:
        """Make a namespace, and so many certificates in it."""
        name = f"bench-{secrets.token_hex(4)}"
        self.cluster.api.post("/api/v1/namespaces", {"metadata": {"name": name}})
        for number in range(warm_ups):
            self.issue(name, f"warm-up-{number}", issuer)
        return name

    def issue(self, namespace: str, name: str, issuer: str) -> None:
        """Create an Ingress and wait until its Certificate is ready and nothing is left to tidy up."""
        self.create(namespace, name, issuer)
        self.arrivals.wait([Arrival(namespace, f"{name}-tls", 1)], seconds=PATIENCE)
        self.arrivals.settle(seconds=PATIENCE)

    def cpu(self) -> Mapping[str, float]:
        """Return the CPU seconds of every process that takes part; Caddy's two and the router are the kit's proxy."""
        pids = {"shim": [self.shim.pid]}
        if self.webhook is not None:
            pids["webhook"] = procfs.family(self.webhook.pid)
        pids |= {name: [self.cluster.process(name).pid] for name in ("kube-apiserver", "etcd", "pebble")}
        pids["proxy"] = [self.cluster.process(name).pid for name in ("router", "caddy", "caddy-routes")]
        return {name: sum(map(procfs.cpu_seconds, family)) for name, family in pids.items()}

    def create(self, namespace: str, name: str, issuer: str) -> None:
        """Create an annotated Ingress for a host that nobody has used; its Secret will be `<name>-tls`."""
        self.cluster.api.post(INGRESSES.format(namespace), ingress(name, issuer, self.cluster.ingress_class))


def ingress(name: str, issuer: str, ingress_class: str) -> dict[str, Any]:
    """Return an Ingress as a developer writes it: one annotation and the rules, no `spec.tls`."""
    host = f"{name}-{secrets.token_hex(4)}.example.test"
    backend = {"service": {"name": "shop", "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "annotations": {"cert-manager.io/cluster-issuer": issuer}},
        "spec": {"ingressClassName": ingress_class, "rules": [{"host": host, "http": {"paths": paths}}]},
    }


@contextmanager
def running(notes: list[str]) -> Iterator[Kit]:
    """Start everything; add to the notes what could not be."""
    with Cluster() as cluster:
        product = Product(cluster)
        product.install()
        named = _named(cluster, notes)
        shim = product.start_shim(*_resolving(named))
        webhook = _webhook(product, notes)
        with Arrivals(cluster.admin) as arrivals:
            yield Kit(cluster, product, shim, webhook, arrivals, named)


def _resolving(named: Named | None) -> tuple[str, ...]:
    """Return the flags by which the shim finds it."""
    if named is None:
        return ()
    return (f"--dns01-recursive-nameservers={named.address}", f"--dns01-authoritative-port={named.port}")


def _named(cluster: Cluster, notes: list[str]) -> Named | None:
    try:
        return cluster.named("named", "dns.test")
    except NoPackage as error:
        notes.append(f"DNS-01 is not measured: {error}")
        return None


def _webhook(product: Product, notes: list[str]) -> Process | None:
    try:
        return product.start_webhook()
    except PartFailed as error:
        product.withdraw_admission()
        notes.append(f"measured without the webhook, which did not start: {str(error).splitlines()[0]}")
        return None
