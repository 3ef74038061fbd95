"""The product on the kit: installed from `manifests/`, run under the RBAC that we ship, never as an admin.

The demo, the system tests and the benchmarks all use this, so that what they show is what users get.
What differs from an installation in a cluster: the processes are not pods, so the webhook is reached by URL instead
of by Service, and proxies reach the responder by an ExternalName Service (EndpointSlices refuse loopback).
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import requests
import yaml

from tests.cluster import Cluster, Pebble, Process

MANIFESTS: Final = Path(__file__).parent.parent / "manifests"
NAMESPACE: Final = "cert-manager"
CERTSHIM: Final = Path(sys.executable).with_name("certshim")
# Pods and the Services in front of them are what a cluster without nodes has no use for.
NOT_HERE: Final = frozenset(("Deployment", "Service", "PodDisruptionBudget"))


class Product:
    """One installation; `shim` and `webhook` are its processes once started."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.responder_port = cluster.ports.free()
        self.webhook_port = cluster.ports.free()
        self.shim_health = f"http://127.0.0.1:{cluster.ports.free()}"
        self.shim_metrics = f"http://127.0.0.1:{cluster.ports.free()}"

    def install(self) -> None:
        """Apply CRDs, namespace and RBAC; the admission configuration comes with `start_webhook`."""
        for path in sorted((MANIFESTS / "crds").glob("*.yaml")):
            self.cluster.kubectl("apply", "--server-side", "-f", str(path))
        objects = [obj for obj in self._install_objects() if obj["kind"] not in NOT_HERE and not _is_admission(obj)]
        self.cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(objects))
        self.cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=20s")

    def start_shim(self, *flags: str, name: str = "shim", env: Mapping[str, str] | None = None) -> Process:
        """Start the shim as its service account and wait until its stores are complete."""
        process = self.cluster.run(name, self.shim_command(*flags), env=env)
        process.wait_until(lambda: requests.get(f"{self.shim_health}/readyz", timeout=2).ok, seconds=30)
        return process

    def shim_command(self, *flags: str) -> list[str | Path]:
        """Return how the shim is started here; later flags win."""
        cluster = self.cluster
        return [
            CERTSHIM,
            "shim",
            f"--kubeconfig={cluster.service_account_kubeconfig(NAMESPACE, 'certshim-shim')}",
            f"--cluster-resource-namespace={NAMESPACE}",
            f"--leader-election-namespace={NAMESPACE}",
            f"--acme-http01-responder-listen-address=127.0.0.1:{self.responder_port}",
            f"--acme-http01-responder-address=localhost:{self.responder_port}",
            f"--acme-http01-solver-nameservers={cluster.names.address}",
            f"--acme-http01-self-check-port={cluster.caddy.http_port}",
            f"--internal-healthz-listen-address={self.shim_health.removeprefix('http://')}",
            f"--metrics-listen-address={self.shim_metrics.removeprefix('http://')}",
            *flags,
        ]

    def _install_objects(self) -> list[dict[str, Any]]:
        texts = [path.read_text() for path in sorted((MANIFESTS / "install").glob("[0-9]*.yaml"))]
        return [obj for text in texts for obj in yaml.safe_load_all(text) if obj]

    def issuer(
        self, name: str, namespace: str, *, ca: Pebble | None = None, email: str = "admin@example.test"
    ) -> dict[str, Any]:
        """Return an ACME Issuer for the kit's Pebble (or another) with one HTTP-01 solver."""
        return {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Issuer",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"acme": self.acme(name, ca or self.cluster.ca, email=email)},
        }

    def acme(self, name: str, ca: Pebble, *, email: str = "admin@example.test") -> dict[str, Any]:
        """Return the `spec.acme` of an issuer for a Pebble."""
        return {
            "server": ca.directory_url,
            "email": email,
            "caBundle": base64.b64encode(ca.root_file.read_bytes()).decode(),
            "privateKeySecretRef": {"name": f"{name}-account"},
            "solvers": [{"http01": {"ingress": {"ingressClassName": self.cluster.ingress_class}}}],
        }


def _is_admission(obj: dict[str, Any]) -> bool:
    return str(obj["apiVersion"]).startswith("admissionregistration.k8s.io/")
