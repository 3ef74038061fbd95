"""The usual way: an Ingress of our own per host (`own`), and the responder behind it."""

from __future__ import annotations

from typing import Final

from certs.api.ingress import HTTPIngressRuleValue, Ingress, IngressRule, IngressSpec
from certs.api.issuer import HTTP01Ingress
from certs.api.meta import OwnerReference
from certs.route import SERVICE, PathType, PathTypeOf, challenge_path, rule_host
from shim.kube.client import Client
from shim.solvers.http01 import RoutedHost
from shim.solvers.http01.own import OwnRoute, route_metadata
from shim.solvers.http01.owners import route_name
from shim.solvers.http01.responders import Entrance
from shim.stores import Stores

CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"
# Whoever restricts the sources of an Ingress by default must not lock the CA out of this one.
ROUTE_ANNOTATIONS: Final = {"nginx.ingress.kubernetes.io/whitelist-source-range": "0.0.0.0/0,::/0"}


class IngressRoute(OwnRoute[Ingress]):
    """An Ingress; `path_type` tells that of a class."""

    def __init__(self, stores: Stores, client: Client, entrance: Entrance, path_type: PathTypeOf) -> None:
        super().__init__(stores, client, entrance)
        self._path_type = path_type

    def _existing(self, host: RoutedHost) -> Ingress | None:
        return self._stores.ingresses.get(host.namespace, route_name(host.name))

    def _everywhere(self) -> tuple[Ingress, ...]:
        return self._stores.ingresses.values()

    def _wanted(self, host: RoutedHost, owned_by: tuple[OwnerReference, ...]) -> Ingress:
        solver = _solver(host)
        return route(host, owned_by, self._path_type(solver.ingress_class_name or solver.class_ or ""))

    def _same(self, existing: Ingress, wanted: Ingress) -> bool:
        """The class may be one by default."""
        wanted_class = wanted.spec.ingress_class_name
        return existing.spec.rules == wanted.spec.rules and wanted_class in {None, existing.spec.ingress_class_name}


def route(host: RoutedHost, owned_by: tuple[OwnerReference, ...] = (), path_type: PathType = "Prefix") -> Ingress:
    """Return the Ingress that leads the challenges of a host to the responder."""
    solver = _solver(host)
    template = solver.ingress_template.metadata if solver.ingress_template is not None else None
    annotations = {**ROUTE_ANNOTATIONS, **(template.annotations if template is not None else {})}
    if solver.class_ is not None:
        annotations[CLASS_ANNOTATION] = solver.class_
    paths = (challenge_path(SERVICE, path_type),)
    return Ingress(
        metadata=route_metadata(host, owned_by, template.labels if template is not None else {}, annotations),
        spec=IngressSpec(
            ingress_class_name=solver.ingress_class_name,
            rules=(IngressRule(host=rule_host(host.name), http=HTTPIngressRuleValue(paths=paths)),),
        ),
    )


def _solver(host: RoutedHost) -> HTTP01Ingress:
    return host.solver.ingress or HTTP01Ingress()
