"""Whose a route is, and what it is called: it goes with the Certificates that need it, and not with a Challenge."""

from __future__ import annotations

import hashlib

from certs.api.certificate import Certificate
from certs.api.challenge import Challenge
from certs.api.issuer import HTTP01Solver
from certs.api.meta import ObjectMeta, OwnerReference, controller_of
from shim.solvers.http01 import RoutedHost
from shim.stores import Stores


def host_of(stores: Stores, challenge: Challenge) -> RoutedHost:
    """Return what a Challenge needs a route for."""
    spec = challenge.spec
    solver = spec.solver.http01 or HTTP01Solver()
    return RoutedHost(challenge.metadata.namespace, spec.dns_name, solver, _owner(stores, challenge))


def _owner(stores: Stores, challenge: Challenge) -> OwnerReference | None:
    """Return the Certificate that needs the route, else the nearest owner of the Challenge that is there."""
    namespace = challenge.metadata.namespace
    owner = controller_of(challenge.metadata)
    order = stores.orders.get(namespace, owner.name) if owner is not None else None
    of_order = controller_of(order.metadata) if order is not None else None
    request = stores.requests.get(namespace, of_order.name) if of_order is not None else None
    return (controller_of(request.metadata) if request is not None else None) or of_order or owner


def owners(stores: Stores, existing: ObjectMeta | None, host: RoutedHost) -> tuple[OwnerReference, ...]:
    """Return the owners that the route of a host is to have: those that it has and are there, and who needs it now.

    None is the controller, since several may share it.  Who is not a Certificate only counts where nobody else does.
    """
    before = existing.owner_references if existing is not None else ()
    kept = tuple(owner for owner in before if not _is_gone(stores, host.namespace, owner))
    new = host.owner
    if new is None or any(owner.uid == new.uid for owner in kept):
        return kept
    if kept and new.kind != Certificate.resource.kind:
        return kept
    return (*kept, OwnerReference(api_version=new.api_version, kind=new.kind, name=new.name, uid=new.uid))


def _is_gone(stores: Stores, namespace: str, owner: OwnerReference) -> bool:
    if owner.kind != Certificate.resource.kind:
        return False
    found = stores.certificates.get(namespace, owner.name)
    return found is None or found.metadata.uid != owner.uid


def route_name(host: str) -> str:
    """Return the name of a host's route: readable, and never too long or twice the same."""
    digest = hashlib.sha256(host.encode()).hexdigest()[:8]
    return f"acme-{host[:40].replace(':', '-').strip('.-')}-{digest}"
