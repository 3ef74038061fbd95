"""Which addresses a backend has: a table over Services and EndpointSlices."""

from __future__ import annotations

import msgspec
import pytest

from tests.cluster.router.backends import Backends
from tests.cluster.router.objects import (
    Backend,
    EndpointSlice,
    Service,
    ServiceBackend,
    ServiceBackendPort,
    World,
)

_WEB = {"metadata": {"name": "web", "namespace": "ns"}}
_LABELS = {"kubernetes.io/service-name": "web"}
_CLUSTER_IP = {
    **_WEB,
    "spec": {"ports": [{"name": "http", "port": 80, "targetPort": "web"}, {"name": "x", "port": 81}]},
}
_SLICE = {
    "metadata": {"name": "web-1", "namespace": "ns", "labels": _LABELS},
    "ports": [{"name": "http", "port": 8080}, {"name": "x", "port": 9090}],
    "endpoints": [
        {"addresses": ["10.1.0.2"], "conditions": {"ready": True}},
        {"addresses": ["10.1.0.1"], "conditions": {}},
        {"addresses": ["10.1.0.3"], "conditions": {"ready": False}},
    ],
}
_IPV6 = {**_SLICE, "endpoints": [{"addresses": ["fd00::1"]}]}
_NONE = {**_SLICE, "endpoints": None, "ports": None}
_ELSEWHERE = {**_SLICE, "metadata": {"name": "web-1", "namespace": "other", "labels": _LABELS}}


def _external(**port: object) -> dict[str, object]:
    ports = [port] if port else []
    return {**_WEB, "spec": {"type": "ExternalName", "externalName": "localhost", "ports": ports}}


@pytest.mark.parametrize(
    ("service", "pieces", "wanted", "expected"),
    [
        pytest.param(_CLUSTER_IP, [_SLICE], 80, ["10.1.0.1:8080", "10.1.0.2:8080"], id="ready endpoints by number"),
        pytest.param(_CLUSTER_IP, [_SLICE], "x", ["10.1.0.1:9090", "10.1.0.2:9090"], id="by name"),
        pytest.param(_CLUSTER_IP, [_SLICE], 82, [], id="no such port"),
        pytest.param(_CLUSTER_IP, [], 80, [], id="no endpoints"),
        pytest.param(_CLUSTER_IP, [_NONE], 80, [], id="null endpoints"),
        pytest.param(_CLUSTER_IP, [_ELSEWHERE], 80, [], id="endpoints of another namespace"),
        pytest.param(_CLUSTER_IP, [_IPV6], 80, ["[fd00::1]:8080"], id="IPv6"),
        pytest.param(_external(port=8080), [], 8080, ["localhost:8080"], id="external name"),
        pytest.param(_external(port=80, targetPort=8080), [], 80, ["localhost:8080"], id="external with target port"),
        pytest.param(_external(port=80, name="http"), [], "http", ["localhost:80"], id="external by port name"),
        pytest.param(_external(), [], 8080, ["localhost:8080"], id="external without ports"),
        pytest.param(_external(port=80), [], 81, [], id="external without that port"),
    ],
)
def test_backend_has_addresses(
    service: dict[str, object], pieces: list[dict[str, object]], wanted: int | str, expected: list[str]
) -> None:
    """Ready endpoints of the named port, or the external name at the service's target port."""
    world = World(
        services=(msgspec.convert(service, Service),),
        slices=tuple(msgspec.convert(piece, EndpointSlice) for piece in pieces),
    )
    port = ServiceBackendPort(name=wanted) if isinstance(wanted, str) else ServiceBackendPort(number=wanted)

    assert Backends(world).addresses("ns", Backend(ServiceBackend("web", port))) == expected


def test_missing_service_has_no_addresses() -> None:
    """A backend whose Service is not there, or which is no Service, has nothing to dial."""
    backends = Backends(World())

    assert backends.addresses("ns", Backend(ServiceBackend("web", ServiceBackendPort(80)))) == []
    assert backends.addresses("ns", Backend()) == []
