"""HTTP-01 without pods: a route per host that stays, a Service per namespace, and the responder behind both.

    client ──> proxy ──(route: host, /.well-known/acme-challenge/)──> Service certshim-acme-responder ──> responder

The route is made before the first challenge of a host and stays for as long as the Certificate that needed it,
so that a renewal has no propagation race and reloads no proxy.  It matches the prefix, not one token: which
tokens are answered, and with what, is the responder's business.

How the Service leads to the responder is the admin's choice: an address (IP:port) makes a Service without
selector and an EndpointSlice; a name (host:port) makes a Service of type ExternalName.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from certs.api.challenge import Challenge
from certs.api.core import Endpoint, EndpointPort, EndpointSlice, Service, ServicePort, ServiceSpec
from certs.api.ingress import (
    HTTPIngressPath,
    HTTPIngressRuleValue,
    Ingress,
    IngressBackend,
    IngressRule,
    IngressServiceBackend,
    IngressSpec,
    ServiceBackendPort,
)
from certs.api.issuer import HTTP01Ingress
from certs.api.meta import ObjectMeta, OwnerReference, controller_of
from certs.hosts import is_ip_address
from certs.names import adler32_label
from shim.kube.client import Client
from shim.solvers.selfcheck import NotReachable, SelfCheck
from shim.stores import Stores

PREFIX: Final = "/.well-known/acme-challenge/"
SERVICE: Final = "certshim-acme-responder"
FIELD_MANAGER: Final = "cert-manager-challenges"
SOLVER_LABEL: Final = "acme.cert-manager.io/http01-solver"
DOMAIN_LABEL: Final = "acme.cert-manager.io/http-domain"
CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"
# Whoever restricts the sources of an Ingress by default must not lock the CA out of this one.
ROUTE_ANNOTATIONS: Final = {"nginx.ingress.kubernetes.io/whitelist-source-range": "0.0.0.0/0,::/0"}

__all__ = ["HTTP01", "NotReachable", "Responders"]


@dataclass(frozen=True, slots=True)
class Responders:
    """Where the responder is reached from the proxy: addresses, or one DNS name; and the port."""

    hosts: tuple[str, ...]
    port: int

    @property
    def external_name(self) -> str:
        """The DNS name, or an empty string when addresses are given."""
        return "" if is_ip_address(self.hosts[0]) else self.hosts[0]


class HTTP01:
    """What the challenge controller needs for HTTP-01."""

    def __init__(self, stores: Stores, client: Client, responders: Responders, check: SelfCheck) -> None:
        self._stores = stores
        self._client = client
        self._responders = responders
        self._check = check

    @property
    def grace(self) -> timedelta:
        """How long a way that cannot be seen from here keeps the CA from being asked."""
        return self._check.grace

    def is_ready(self, challenge: Challenge) -> bool:
        """Do Service, endpoints and route stand as they should?"""
        return not self._missing(challenge)

    def ensure(self, challenge: Challenge) -> None:
        """Apply what is missing or differs.  Idempotent."""
        for obj in self._missing(challenge):
            self._client.apply(obj, field_manager=FIELD_MANAGER)

    def check(self, challenge: Challenge) -> None:
        """Fetch the token as the CA will; raises NotReachable with the reason."""
        self._check.fetch(challenge.spec.dns_name, PREFIX + challenge.spec.token, expected=challenge.spec.key)

    def _missing(self, challenge: Challenge) -> tuple[Service | EndpointSlice | Ingress, ...]:
        namespace, stores = challenge.metadata.namespace, self._stores
        missing: list[Service | EndpointSlice | Ingress] = []
        service = responder_service(namespace, self._responders)
        known = stores.services.get(namespace, SERVICE)
        if known is None or not _same_service(known, service):
            missing.append(service)
        endpoints = responder_endpoints(namespace, self._responders)
        if endpoints is not None:
            slice_known = stores.slices.get(namespace, SERVICE)
            if slice_known is None or not _same_endpoints(slice_known, endpoints):
                missing.append(endpoints)
        wanted = route(challenge, self._owner(challenge))
        existing = stores.ingresses.get(namespace, wanted.metadata.name)
        if existing is None or not _same_route(existing, wanted):
            missing.append(wanted)
        return tuple(missing)

    def _owner(self, challenge: Challenge) -> OwnerReference | None:
        """Return the Certificate that needs the route, else the nearest owner of the Challenge that is there."""
        stores, namespace = self._stores, challenge.metadata.namespace
        owner = controller_of(challenge.metadata)
        order = stores.orders.get(namespace, owner.name) if owner is not None else None
        of_order = controller_of(order.metadata) if order is not None else None
        request = stores.requests.get(namespace, of_order.name) if of_order is not None else None
        return (controller_of(request.metadata) if request is not None else None) or of_order or owner


def _same_service(known: Service, wanted: Service) -> bool:
    """Does it lead where it should?  The API server fills in what we leave out."""
    ports = [[(port.name, port.port, port.target_port) for port in one.spec.ports] for one in (known, wanted)]
    return known.spec.external_name == wanted.spec.external_name and ports[0] == ports[1]


def _same_endpoints(known: EndpointSlice, wanted: EndpointSlice) -> bool:
    same = (known.address_type, known.endpoints, known.ports) == (wanted.address_type, wanted.endpoints, wanted.ports)
    return same and _has(known.metadata.labels, wanted.metadata.labels)


def _same_route(existing: Ingress, wanted: Ingress) -> bool:
    """Does the route carry what it should?  Others may have added to it: a default class, above all."""
    wanted_class = wanted.spec.ingress_class_name
    return (
        existing.spec.rules == wanted.spec.rules
        and wanted_class in {None, existing.spec.ingress_class_name}
        and _has(existing.metadata.annotations, wanted.metadata.annotations)
        and _has(existing.metadata.labels, wanted.metadata.labels)
    )


def _has(found: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return wanted.items() <= found.items()


def responder_service(namespace: str, responders: Responders) -> Service:
    """Return the Service by which routes of a namespace reach the responder."""
    name = responders.external_name
    ports = (ServicePort(name="http", port=responders.port, target_port=responders.port),)
    spec = ServiceSpec(type="ExternalName", external_name=name, ports=ports) if name else ServiceSpec(ports=ports)
    return Service(metadata=_metadata(namespace, SERVICE), spec=spec)


def responder_endpoints(namespace: str, responders: Responders) -> EndpointSlice | None:
    """Return the addresses behind the Service, or None when it is an ExternalName."""
    if responders.external_name:
        return None
    family = "IPv6" if ":" in responders.hosts[0] else "IPv4"
    return EndpointSlice(
        metadata=ObjectMeta(
            name=SERVICE,
            namespace=namespace,
            labels={SOLVER_LABEL: "true", "kubernetes.io/service-name": SERVICE},
        ),
        address_type=family,
        endpoints=(Endpoint(addresses=responders.hosts),),
        ports=(EndpointPort(name="http", port=responders.port),),
    )


def route_name(host: str) -> str:
    """Return the name of a host's route: readable, and never too long or twice the same."""
    digest = hashlib.sha256(host.encode()).hexdigest()[:8]
    return f"acme-{host[:40].replace(':', '-').strip('.-')}-{digest}"


