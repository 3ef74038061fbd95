"""Objects for these tests."""

from __future__ import annotations

from certs.api.core import Service, ServiceSpec
from certs.api.meta import ObjectMeta


def service(
    name: str = "web", *, version: int | str = "", uid: str = "", namespace: str = "shop", to: str = ""
) -> Service:
    """Return a Service; `to` is something about it that may change."""
    meta = ObjectMeta(name=name, namespace=namespace, uid=uid, resource_version=str(version))
    return Service(metadata=meta, spec=ServiceSpec(external_name=to))
