"""The slices of Kubernetes' own kinds that we read and write: Namespace, Secret, Service, Event, Lease and more."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from certs.api.meta import APIStruct, ObjectMeta, Resource
from certs.api.ownership import NOTHING, ManagedFields, Owned, owned_by_us


class Namespace(APIStruct, frozen=True):
    """Where objects live; its annotations are settings."""

    resource: ClassVar[Resource] = Resource("", "v1", "Namespace", "namespaces", namespaced=False)

    metadata: ObjectMeta


class SecretMeta(ObjectMeta, frozen=True):
    """The metadata of a Secret, with what our field manager owns of it."""

    managed_fields: tuple[ManagedFields, ...] = ()  # empty once `owned` is read
    owned: Owned = NOTHING  # read only: no write carries it

    def __post_init__(self) -> None:
        """Keep the names alone: the entries hold on to the bytes that they were read from."""
        if self.managed_fields:
            msgspec.structs.force_setattr(self, "owned", owned_by_us(self.managed_fields))
            msgspec.structs.force_setattr(self, "managed_fields", ())

    def to_send(self) -> ObjectMeta:
        """Return it without what is owned: the API server refuses an apply that tells it."""
        return self if self.owned is NOTHING else msgspec.structs.replace(self, owned=NOTHING)


class Secret(APIStruct, frozen=True):
    """Bytes under keys.  Its repr shows no data, so that keys do not reach logs or tracebacks."""

    resource: ClassVar[Resource] = Resource("", "v1", "Secret", "secrets")

    metadata: SecretMeta
    type: str = ""
    data: dict[str, bytes] = {}

    def __repr__(self) -> str:
        """Name and key names only."""
        return f"Secret({self.metadata.namespace}/{self.metadata.name}, keys={sorted(self.data)})"


class SecretMetadata(APIStruct, frozen=True):
    """A Secret of which only the metadata was fetched (`PartialObjectMetadata`)."""

    resource: ClassVar[Resource] = Resource("", "v1", "Secret", "secrets")

    metadata: ObjectMeta


class ServicePort(APIStruct, frozen=True):
    """A port of a Service."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    target_port: int | str = 0


class ServiceSpec(APIStruct, frozen=True):
    """How a Service is reached."""

    type: str = ""
    external_name: str = ""
    selector: dict[str, str] = {}
    ports: tuple[ServicePort, ...] = ()


class Service(APIStruct, frozen=True):
    """A stable name for a set of endpoints."""

    resource: ClassVar[Resource] = Resource("", "v1", "Service", "services")

    metadata: ObjectMeta
    spec: ServiceSpec = ServiceSpec()


class EndpointConditions(APIStruct, frozen=True):
    """Whether an endpoint takes traffic; absent means yes."""

    ready: bool | None = None


class Endpoint(APIStruct, frozen=True):
    """One set of addresses of the same thing."""

    addresses: tuple[str, ...]
    conditions: EndpointConditions = EndpointConditions()


class ConfigMap(APIStruct, frozen=True):
    """Text under keys."""

    resource: ClassVar[Resource] = Resource("", "v1", "ConfigMap", "configmaps")

    metadata: ObjectMeta
    data: dict[str, str] = {}


class EndpointPort(APIStruct, frozen=True):
    """A port of all endpoints of a slice."""

    name: str = ""
    port: int = 0
    protocol: str = "TCP"


class EndpointSlice(APIStruct, frozen=True):
    """Addresses behind a Service, bound to it by the label `kubernetes.io/service-name`."""

    resource: ClassVar[Resource] = Resource("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")

    metadata: ObjectMeta
    address_type: str
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class ResponderSlice(EndpointSlice, frozen=True):
    """An EndpointSlice of the Service in front of our own replicas: which of them are ready."""


class ObjectReference(APIStruct, frozen=True):
    """What an Event is about."""

    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    resource_version: str = ""


class EventSource(APIStruct, frozen=True):
    """Who tells."""

    component: str = ""
    host: str = ""


class Event(APIStruct, frozen=True):
    """Something worth telling about an object (`v1`, the kind that `kubectl describe` shows)."""

    resource: ClassVar[Resource] = Resource("", "v1", "Event", "events")

    metadata: ObjectMeta
    involved_object: ObjectReference
    reason: str = ""
    message: str = ""
    source: EventSource = EventSource()
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    count: int = 0
    type: str = ""
    reporting_component: str = ""
    reporting_instance: str = ""


class LeaseSpec(APIStruct, frozen=True):
    """Who holds it, since when and for how long."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: datetime | None = None
    renew_time: datetime | None = None
    lease_transitions: int = 0


class Lease(APIStruct, frozen=True):
    """A lock with a time limit."""

    resource: ClassVar[Resource] = Resource("coordination.k8s.io", "v1", "Lease", "leases")

    metadata: ObjectMeta
    spec: LeaseSpec = LeaseSpec()