def route(challenge: Challenge, owner: OwnerReference | None) -> Ingress:
    """Return the Ingress that leads the challenges of a host to the responder."""
    host, solver = challenge.spec.dns_name, _solver(challenge)
    template = solver.ingress_template.metadata if solver.ingress_template is not None else None
    annotations = {**ROUTE_ANNOTATIONS, **(template.annotations if template is not None else {})}
    if solver.class_ is not None:
        annotations[CLASS_ANNOTATION] = solver.class_
    labels = {
        **(template.labels if template is not None else {}),
        SOLVER_LABEL: "true",
        DOMAIN_LABEL: adler32_label(host),
    }
    path = HTTPIngressPath(
        path=PREFIX,
        path_type="Prefix",
        backend=IngressBackend(service=IngressServiceBackend(name=SERVICE, port=ServiceBackendPort(name="http"))),
    )
    # A rule without host serves every host, which is the only way to be asked by address.
    rule_host = "" if is_ip_address(host) else host
    return Ingress(
        metadata=ObjectMeta(
            name=route_name(host),
            namespace=challenge.metadata.namespace,
            labels=labels,
            annotations=annotations,
            owner_references=(_plain(owner),) if owner is not None else (),
        ),
        spec=IngressSpec(
            ingress_class_name=solver.ingress_class_name,
            rules=(IngressRule(host=rule_host, http=HTTPIngressRuleValue(paths=(path,))),),
        ),
    )


def _solver(challenge: Challenge) -> HTTP01Ingress:
    http01 = challenge.spec.solver.http01
    assert http01 is not None and http01.ingress is not None  # noqa: S101, PT018  the decision has refused others
    return http01.ingress


def _plain(owner: OwnerReference) -> OwnerReference:
    """Return the reference without controller: the route goes with its owner, but several may share it."""
    return OwnerReference(api_version=owner.api_version, kind=owner.kind, name=owner.name, uid=owner.uid)


def _metadata(namespace: str, name: str) -> ObjectMeta:
    return ObjectMeta(name=name, namespace=namespace, labels={SOLVER_LABEL: "true"})
