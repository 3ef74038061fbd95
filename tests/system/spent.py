"""What a CA was made to do, counted in its log: a public CA counts the same against its limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.cluster import Cluster
from tests.cluster.ca import Pebble


@dataclass(frozen=True, slots=True)
class Spent:
    """Orders made, orders finalized, certificates signed."""

    orders: int
    finalized: int
    signed: int

    def __sub__(self, before: Spent) -> Spent:
        return Spent(self.orders - before.orders, self.finalized - before.finalized, self.signed - before.signed)


NOTHING: Final = Spent(orders=0, finalized=0, signed=0)
ONE: Final = Spent(orders=1, finalized=1, signed=1)


def spent(cluster: Cluster, ca: Pebble) -> Spent:
    """Count what a Pebble has done since it was started."""
    log = cluster.process(ca.name).log.read_text()
    finalized = log.count("is fully authorized. Processing finalization")
    return Spent(log.count('Added order "'), finalized, log.count("Issued certificate serial"))
