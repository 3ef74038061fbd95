"""The chart as a release: installed by Helm in place of what was there, upgraded, and taken away again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import Cluster
from tests.manifests import CHART, helm
from tests.node.installation import NAMESPACE, Installation
from tests.system.shop import eventually


@contextmanager
def released(cluster: Cluster, *flags: str) -> Iterator[Installation]:
    """Install the chart, with flags of Helm, and wait until it runs; nothing of it is left at the end."""
    installed = Installation(cluster)
    if installed.is_there():
        remove(cluster)
    helm("install", *_release(cluster), "--create-namespace", "--set=crds.enabled=true", *flags)
    installed.wait()
    yield installed
    helm("uninstall", "certshim", f"--namespace={NAMESPACE}", f"--kubeconfig={cluster.admin}")
    remove(cluster)


def upgrade(installed: Installation, *flags: str, values: dict[str, Any] | None = None) -> None:
    """Change values of the release, keep all others, and wait until it runs so."""
    given = yaml.safe_dump(values or {})
    helm("upgrade", *_release(installed.cluster), "--reuse-values", "--values=-", *flags, stdin=given)
    installed.wait()


def remove(cluster: Cluster) -> None:
    """Take everything away, CRDs and namespace too, and wait until it is gone."""
    own = "app.kubernetes.io/name=certshim"
    admission = "validatingwebhookconfiguration,mutatingwebhookconfiguration"
    policies = "validatingadmissionpolicy,validatingadmissionpolicybinding"
    roles = "clusterrole,clusterrolebinding"
    cluster.kubectl("delete", f"{admission},{policies}", "-l", own, "--ignore-not-found")
    cluster.kubectl("delete", "crd", "-l", own, "--ignore-not-found")
    # Before the roles: a shim that may not write the Lease any more cannot give it up.
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")
    eventually(lambda: not Installation(cluster).is_there(), "the namespace is gone", 60)
    cluster.kubectl("delete", roles, "-l", own, "--ignore-not-found")
    cluster.kubectl("delete", "role,rolebinding", "-n", "kube-system", "-l", own, "--ignore-not-found")


def _release(cluster: Cluster) -> tuple[str | Path, ...]:
    return ("certshim", CHART, f"--namespace={NAMESPACE}", f"--kubeconfig={cluster.admin}")
