"""The nodes, started once for all tests of a run; only inside of `make test-node`."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest

from tests.cluster import Cluster
from tests.lacking import pass_over
from tests.manifests import INSTALLED
from tests.node.installation import Installation
from tests.node.machine import CGROUP_VARIABLE, Machine
from tests.product import Product
from tests.system.shop import Shop

RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}


# Files that leave the cluster otherwise than an installation does: after the others, in this order.
LAST = ("test_faults.py", "test_chart.py", "test_policies.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Look at a fresh installation first."""
    items.sort(key=lambda item: LAST.index(item.path.name) + 1 if item.path.name in LAST else 0)


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    """A cluster with two nodes."""
    if CGROUP_VARIABLE not in os.environ:
        pass_over("needs namespaces of its own: `make test-node` runs it")
    with Machine() as started:
        yield started


@pytest.fixture(scope="session")
def cluster(machine: Machine) -> Cluster:
    """Its control plane, CA, name server and proxy."""
    return machine.cluster


@pytest.fixture(scope="module")
def installation(cluster: Cluster) -> Installation:
    """The product from the one manifest, running."""
    installed = Installation(cluster)
    if not installed.is_there():
        cluster.kubectl("apply", "--server-side", "-f", str(INSTALLED))
    installed.wait()
    return installed


@pytest.fixture
def shop(cluster: Cluster) -> Iterator[Shop]:
    """A namespace in which only pods may run that need nothing."""
    name = f"test-{secrets.token_hex(4)}"
    cluster.api.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": RESTRICTED}})
    yield Shop(Product(cluster), cluster, name)
    cluster.api.delete(f"/api/v1/namespaces/{name}")
