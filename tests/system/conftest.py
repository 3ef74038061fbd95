"""The product on the shared control plane: installed once, its processes started by the tests that need them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster import Cluster, Process
from tests.product import Product


@pytest.fixture(scope="session")
def product(cluster: Cluster) -> Product:
    """CRDs, namespace and RBAC from `manifests/`, applied once."""
    installed = Product(cluster)
    installed.install()
    return installed


@pytest.fixture(scope="module")
def shim(product: Product) -> Iterator[Process]:
    """One shim for the tests of a module; another module may run its own, or none."""
    process = product.start_shim("--log-level=debug", "--leader-elect=false")
    yield process
    process.stop()
