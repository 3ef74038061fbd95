from __future__ import annotations

from collections.abc import Iterator

import pytest

from certs.api.core import Namespace, Service
from certs.api.meta import ObjectMeta
from shim.kube.cluster import Cluster
from shim.kube.transport import Transport
from tests.fakes.apiserver import FakeAPIServer, Status
from tests.shim.kube.conftest import HASTE

WEB = Service(metadata=ObjectMeta(name="web", namespace="shop"))


@pytest.fixture
def followed(transport: Transport) -> Iterator[Cluster]:
    """Namespaces are followed, Services on demand."""
    made = Cluster(transport, pace=HASTE)
    made.follow(Namespace)
    made.follow(Service, on_demand=True)
    yield made
    made.stop()


def kinds(server: FakeAPIServer) -> set[str]:
    return {one.path.rpartition("/")[2] for one in server.seen}


def test_what_is_followed_on_demand_is_not_asked_for_before(followed: Cluster, server: FakeAPIServer) -> None:
    """Nobody waits for it, and nobody misses its thread."""
    followed.start()

    assert followed.wait_synced(5)
    assert kinds(server) == {"namespaces"}
    assert followed.unsynced == ()
    assert [str(one) for one in followed.informers] == ["namespaces"]


def test_a_demand_brings_it(followed: Cluster, server: FakeAPIServer) -> None:
    """Once, however often it is asked for; from then on its thread is one that must live."""
    server.put(WEB)
    followed.start()

    assert followed.demand(Service, within=5)
    assert followed.demand(Service)
    assert followed.store(Service).get("shop", "web") is not None
    assert {str(one) for one in followed.informers} == {"namespaces", "services"}


def test_a_demand_that_is_not_met_makes_nobody_unready(followed: Cluster, server: FakeAPIServer) -> None:
    """The rest goes on without it."""
    followed.start()
    followed.wait_synced(5)
    server.script("list", *[Status(500)] * 50)

    assert not followed.demand(Service, within=0.1)
    assert followed.unsynced == ()
    assert followed.wait_synced(0)


def test_an_end_before_any_demand_is_safe(followed: Cluster, server: FakeAPIServer) -> None:
    """And a demand after the end asks for nothing."""
    followed.start()
    followed.wait_synced(5)
    followed.stop()

    assert not followed.demand(Service, within=0.2)
    assert kinds(server) == {"namespaces"}
