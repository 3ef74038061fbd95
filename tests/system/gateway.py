"""HTTPRoute as the Gateway API's standard channel has it, as far as a route of ours needs it, with its defaults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import yaml

from tests.cluster import Cluster

_TEXT: Final[dict[str, Any]] = {"type": "string"}
_NUMBER: Final[dict[str, Any]] = {"type": "integer", "format": "int32"}


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of, "maxItems": 64}


def _struct(*required: str, **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


PARENT: Final = _struct(
    "name",
    group={**_TEXT, "default": "gateway.networking.k8s.io"},
    kind={**_TEXT, "default": "Gateway"},
    name={**_TEXT, "minLength": 1},
    namespace=_TEXT,
    port=_NUMBER,
    sectionName=_TEXT,
)
_KINDS: Final = ["Exact", "PathPrefix", "RegularExpression"]
_PATH: Final = _struct(
    type={**_TEXT, "enum": _KINDS, "default": "PathPrefix"},
    value={**_TEXT, "maxLength": 1024, "default": "/"},
)
_BACKEND: Final = _struct(
    "name",
    group={**_TEXT, "default": ""},
    kind={**_TEXT, "default": "Service"},
    name=_TEXT,
    namespace=_TEXT,
    port={**_NUMBER, "minimum": 1, "maximum": 65535},
    weight={**_NUMBER, "default": 1},
)
_EVERYTHING: Final = [{"path": {"type": "PathPrefix", "value": "/"}}]
_RULE: Final = _struct(
    matches={**_list(_struct(path={**_PATH, "default": _EVERYTHING[0]["path"]})), "default": _EVERYTHING},
    backendRefs=_list(_BACKEND),
)
_CONDITION: Final = _struct("type", type=_TEXT, status=_TEXT, reason=_TEXT, message=_TEXT, lastTransitionTime=_TEXT)
_STATUS: Final = _struct(
    parents=_list(_struct("parentRef", parentRef=PARENT, controllerName=_TEXT, conditions=_list(_CONDITION)))
)
HTTP_ROUTES: Final[dict[str, Any]] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "httproutes.gateway.networking.k8s.io",
        # The API server wants a reason for a name under *.k8s.io.
        "annotations": {"api-approved.kubernetes.io": "unapproved, a definition for tests"},
    },
    "spec": {
        "group": "gateway.networking.k8s.io",
        "scope": "Namespaced",
        "names": {"kind": "HTTPRoute", "listKind": "HTTPRouteList", "plural": "httproutes", "singular": "httproute"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": _struct(
                        "spec",
                        apiVersion=_TEXT,
                        kind=_TEXT,
                        metadata={"type": "object"},
                        spec=_struct(
                            parentRefs=_list(PARENT), hostnames=_list({**_TEXT, "minLength": 1}), rules=_list(_RULE)
                        ),
                        status=_STATUS,
                    )
                },
            }
        ],
    },
}


def install(cluster: Cluster) -> None:
    """Have HTTPRoutes served, and return once they are."""
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(HTTP_ROUTES))
    cluster.kubectl("wait", "--for=condition=Established", f"crd/{HTTP_ROUTES['metadata']['name']}", "--timeout=20s")


def uninstall(cluster: Cluster) -> None:
    """Have them served no more; the routes are gone."""
    cluster.kubectl("delete", "crd", HTTP_ROUTES["metadata"]["name"], "--ignore-not-found", "--timeout=20s")


@contextmanager
def installed(cluster: Cluster) -> Iterator[None]:
    """Have HTTPRoutes served for a while."""
    install(cluster)
    try:
        yield
    finally:
        uninstall(cluster)
