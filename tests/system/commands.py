"""`certshim COMMAND` as a person runs it: the installed program, a kubeconfig, a namespace."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from tests.cluster import Cluster
from tests.product import CERTSHIM

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def runner(cluster: Cluster, namespace: str) -> Run:
    """Return what runs it in that namespace, as the admin, and gives what came of it."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return everywhere(cluster, *arguments, "-n", namespace)

    return run


def everywhere(cluster: Cluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command that is about the whole cluster, or says by itself where."""
    command = [str(CERTSHIM), *arguments, "--kubeconfig", str(cluster.admin)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  our own
