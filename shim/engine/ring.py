"""Tenants that take turns, each with a line of its own: ten thousand keys of one put one before another's first.

    tenants:  a ──> b ──> c ──> (a again)        take_next: the first of the tenant whose turn it is,
    lines:    3     1     2                                 who then goes to the end of the ring

Everything is O(1) in the number of keys: `OrderedDict` is a linked list with an index, so a key can also leave the
middle of its line.  No locks: whoever has one brings that.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class Ring(Generic[KeyT, ValueT]):
    """Keys with a value each, by tenant; a key is there at most once."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, OrderedDict[KeyT, ValueT]] = OrderedDict()
        self._tenants: dict[KeyT, str] = {}

    def put(self, tenant: str, key: KeyT, value: ValueT) -> None:
        """Let a new key wait at the end of its tenant's line; one that waits already gets the value, and stays."""
        self._lines.setdefault(self._tenants.setdefault(key, tenant), OrderedDict())[key] = value

    def get(self, key: KeyT) -> ValueT | None:
        """Return the value of a key, or None."""
        tenant = self._tenants.get(key)
        return self._lines[tenant][key] if tenant is not None else None

    def take(self, key: KeyT) -> ValueT:
        """Take a key out, wherever it stands, and return its value; KeyError when it does not wait."""
        tenant = self._tenants.pop(key)
        value = self._lines[tenant].pop(key)
        self._tidy(tenant)
        return value

    def take_next(self) -> tuple[KeyT, ValueT]:
        """Take out the key that has waited longest, of the tenant whose turn it is; KeyError when nobody waits."""
        tenant, line = next(iter(self._lines.items()), ("", OrderedDict[KeyT, ValueT]()))
        key, value = line.popitem(last=False)
        del self._tenants[key]
        self._lines.move_to_end(tenant)
        self._tidy(tenant)
        return key, value

    def heads(self) -> Iterator[ValueT]:
        """Return the value of the first of each tenant's line.  O(tenants)."""
        return (next(iter(line.values())) for line in self._lines.values())

    def count(self, tenant: str) -> int:
        """Return how many keys of a tenant wait."""
        return len(self._lines.get(tenant, ()))

    def __contains__(self, key: KeyT) -> bool:
        return key in self._tenants

    def __len__(self) -> int:
        return len(self._tenants)

    def _tidy(self, tenant: str) -> None:
        if not self._lines[tenant]:
            del self._lines[tenant]
