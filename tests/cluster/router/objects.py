"""The slices of Kubernetes objects that the router reads, and all of them together: the `World`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec


class _Wire(msgspec.Struct, frozen=True, rename="camel"):
    """Camel case on the wire, fields that we do not know ignored."""


class Meta(_Wire, frozen=True):
    """An object's metadata."""

    name: str
    namespace: str = ""
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}
    creation_timestamp: str = ""


class ServiceBackendPort(_Wire, frozen=True):
    """A port of a Service, by number or by name."""

    number: int = 0
    name: str = ""


class ServiceBackend(_Wire, frozen=True):
    """A Service and one of its ports."""

    name: str
    port: ServiceBackendPort = ServiceBackendPort()


class Backend(_Wire, frozen=True):
    """Where requests go; a resource instead of a Service is not supported, and has no service here."""

    service: ServiceBackend | None = None


class HTTPPath(_Wire, frozen=True):
    """One path of a rule."""

    backend: Backend
    path: str = "/"
    path_type: str = "ImplementationSpecific"


class HTTPRule(_Wire, frozen=True):
    """The paths of a rule."""

    paths: tuple[HTTPPath, ...] = ()


class Rule(_Wire, frozen=True):
    """A host and its paths."""

    host: str = ""
    http: HTTPRule = HTTPRule()


class TLS(_Wire, frozen=True):
    """Hosts and the Secret with their certificate."""

    hosts: tuple[str, ...] = ()
    secret_name: str = ""


class IngressSpec(_Wire, frozen=True):
    """An Ingress' spec."""

    ingress_class_name: str = ""
    default_backend: Backend | None = None
    rules: tuple[Rule, ...] = ()
    tls: tuple[TLS, ...] = ()


class Ingress(_Wire, frozen=True):
    """`networking.k8s.io/v1` Ingress."""

    metadata: Meta
    spec: IngressSpec = IngressSpec()


class IngressClassSpec(_Wire, frozen=True):
    """An IngressClass' spec."""

    controller: str = ""


class IngressClass(_Wire, frozen=True):
    """`networking.k8s.io/v1` IngressClass."""

    metadata: Meta
    spec: IngressClassSpec = IngressClassSpec()


class ParentRef(_Wire, frozen=True):
    """A Gateway that a route attaches to."""

    name: str


class HTTPPathMatch(_Wire, frozen=True):
    """Which paths."""

    type: str = "PathPrefix"
    value: str = "/"


class HTTPRouteMatch(_Wire, frozen=True):
    """Which requests; of them only the path is looked at."""

    path: HTTPPathMatch = HTTPPathMatch()


class BackendRef(_Wire, frozen=True):
    """A Service of the same namespace."""

    name: str
    port: int = 0


class HTTPRouteRule(_Wire, frozen=True):
    """Matches and their backends; the first backend gets everything."""

    matches: tuple[HTTPRouteMatch, ...] = (HTTPRouteMatch(),)
    backend_refs: tuple[BackendRef, ...] = ()


class HTTPRouteSpec(_Wire, frozen=True):
    """An HTTPRoute's spec."""

    parent_refs: tuple[ParentRef, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[HTTPRouteRule, ...] = ()


class HTTPRoute(_Wire, frozen=True):
    """`gateway.networking.k8s.io/v1` HTTPRoute."""

    metadata: Meta
    spec: HTTPRouteSpec = HTTPRouteSpec()


class ServicePort(_Wire, frozen=True):
    """One port of a Service."""

    port: int
    name: str = ""
    target_port: int | str = 0


class ServiceSpec(_Wire, frozen=True):
    """A Service's spec."""

    type: str = "ClusterIP"
    external_name: str = ""
    ports: tuple[ServicePort, ...] = ()


class Service(_Wire, frozen=True):
    """`v1` Service."""

    metadata: Meta
    spec: ServiceSpec = ServiceSpec()


class EndpointPort(_Wire, frozen=True):
    """A port that all endpoints of a slice have."""

    port: int | None = None
    name: str | None = ""


class EndpointConditions(_Wire, frozen=True):
    """Whether an endpoint may get requests; unknown means yes."""

    ready: bool | None = None


class Endpoint(_Wire, frozen=True):
    """Addresses of one endpoint."""

    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()


class EndpointSlice(_Wire, frozen=True):
    """`discovery.k8s.io/v1` EndpointSlice; the API server writes empty lists as null."""

    metadata: Meta
    endpoints: tuple[Endpoint, ...] | None = None
    ports: tuple[EndpointPort, ...] | None = None


class Secret(_Wire, frozen=True):
    """`v1` Secret; the values are base64."""

    metadata: Meta
    data: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class World:
    """Everything that the configuration depends on, at one moment."""

    ingresses: tuple[Ingress, ...] = ()
    classes: tuple[IngressClass, ...] = ()
    services: tuple[Service, ...] = ()
    slices: tuple[EndpointSlice, ...] = ()
    secrets: tuple[Secret, ...] = ()
    http_routes: tuple[HTTPRoute, ...] = ()


def by_age(ingresses: Iterable[Ingress]) -> list[Ingress]:
    """Return them oldest first: where two claim the same, the older has it."""
    return sorted(ingresses, key=lambda i: (i.metadata.creation_timestamp, i.metadata.namespace, i.metadata.name))
