"""A real `named` for the tests of DNS-01; where there is none, they are passed over (in CI that is a failure)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster import Cluster
from tests.cluster.debian import NoPackage
from tests.cluster.named import Named
from tests.lacking import pass_over


@contextmanager
def serving(cluster: Cluster, name: str, *zones: str) -> Iterator[Named]:
    """Serve these zones, under a name that no other of this run has."""
    try:
        made = cluster.named(name, *zones)
    except NoPackage as error:
        pass_over(f"NO named, SO {name} IS NOT TESTED: {error}")
    yield made
    cluster.stop_named(made)
