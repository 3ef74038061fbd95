"""The path of HTTP-01 in an Ingress: what it looks like, and how somebody else's Ingress gets it and loses it again.

The path is a prefix, since it stays for every token that comes.  Which path type says so is the proxy's matter:

| controller          | path type              | why                                                                    |
|---------------------|------------------------|------------------------------------------------------------------------|
| ingress-nginx       | ImplementationSpecific | its admission refuses the dot of `.well-known` in the other two, unless told otherwise (kubernetes/ingress-nginx#11176, mended late by #13798), and takes this one for a prefix |
| all others          | Prefix                 | the only one that means the same to all; Cilium takes ImplementationSpecific for an expression that must match the whole path (cilium/cilium#30119) |

An Ingress of somebody else's is edited by JSON patch, in terms of what was seen at one version of it: lists of rules and
paths are atomic, so that no merge could keep the others' entries (Kubernetes API, `x-kubernetes-list-type`).
"""  # noqa: E501  a table has rows

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal

import msgspec

from certs.api.ingress import (
    HTTPIngressPath,
    HTTPIngressRuleValue,
    Ingress,
    IngressBackend,
    IngressRule,
    IngressServiceBackend,
    ManagedIngress,
    ServiceBackendPort,
)
from certs.api.meta import ObjectMeta
from certs.hosts import is_ip_address
from certs.patch import Operation, add, remove

PREFIX: Final = "/.well-known/acme-challenge/"
SERVICE: Final = "certshim-acme-responder"  # in each namespace that has a route
PORT: Final = "http"  # the name of the port of the Service
# The controllers that do not take Prefix, by what their IngressClass says.
IMPLEMENTATION_SPECIFIC: Final = frozenset(("k8s.io/ingress-nginx",))
# Where no IngressClass can be read (an old class annotation, one namespace only): the name says it mostly.
NAMED_LIKE: Final = frozenset(("nginx",))

PathType = Literal["Prefix", "ImplementationSpecific"]
PathTypeOf = Callable[[str], PathType]  # by the name of the class; empty: none is named


def path_type_for(
    class_name: str, controllers: Mapping[str, str], chosen: Mapping[str, PathType], default_class: str = ""
) -> PathType:
    """Return the path type of a route of that class (empty: the default class of the cluster, if there is one).

    `controllers` are the known classes and their controllers; `chosen` is what the admin said for a class, or for
    all others under `*`.
    """
    name = class_name or default_class
    said = chosen.get(name) or chosen.get("*")
    if said is not None:
        return said
    controller = controllers.get(name)
    is_specific = controller in IMPLEMENTATION_SPECIFIC if controller is not None else name in NAMED_LIKE
    return "ImplementationSpecific" if is_specific else "Prefix"


def challenge_path(service: str, path_type: PathType) -> HTTPIngressPath:
    """Return the path that leads all challenges of a host to a Service."""
    backend = IngressServiceBackend(name=service, port=ServiceBackendPort(name=PORT))
    return HTTPIngressPath(path=PREFIX, path_type=path_type, backend=IngressBackend(service=backend))


def rule_host(name: str) -> str:
    """Return the host of the rule for a name; one without host serves every host, so also who asks by address."""
    return "" if is_ip_address(name) else name


def has_path(ingress: Ingress, name: str, service: str) -> bool:
    """Does the Ingress lead the challenges of the name to the Service?"""
    return any(_leads_to(path, service) for _, _, path in _challenge_paths(ingress, name))


def obstacle(ingress: Ingress, name: str, service: str) -> str:
    """Return who else has the path, or nothing."""
    for _, _, path in _challenge_paths(ingress, name):
        if not _leads_to(path, service):
            backend = path.backend.service
            return f'Service "{backend.name}"' if backend is not None else "another backend"
    return ""


def insertion(ingress: Ingress, name: str, path: HTTPIngressPath) -> tuple[Operation, ...]:
    """Return what puts the path first in the rule of the name, or in a rule of its own behind all others.

    A rule without paths serves everything by the default backend, and is left as it is.
    """
    host = rule_host(name)
    for i, rule in enumerate(ingress.spec.rules):
        if rule.host == host and rule.http is not None and rule.http.paths:
            return _at(ingress, add(f"/spec/rules/{i}/http/paths/0", msgspec.to_builtins(path)))
    rule = msgspec.to_builtins(IngressRule(host=host, http=HTTPIngressRuleValue(paths=(path,))))
    if not ingress.spec.rules:
        return _at(ingress, add("/spec/rules", [rule]))
    return _at(ingress, add("/spec/rules/-", rule))


def removal(ingress: Ingress, name: str, service: str) -> tuple[Operation, ...]:
    """Return what takes the path out again, with its rule when that has no other; nothing where it must stay.

    An Ingress without any rule needs a default backend: where somebody has taken all others away, ours stays.
    """
    for i, j, path in _challenge_paths(ingress, name):
        if not _leads_to(path, service):
            continue
        http = ingress.spec.rules[i].http
        if http is not None and len(http.paths) > 1:
            return _at(ingress, remove(f"/spec/rules/{i}/http/paths/{j}"))
        if len(ingress.spec.rules) > 1:
            return _at(ingress, remove(f"/spec/rules/{i}"))
        return _at(ingress, remove("/spec/rules")) if ingress.spec.default_backend is not None else ()
    return ()


def disowning(ingress: ManagedIngress, manager: str) -> tuple[Operation, ...]:
    """Return what makes the manager forget that it has changed the Ingress, or nothing where it is not told of.

    The rules are one field, so by a path they become ours as a whole, and whoever applies their Ingress by server-side
    apply would meet a conflict from then on.  What nobody owns, the next apply takes.
    """
    entries = ingress.metadata.managed_fields
    ours = [i for i, one in enumerate(entries) if (one.manager, one.operation) == (manager, "Update")]
    if not ours:
        return ()
    if len(ours) == len(entries):  # an empty list would count as left out (Kubernetes, "Clearing managedFields")
        return (*_version(ingress.metadata), Operation("replace", "/metadata/managedFields", [{}]))
    return (*_version(ingress.metadata), *(remove(f"/metadata/managedFields/{i}") for i in reversed(ours)))


def is_route(rule: IngressRule) -> bool:
    """Is it a rule that only leads challenges to the responder, so that nobody wants a certificate because of it?"""
    paths = rule.http.paths if rule.http is not None else ()
    return len(paths) == 1 and paths[0].path == PREFIX and _leads_to(paths[0], SERVICE)


def _at(ingress: Ingress, operation: Operation) -> tuple[Operation, ...]:
    """Return the operation for this version alone: with any other the API server answers Conflict."""
    return (*_version(ingress.metadata), operation)


def _version(metadata: ObjectMeta) -> tuple[Operation, ...]:
    return (Operation("replace", "/metadata/resourceVersion", metadata.resource_version),)


def _challenge_paths(ingress: Ingress, name: str) -> Iterator[tuple[int, int, HTTPIngressPath]]:
    """Yield the paths of the name that are for all challenges, with the places of rule and path."""
    host = rule_host(name)
    for i, rule in enumerate(ingress.spec.rules):
        for j, path in enumerate(rule.http.paths if rule.host == host and rule.http is not None else ()):
            if path.path.rstrip("/") == PREFIX.rstrip("/") and path.path_type != "Exact":
                yield i, j, path


def _leads_to(path: HTTPIngressPath, service: str) -> bool:
    backend = path.backend.service
    return backend is not None and backend.name == service
