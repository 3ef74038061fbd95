"""From a backend of an Ingress to the addresses that Caddy dials.

A Service with endpoints (by its selector or made by hand) is dialled at its ready endpoints' addresses and ports.  A
Service of type ExternalName is dialled by that name at the service port's target port; that is how a program on
loopback becomes a backend, because EndpointSlices refuse loopback addresses.
"""

from __future__ import annotations

from collections import defaultdict

from tests.cluster.router.objects import Backend, EndpointSlice, Service, ServiceBackendPort, ServicePort, World

_SERVICE_LABEL = "kubernetes.io/service-name"


class Backends:
    """The services and endpoints of a world, indexed."""

    def __init__(self, world: World) -> None:
        self._services = {(s.metadata.namespace, s.metadata.name): s for s in world.services}
        self._slices: dict[tuple[str, str], list[EndpointSlice]] = defaultdict(list)
        for piece in world.slices:
            self._slices[piece.metadata.namespace, piece.metadata.labels.get(_SERVICE_LABEL, "")].append(piece)

    def addresses(self, namespace: str, backend: Backend) -> list[str]:
        """Return what to dial as `host:port`, sorted; nothing when there is no such service, port or ready endpoint."""
        if backend.service is None or (service := self._services.get((namespace, backend.service.name))) is None:
            return []
        if (port := _port(service, backend.service.port)) is None:
            return []
        if service.spec.type == "ExternalName":
            return [f"{service.spec.external_name}:{_target(port)}"]
        pieces = self._slices[namespace, service.metadata.name]
        return sorted({address for piece in pieces for address in _ready(piece, port)})


def _port(service: Service, wanted: ServiceBackendPort) -> ServicePort | None:
    for port in service.spec.ports:
        if (wanted.name and port.name == wanted.name) or (wanted.number and port.port == wanted.number):
            return port
    # An ExternalName service need not list its ports; then the backend's number is the port.
    if service.spec.type == "ExternalName" and not service.spec.ports and wanted.number:
        return ServicePort(port=wanted.number)
    return None


def _target(port: ServicePort) -> int:
    # A named target port is a name of the pods' ports, and here are none.
    return port.target_port if isinstance(port.target_port, int) and port.target_port else port.port


def _ready(piece: EndpointSlice, port: ServicePort) -> list[str]:
    numbers = [p.port for p in piece.ports or () if (p.name or "") == port.name and p.port]
    return [
        f"[{address}]:{number}" if ":" in address else f"{address}:{number}"
        for endpoint in piece.endpoints or ()
        if endpoint.conditions.ready is not False
        for address in endpoint.addresses
        for number in numbers
    ]
