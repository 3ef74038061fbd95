"""The product on the shared control plane: installed once, its processes started by the tests that need them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.cluster import Cluster, Process
from tests.lacking import pass_over
from tests.product import Product
from tests.system.commands import Run, runner
from tests.system.shop import Shop
from tests.system.witnessed import Witness, leaks

HERE: Final = Path(__file__).parent
JUDGING: Final = frozenset((HERE / "test_rights.py", HERE / "test_told.py"))


@pytest.fixture(scope="session")
def witness(cluster: Cluster) -> Iterator[Witness]:
    """What is secret in this run; at its end no log of ours shows any of it."""
    witness = Witness(cluster)
    witness.start()
    yield witness
    witness.stop()
    found = leaks(witness.values, (cluster.directory / "logs").glob("*.log"))
    if found:
        pytest.fail("secrets are in the logs:\n" + "\n".join(found[:20]), pytrace=False)


@pytest.fixture(scope="session")
def product(cluster: Cluster, witness: Witness) -> Product:
    """CRDs, namespace and RBAC from `manifests/`, applied once."""
    del witness  # it sees everything that comes, to the end
    installed = Product(cluster)
    installed.install()
    return installed


@pytest.fixture(scope="module")
def shim(product: Product) -> Iterator[Process]:
    """One shim for the tests of a module; another module may run its own, or none."""
    process = product.start_shim("--log-level=debug", "--leader-elect=false")
    yield process
    process.stop()


@pytest.fixture
def shop(product: Product, cluster: Cluster, shim: Process, namespace: str) -> Shop:
    """Return a namespace of the test's own, with the shim at work."""
    assert shim.running
    return Shop(product, cluster, namespace)


@pytest.fixture
def run(cluster: Cluster, namespace: str) -> Run:
    """Run `certshim` in the test's namespace, as the admin."""
    return runner(cluster, namespace)


@pytest.fixture
def whole_run(request: pytest.FixtureRequest) -> None:
    """Pass over a test that judges by what a run lacks, unless all of it ran, and nothing failed."""
    ran = {item.path for item in request.session.items}
    missing = sorted(path.name for path in HERE.glob("test_*.py") if path not in ran)
    if missing or request.config.getoption("keyword") or request.session.testsfailed:
        pass_over(f"only a whole run without a failure shows what is missing; not in this one: {missing or 'some'}")


@pytest.hookimpl(trylast=True)  # after the shuffle
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the tests that judge the whole run come last."""
    items.sort(key=lambda item: item.path in JUDGING)
