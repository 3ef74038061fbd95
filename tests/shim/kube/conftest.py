"""The fault server, a transport to it, and informers in a hurry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from certs.api.core import Service
from shim.kube.informer import Informer, Pace, Selection
from shim.kube.presence import Presence
from shim.kube.transport import Transport, connect
from tests.fakes.apiserver import FakeAPIServer

# Ten times faster than life; streams "live" after a moment, so that most tests see no growing back-off.
HASTE = Pace(
    list_within=1.0, silence=0.5, watch_for=60, lived_after=0.05, backoff_first=0.02, backoff_most=0.1, absent=0.05
)

MakeInformer = Callable[..., Informer[Service]]


@pytest.fixture
def server() -> Iterator[FakeAPIServer]:
    with FakeAPIServer() as server:
        yield server


@pytest.fixture
def transport(server: FakeAPIServer, tmp_path: Path) -> Iterator[Transport]:
    transport = connect(server.kubeconfig(tmp_path / "kubeconfig"))
    yield transport
    transport.close()


@pytest.fixture
def follow(transport: Transport) -> Iterator[MakeInformer]:
    """Make an informer of Services; all are stopped at the end."""
    informers: list[Informer[Service]] = []

    def make(
        selection: Selection | None = None, *, pace: Pace = HASTE, presence: Presence | None = None
    ) -> Informer[Service]:
        informers.append(Informer(transport, Service, selection, pace=pace, presence=presence))
        return informers[-1]

    yield make
    for informer in informers:
        informer.stop()
