"""How routes reach the responder: one Service per namespace, which every route of it has as its backend.

How the Service leads to the responder is the admin's choice: an address (IP:port) makes a Service without
selector and an EndpointSlice; a name (host:port) makes a Service of type ExternalName.

Every replica answers, and is given the address of itself alone.  The others are known from the slices that Kubernetes
keeps of the Service in front of them (`--acme-http01-responder-service`): whoever is ready there stands in the slice of
each namespace in which a proof is under way, and who is not any more is taken out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from certs.api.core import Endpoint, EndpointPort, EndpointSlice, Service, ServicePort, ServiceSpec
from certs.api.meta import ObjectMeta
from certs.hosts import is_ip_address
from certs.route import PORT, SERVICE
from shim.kube.client import Client
from shim.solvers.http01 import FIELD_MANAGER, SOLVER_LABEL
from shim.solvers.http01.turns import Turns
from shim.stores import Stores


@dataclass(frozen=True, slots=True)
class Responders:
    """Where the responder is reached from the proxy: addresses, or one DNS name; and the port."""

    hosts: tuple[str, ...]
    port: int

    @property
    def external_name(self) -> str:
        """The DNS name, or an empty string when addresses are given."""
        return "" if is_ip_address(self.hosts[0]) else self.hosts[0]


class Entrance:
    """The Service of each namespace, and what stands behind it."""

    def __init__(self, stores: Stores, client: Client, responders: Responders) -> None:
        self._stores = stores
        self._client = client
        self._responders = responders
        self._turns = Turns()

    @property
    def responders(self) -> Responders:
        """Where the responder is reached at this moment: ourselves, and the other replicas that are ready."""
        return with_replicas(self._responders, self._stores.responders.values())

    def is_ready(self, namespace: str) -> bool:
        """Does it stand as it should?"""
        return not self._missing(namespace)

    def ensure(self, namespace: str) -> None:
        """Apply what is missing or differs.  Idempotent; who comes at the same time waits, and finds it made.

        The type of the addresses of a slice cannot be changed: one of another family is deleted first.
        """
        if self.is_ready(namespace):
            return
        with self._turns.of(namespace):
            for obj in self._missing(namespace):
                if isinstance(obj, EndpointSlice):
                    self._make_room(obj)
                self._client.apply(obj, field_manager=FIELD_MANAGER)

    def _make_room(self, wanted: EndpointSlice) -> None:
        metadata = wanted.metadata
        known = self._stores.slices.get(metadata.namespace, metadata.name)
        if known is not None and known.address_type != wanted.address_type:
            self._client.delete(EndpointSlice, metadata.namespace, metadata.name, uid=known.metadata.uid)

    def _missing(self, namespace: str) -> tuple[Service | EndpointSlice, ...]:
        stores, missing = self._stores, list[Service | EndpointSlice]()
        responders = self.responders
        service = responder_service(namespace, responders)
        known = stores.services.get(namespace, SERVICE)
        if known is None or not _same_service(known, service):
            missing.append(service)
        endpoints = responder_endpoints(namespace, responders)
        if endpoints is not None:
            slice_known = stores.slices.get(namespace, SERVICE)
            if slice_known is None or not _same_endpoints(slice_known, endpoints):
                missing.append(endpoints)
        return tuple(missing)


def with_replicas(own: Responders, slices: Iterable[EndpointSlice]) -> Responders:
    """Return the addresses given and those of all replicas that are ready, of the same family, in a lasting order."""
    if own.external_name:
        return own
    ready = {
        address
        for one in slices
        if one.address_type == family(own.hosts[0])
        for endpoint in one.endpoints
        if endpoint.conditions.ready is not False
        for address in endpoint.addresses
    }
    return Responders(tuple(sorted(ready | set(own.hosts))), own.port) if ready else own


def family(address: str) -> str:
    """Return what an EndpointSlice calls addresses like this one."""
    return "IPv6" if ":" in address else "IPv4"


def _same_service(known: Service, wanted: Service) -> bool:
    """Does it lead where it should?  The API server fills in what we leave out."""
    ports = [[(port.name, port.port, port.target_port) for port in one.spec.ports] for one in (known, wanted)]
    return known.spec.external_name == wanted.spec.external_name and ports[0] == ports[1]


def _same_endpoints(known: EndpointSlice, wanted: EndpointSlice) -> bool:
    same = (known.address_type, known.endpoints, known.ports) == (wanted.address_type, wanted.endpoints, wanted.ports)
    return same and wanted.metadata.labels.items() <= known.metadata.labels.items()


def responder_service(namespace: str, responders: Responders) -> Service:
    """Return the Service by which routes of a namespace reach the responder."""
    name = responders.external_name
    ports = (ServicePort(name=PORT, port=responders.port, target_port=responders.port),)
    spec = ServiceSpec(type="ExternalName", external_name=name, ports=ports) if name else ServiceSpec(ports=ports)
    metadata = ObjectMeta(name=SERVICE, namespace=namespace, labels={SOLVER_LABEL: "true"})
    return Service(metadata=metadata, spec=spec)


def responder_endpoints(namespace: str, responders: Responders) -> EndpointSlice | None:
    """Return the addresses behind the Service, or None when it is an ExternalName."""
    if responders.external_name:
        return None
    return EndpointSlice(
        metadata=ObjectMeta(
            name=SERVICE,
            namespace=namespace,
            labels={SOLVER_LABEL: "true", "kubernetes.io/service-name": SERVICE},
        ),
        address_type=family(responders.hosts[0]),
        # One endpoint each: kube-proxy looks at the first address of an endpoint only.
        endpoints=tuple(Endpoint(addresses=(host,)) for host in responders.hosts),
        ports=(EndpointPort(name=PORT, port=responders.port),),
    )
