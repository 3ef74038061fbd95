"""Ingress and IngressClass: the slices of `networking.k8s.io/v1` that we read and write."""

from __future__ import annotations

from typing import ClassVar, Literal

from certs.api.meta import APIStruct, ObjectMeta, Resource


class IngressTLS(APIStruct, frozen=True):
    """Hosts that are served with the certificate of one Secret."""

    hosts: tuple[str, ...] = ()
    secret_name: str = ""


class ServiceBackendPort(APIStruct, frozen=True):
    """A port of a Service, by number or by name."""

    name: str = ""
    number: int = 0


class IngressServiceBackend(APIStruct, frozen=True):
    """A Service that answers."""

    name: str
    port: ServiceBackendPort = ServiceBackendPort()


class IngressBackend(APIStruct, frozen=True):
    """What answers a path."""

    service: IngressServiceBackend | None = None


class HTTPIngressPath(APIStruct, frozen=True):
    """A path and its backend."""

    path: str = ""
    path_type: Literal["", "Exact", "Prefix", "ImplementationSpecific"] = ""  # required, so none is to be left out
    backend: IngressBackend = IngressBackend()


class HTTPIngressRuleValue(APIStruct, frozen=True):
    """The paths of a rule."""

    paths: tuple[HTTPIngressPath, ...] = ()


class IngressRule(APIStruct, frozen=True):
    """The paths of one host; no host means every host."""

    host: str = ""
    http: HTTPIngressRuleValue | None = None


class IngressSpec(APIStruct, frozen=True):
    """Class, rules and TLS."""

    ingress_class_name: str | None = None
    default_backend: IngressBackend | None = None
    tls: tuple[IngressTLS, ...] = ()
    rules: tuple[IngressRule, ...] = ()


class Ingress(APIStruct, frozen=True):
    """Routes from hosts and paths to Services."""

    resource: ClassVar[Resource] = Resource("networking.k8s.io", "v1", "Ingress", "ingresses")

    metadata: ObjectMeta
    spec: IngressSpec = IngressSpec()


class Manager(APIStruct, frozen=True):
    """Who has written an object, and how; not what."""

    manager: str = ""
    operation: str = ""


class ManagedMeta(ObjectMeta, frozen=True):
    """The metadata of an object, with who has written it."""

    managed_fields: tuple[Manager, ...] = ()


class ManagedIngress(APIStruct, frozen=True):
    """An Ingress of which only the metadata is read, with who has written it."""

    resource: ClassVar[Resource] = Ingress.resource

    metadata: ManagedMeta


class IngressClassSpec(APIStruct, frozen=True):
    """Which controller it belongs to."""

    controller: str = ""


class IngressClass(APIStruct, frozen=True):
    """A class that Ingresses name."""

    resource: ClassVar[Resource] = Resource(
        "networking.k8s.io", "v1", "IngressClass", "ingressclasses", namespaced=False
    )

    metadata: ObjectMeta
    spec: IngressClassSpec = IngressClassSpec()
