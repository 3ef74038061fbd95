"""HTTPRoute: the slice of `gateway.networking.k8s.io/v1` that we write, and what its Gateways say of it."""

from __future__ import annotations

from typing import ClassVar, Literal

from certs.api.issuer import PARENT_GROUP, ParentReference
from certs.api.meta import APIStruct, ObjectMeta, Resource


class HTTPPathMatch(APIStruct, frozen=True):
    """Which paths."""

    type: Literal["", "Exact", "PathPrefix", "RegularExpression"] = ""
    value: str = ""


class HTTPRouteMatch(APIStruct, frozen=True):
    """Which requests."""

    path: HTTPPathMatch | None = None


class HTTPBackendRef(APIStruct, frozen=True):
    """A Service of the same namespace that answers, and its share."""

    name: str
    port: int | None = None
    weight: int | None = None


class HTTPRouteRule(APIStruct, frozen=True):
    """What fits one of the matches goes to the backends."""

    matches: tuple[HTTPRouteMatch, ...] = ()
    backend_refs: tuple[HTTPBackendRef, ...] = ()


class HTTPRouteSpec(APIStruct, frozen=True):
    """Gateways, hosts and rules."""

    parent_refs: tuple[ParentReference, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[HTTPRouteRule, ...] = ()


class RouteCondition(APIStruct, frozen=True):
    """One thing that a Gateway's controller says."""

    type: str
    status: str = ""
    reason: str = ""
    message: str = ""


class RouteParentStatus(APIStruct, frozen=True):
    """What one Gateway's controller says."""

    parent_ref: ParentReference
    conditions: tuple[RouteCondition, ...] = ()


class HTTPRouteStatus(APIStruct, frozen=True):
    """What the Gateways' controllers say; nothing at first."""

    parents: tuple[RouteParentStatus, ...] = ()


class HTTPRoute(APIStruct, frozen=True):
    """Routes from hosts and paths to Services, attached to Gateways."""

    resource: ClassVar[Resource] = Resource(PARENT_GROUP, "v1", "HTTPRoute", "httproutes")

    metadata: ObjectMeta
    spec: HTTPRouteSpec = HTTPRouteSpec()
    status: HTTPRouteStatus = HTTPRouteStatus()
