"""What annotations say about the way to a certificate: the CA's profile, and where HTTP-01 challenges are routed.

    Ingress ──> Certificate ──> CertificateRequest ──> Order ──> OrderSpec.profile, and the solver of its Challenges

Each object carries them to the next, and the Order acts by them.  The issuer says what holds where none of them
stands.  They change nothing of who may use which credentials: a solver over DNS is never bent.

    changed while an issuance is under way, or after one that failed     the request is made anew, without a pause
    the profile changed, all is well                                     a new certificate (as for spec.duration)
    an override changed, all is well                                     the next issuance goes by it
    the issuer's own profile or solver changed                           the next issuance goes by it
    its solver changed while a Challenge gets nowhere by the old one     the Challenge is made anew
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from certs.annotations import (
    OVERRIDE_CLASS,
    OVERRIDE_CLASS_NAME,
    OVERRIDE_NAME,
    PARENT_KIND,
    PARENT_NAME,
    PARENT_NAMESPACE,
    PROFILE,
)
from certs.api.certificate import Certificate
from certs.api.certificaterequest import CertificateRequest
from certs.api.issuer import ACMESolver, HTTP01GatewayHTTPRoute, HTTP01Ingress, HTTP01Solver, ParentReference
from certs.outcomes import WaitingForUser

# Of these there may be one: each says alone where the route is.
INGRESS_OVERRIDES: Final = (OVERRIDE_NAME, OVERRIDE_CLASS, OVERRIDE_CLASS_NAME)
DIRECTIONS: Final = (PROFILE, *INGRESS_OVERRIDES, PARENT_KIND, PARENT_NAME, PARENT_NAMESPACE)
REASON: Final = "Solver"


def directions(annotations: Mapping[str, str]) -> dict[str, str]:
    """Return those of the annotations that direct the way; one that is empty says nothing."""
    return {key: annotations[key] for key in DIRECTIONS if annotations.get(key)}


def redirected(certificate: Certificate, request: CertificateRequest) -> tuple[str, ...]:
    """Return where the request is directed otherwise than its Certificate says now, as `metadata.annotations[…]`."""
    wanted, was = directions(certificate.metadata.annotations), directions(request.metadata.annotations)
    return tuple(f"metadata.annotations[{key}]" for key in DIRECTIONS if wanted.get(key) != was.get(key))


def profile_changed(certificate: Certificate, request: CertificateRequest) -> tuple[str, ...]:
    """Return the profile's annotation if the certificate was asked for with another: that makes another certificate."""
    return tuple(path for path in redirected(certificate, request) if PROFILE in path)


def overridden(solver: ACMESolver, annotations: Mapping[str, str]) -> ACMESolver:
    """Return the solver as the annotations of its Order bend it (cert-manager, spec 4.11).

    Through an Ingress: one of name, class and ingressClassName takes the place of all three.  Through an HTTPRoute: the
    parent that is named takes the place of all.  Raises `WaitingForUser` for those that contradict each other.
    """
    http01 = solver.http01
    if http01 is None:
        return solver
    if http01.ingress is not None:
        http01 = _through_ingress(http01, http01.ingress, annotations)
    elif http01.gateway_http_route is not None:
        http01 = _through_route(http01, http01.gateway_http_route, annotations)
    return solver if http01 is solver.http01 else msgspec.structs.replace(solver, http01=http01)


def contradicting(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """Return the override annotations that exclude each other; none when there is at most one."""
    given = tuple(key for key in INGRESS_OVERRIDES if annotations.get(key))
    return given if len(given) > 1 else ()


def _through_ingress(http01: HTTP01Solver, ingress: HTTP01Ingress, annotations: Mapping[str, str]) -> HTTP01Solver:
    given = {key: annotations[key] for key in INGRESS_OVERRIDES if annotations.get(key)}
    if not given:
        return http01
    if len(given) > 1:
        raise WaitingForUser(
            "cannot choose the route of HTTP-01 challenges: may not specify more than one of: name, class, "
            f"ingressClassName override annotations, and there are {' and '.join(given)}; remove all but one from the "
            "Certificate, or from the Ingress that it is made from",
            reason=REASON,
        )
    bent = msgspec.structs.replace(
        ingress,
        name=given.get(OVERRIDE_NAME, ""),
        class_=given.get(OVERRIDE_CLASS),
        ingress_class_name=given.get(OVERRIDE_CLASS_NAME),
    )
    return msgspec.structs.replace(http01, ingress=bent)


def _through_route(http01: HTTP01Solver, route: HTTP01GatewayHTTPRoute, annotations: Mapping[str, str]) -> HTTP01Solver:
    name, kind = annotations.get(PARENT_NAME, ""), annotations.get(PARENT_KIND, "")
    namespace = annotations.get(PARENT_NAMESPACE, "")
    if not name and (kind or namespace):
        raise WaitingForUser(
            f"cannot choose the parent of HTTPRoutes: {PARENT_KIND if kind else PARENT_NAMESPACE} is there without "
            f"{PARENT_NAME}; write the name of the Gateway, too",
            reason=REASON,
        )
    if not name:
        return http01
    # Completed, so that a Challenge that is stored is the same.
    parent = ParentReference(name=name, kind=kind or None, namespace=namespace or None).completed
    return msgspec.structs.replace(http01, gateway_http_route=msgspec.structs.replace(route, parent_refs=(parent,)))
