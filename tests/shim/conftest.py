"""The stores of the shim over a fake API server: nothing is watched, what the client writes is in them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from certs.api.meta import KubeObject
from shim.kube.cluster import Cluster
from shim.kube.transport import connect
from shim.stores import Stores, follow
from tests.fakes.apiserver import FakeAPIServer

Put = Callable[[KubeObject], None]


@pytest.fixture
def api() -> Iterator[FakeAPIServer]:
    with FakeAPIServer() as server:
        yield server


@pytest.fixture
def kube(api: FakeAPIServer, tmp_path: Path) -> Iterator[Cluster]:
    """The shim's view of the API server; `stores` has it followed."""
    transport = connect(api.kubeconfig(tmp_path / "kubeconfig"))
    yield Cluster(transport)
    transport.close()


@pytest.fixture
def stores(kube: Cluster) -> Stores:
    return follow(kube)


@pytest.fixture
def put(api: FakeAPIServer, kube: Cluster, stores: Stores) -> Put:
    """Have somebody else create or replace an object, and the watch bring it."""

    def bring(obj: KubeObject) -> None:
        stored = api.put(obj)
        kind = type(obj)
        kube.offer(kube.client.get(kind, stored["metadata"].get("namespace", ""), stored["metadata"]["name"]))

    return bring
