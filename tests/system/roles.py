"""The roles of the shim, some rules of which a test takes away for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from tests.cluster import Cluster

ROLES: Final = "/apis/rbac.authorization.k8s.io/v1/clusterroles"


@contextmanager
def without_right(cluster: Cluster, resource: str) -> Iterator[Callable[[], None]]:
    """Without the rules about a resource (`plural.group`) in any role of the shim's; gives what restores them."""
    plural, _, group = resource.partition(".")
    items = cluster.api.get(ROLES)["items"]
    shims = [one for one in items if one["metadata"]["name"].startswith("certshim-shim")]

    def restore() -> None:
        for role in shims:
            cluster.api.merge(f"{ROLES}/{role['metadata']['name']}", {"rules": role["rules"]})

    def is_about(rule: dict[str, list[str]]) -> bool:
        return group in rule["apiGroups"] and plural in rule["resources"]

    try:
        for role in shims:
            left = [rule for rule in role["rules"] if not is_about(rule)]
            cluster.api.merge(f"{ROLES}/{role['metadata']['name']}", {"rules": left})
        yield restore
    finally:
        restore()
