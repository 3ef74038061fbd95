"""What all tests share: the real control plane (started when the first test asks for it), namespaces, hypothesis.

A test that asks for `cluster` must carry the marker `system`; `make unit` leaves those out.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from hypothesis import HealthCheck, settings

from tests.cluster import APIFailure, Cluster

# The gate must give the same answer each time, on a loaded machine too: `--hypothesis-profile=explore` searches on.
settings.register_profile(
    "certshim", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", parent=settings.get_profile("default"), deadline=None, max_examples=2000)
settings.load_profile("certshim")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test that needs the cluster without saying so by its marker."""
    for item in items:
        wants = "cluster" in getattr(item, "fixturenames", ())
        if wants and not any(item.get_closest_marker(name) for name in ("system", "node")):
            raise pytest.UsageError(f"{item.nodeid} uses the cluster: mark it with pytest.mark.system (or node)")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The one control plane that all system tests of a run share."""
    with Cluster() as started:
        yield started


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own; its deletion goes on in the background."""
    name = f"test-{secrets.token_hex(4)}"
    cluster.api.post("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    try:
        cluster.api.delete(f"/api/v1/namespaces/{name}")
    except APIFailure as error:
        if error.code != HTTPStatus.NOT_FOUND:  # the test itself may have deleted it
            raise
