"""The product on a cluster: installed from `manifests/`, run under the RBAC that we ship, never as an admin.

The demo, the system tests and the benchmarks all use this, so that what they show is what users get.
What differs from an installation in a cluster: the processes are not pods, so the webhook is reached by URL instead
of by Service, and proxies reach the responder by an ExternalName Service (EndpointSlices refuse loopback).
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import requests
import yaml

from tests.cluster import Cluster, Pebble, Process
from tests.cluster.names import Names
from tests.cluster.ports import Ports
from tests.manifests import LEGACY, SOLVER_PODS, installed

NAMESPACE: Final = "cert-manager"
CERTSHIM: Final = Path(sys.executable).with_name("certshim")
LOOPBACK: Final = "127.0.0.1"
# Pods and the Services in front of them are what a cluster without nodes has no use for.
NOT_HERE: Final = frozenset(("Deployment", "PodDisruptionBudget", "Service"))
CONFIGURATIONS: Final = "validatingwebhookconfiguration,mutatingwebhookconfiguration"
CONFIGURATION_NAMES: Final = ("cert-manager-webhook", "certshim-webhook")
POLICIES: Final = "validatingadmissionpolicy,validatingadmissionpolicybinding"
POLICY_NAME: Final = "ingress.certshim.io"


class Edge(Protocol):
    """The ports at which the proxy listens."""

    @property
    def http_port(self) -> int: ...
    @property
    def https_port(self) -> int: ...


class Ground(Protocol):
    """What the product is put on: the kit, or a cluster that is there already."""

    @property
    def ports(self) -> Ports: ...
    @property
    def caddy(self) -> Edge: ...
    @property
    def names(self) -> Names: ...
    @property
    def ca(self) -> Pebble: ...
    @property
    def ingress_class(self) -> str: ...
    def kubectl(self, *args: str, stdin: str | None = None) -> str: ...
    def service_account_kubeconfig(self, namespace: str, name: str) -> Path: ...
    def run(self, name: str, argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> Process: ...


class Product:
    """One installation and how its processes are started."""

    def __init__(self, cluster: Ground) -> None:
        self.cluster = cluster
        self.responder_port = cluster.ports.free()
        self.webhook_port = cluster.ports.free()
        self.shim_health = f"http://{LOOPBACK}:{cluster.ports.free()}"
        self.shim_metrics = f"http://{LOOPBACK}:{cluster.ports.free()}"
        self.webhook_health = f"http://{LOOPBACK}:{cluster.ports.free()}"
        self.webhook_metrics = f"http://{LOOPBACK}:{cluster.ports.free()}"

    def install(self) -> None:
        """Apply CRDs, namespace and RBAC; the admission configuration comes with `start_webhook`."""
        self.cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(self.installed_objects()))
        self.cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=20s")

    def installed_objects(self) -> list[dict[str, Any]]:
        """Return what `install` applies."""
        return [one for one in installed() if one["kind"] not in NOT_HERE and not _is_admission(one)]

    def install_legacy(self) -> None:
        """Apply the add-on for manifests of cert-manager before v0.11."""
        self.cluster.kubectl("apply", "--server-side", "-f", str(LEGACY))
        self.cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=20s")

    def uninstall_legacy(self) -> None:
        """Take it back, with all objects of that group and their twins."""
        self.cluster.kubectl("delete", "-f", str(LEGACY), "--ignore-not-found")

    def allow_pods(self) -> None:
        """Let the shim make solver pods."""
        self.cluster.kubectl("apply", "--server-side", "-f", str(SOLVER_PODS))

    def forbid_pods(self) -> None:
        """Take that right back."""
        self.cluster.kubectl("delete", "-f", str(SOLVER_PODS), "--ignore-not-found")

    # -- the shim ----------------------------------------------------------------------------------------------

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
            f"--acme-http01-responder-listen-address={LOOPBACK}:{self.responder_port}",
            f"--acme-http01-responder-address=localhost:{self.responder_port}",
            f"--acme-http01-solver-nameservers={cluster.names.address}",
            f"--acme-http01-self-check-port={cluster.caddy.http_port}",
            "--acme-http01-self-check-loopback=true",
            f"--internal-healthz-listen-address={self.shim_health.removeprefix('http://')}",
            f"--metrics-listen-address={self.shim_metrics.removeprefix('http://')}",
            *flags,
        ]

    # -- the webhook -------------------------------------------------------------------------------------------

    def start_webhook(self, *flags: str, host: str = LOOPBACK, seconds: float = 30) -> Process:
        """Start the webhook as its service account and wait until the API server has called it at `host`.

        Once it has stopped, the API server refuses changes of our kinds until `withdraw_admission`.
        """
        self.apply_admission(host)
        process = self.cluster.run("webhook", self.webhook_command(*flags, host=host))
        process.wait_until(lambda: requests.get(f"{self.webhook_health}/readyz", timeout=2).ok, seconds=seconds)
        return process

    def webhook_command(self, *flags: str, host: str = LOOPBACK) -> list[str | Path]:
        """Return how the webhook is started here; later flags win."""
        return [
            CERTSHIM,
            "webhook",
            f"--kubeconfig={self.cluster.service_account_kubeconfig(NAMESPACE, 'certshim-webhook')}",
            f"--bind={_bindable(host)}:{self.webhook_port}",
            f"--healthz-port={self.webhook_health.rpartition(':')[2]}",
            f"--metrics-listen-address={self.webhook_metrics.removeprefix('http://')}",
            f"--dynamic-serving-ca-secret-namespace={NAMESPACE}",
            "--dynamic-serving-ca-secret-name=certshim-webhook-ca",
            f"--dynamic-serving-dns-names={host}",
            *flags,
        ]

    def apply_admission(self, host: str = LOOPBACK) -> None:
        """Have the API server ask a webhook at `host`, whether one is there or not."""
        self.cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(self._admission(host)))

    def withdraw_admission(self) -> None:
        """Have the API server ask nobody any more, and look at nothing itself."""
        self.cluster.kubectl("delete", CONFIGURATIONS, *CONFIGURATION_NAMES, "--ignore-not-found")
        self.cluster.kubectl("delete", POLICIES, POLICY_NAME, "--ignore-not-found")

    def _admission(self, host: str) -> list[dict[str, Any]]:
        """Return the policies, and the webhook configurations with the Service replaced by a URL."""
        configurations = [one for one in installed() if _is_admission(one)]
        for webhook in (webhook for one in configurations for webhook in one.get("webhooks", ())):
            service = webhook["clientConfig"].pop("service")
            webhook["clientConfig"]["url"] = f"https://{host}:{self.webhook_port}{service['path']}"
        return configurations

    # -- issuers -----------------------------------------------------------------------------------------------

    def issuer(
        self, name: str, namespace: str, *, ca: Pebble | None = None, email: str = "admin@example.test"
    ) -> dict[str, Any]:
        """Return an ACME Issuer for the cluster's Pebble (or another) with one HTTP-01 solver."""
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


@contextmanager
def on_its_own() -> Iterator[tuple[Cluster, Product]]:
    """A control plane with the product, for tests that break what others need."""
    with Cluster() as cluster:
        product = Product(cluster)
        product.install()
        yield cluster, product


def _bindable(host: str) -> str:
    """Return where to listen to be reached at a host: there alone on this machine, everywhere from another."""
    return LOOPBACK if host == LOOPBACK else "0.0.0.0"  # noqa: S104  a cluster elsewhere


def _is_admission(obj: dict[str, Any]) -> bool:
    return str(obj["apiVersion"]).startswith("admissionregistration.k8s.io/")
