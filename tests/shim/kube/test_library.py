"""Little of the `kubernetes` package is imported, and what is left out can still be had."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import shim.kube.transport
heavy = {"pydantic", "kubernetes.client.api_client", "kubernetes.config.kube_config", "kubernetes.dynamic"}
print(sorted(heavy & set(sys.modules)))
from kubernetes.config.kube_config import load_kube_config
from kubernetes.config.incluster_config import load_incluster_config
print(callable(load_kube_config), callable(load_incluster_config))
"""


def test_a_pod_imports_what_it_needs() -> None:
    """In a process of its own, since this one may have imported everything."""
    command = [sys.executable, "-c", PROGRAM]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603  our own

    assert result.stdout.splitlines() == ["[]", "True True"]
