"""What an annotated Ingress leaves out and we fill in: hosts and Secret names of `spec.tls`.

A developer who only annotates gets one TLS entry with the hosts of the rules; an entry without
hosts gets those hosts of the rules that no other entry has; an entry without a Secret gets a name
made from the Ingress's.  Nothing that was written is changed, and filling twice changes nothing
more, so that it can be done at admission, by the controller, or by both.
The annotation `certshim.io/tls: manual` keeps our hands off.

The JSON Patch operations (RFC 6902) are written by hand: `add` on an absent, null or empty member,
which needs no diff and no copy of the object.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final

import msgspec

from certs.annotations import TLS_MODE
from certs.api.ingress import Ingress, IngressTLS
from certs.names import ingress_secret_name
from certs.patch import Operation, add
from certs.wanted import Settings, is_wanted

MANUAL: Final = "manual"
MAX_NAME: Final = 253  # of a Secret: a DNS subdomain


@dataclass(frozen=True, slots=True)
class Completion:
    """The Ingress as it shall be, and how to get there; no operations when nothing is missing."""

    ingress: Ingress
    operations: tuple[Operation, ...] = ()


def complete(ingress: Ingress, settings: Settings) -> Completion:
    """Return the Ingress with `spec.tls` filled in, if it asks for certificates."""
    old, new = ingress.spec.tls, completed_tls(ingress, settings)
    if new is old:
        return Completion(ingress)
    spec = msgspec.structs.replace(ingress.spec, tls=new)
    return Completion(msgspec.structs.replace(ingress, spec=spec), _operations(old, new))


def completing(ingress: Ingress, settings: Settings) -> tuple[Operation, ...]:
    """Return the operations of `complete` alone, without making the Ingress that they lead to."""
    old, new = ingress.spec.tls, completed_tls(ingress, settings)
    return () if new is old else _operations(old, new)


def completed_tls(ingress: Ingress, settings: Settings) -> tuple[IngressTLS, ...]:
    """Return `spec.tls` as it shall be: the same object when nothing is missing or nothing is for us to fill in."""
    old, name = ingress.spec.tls, ingress.metadata.name
    if ingress.metadata.annotations.get(TLS_MODE) == MANUAL or not is_wanted(ingress, settings):
        return old
    if not old:
        hosts = _rule_hosts(ingress)
        return (IngressTLS(hosts, ingress_secret_name(name) if name else ""),) if hosts else old
    for entry in old:
        if not entry.hosts or not entry.secret_name:
            new = _named(_hosted(old, _rule_hosts(ingress)), name)
            return old if new == old else new
    return old


def _rule_hosts(ingress: Ingress) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rule.host for rule in ingress.spec.rules if rule.host))


def _hosted(entries: tuple[IngressTLS, ...], hosts: tuple[str, ...]) -> tuple[IngressTLS, ...]:
    """Give the hosts that no entry has to the first entry without any."""
    taken = {host for entry in entries for host in entry.hosts}
    free = tuple(host for host in hosts if host not in taken)
    empty = next((i for i, entry in enumerate(entries) if not entry.hosts), None)
    if empty is None or not free:
        return entries
    filled = msgspec.structs.replace(entries[empty], hosts=free)
    return (*entries[:empty], filled, *entries[empty + 1 :])


def _named(entries: tuple[IngressTLS, ...], ingress_name: str) -> tuple[IngressTLS, ...]:
    """Give each entry without a Secret the first name that no other entry has."""
    if not ingress_name:  # generateName: the name comes after admission, and with it the Secret's
        return entries
    taken = {entry.secret_name for entry in entries}
    named = []
    for entry in entries:
        name = entry.secret_name or next(name for name in secret_names(ingress_name) if name not in taken)
        taken.add(name)
        named.append(entry if entry.secret_name else msgspec.structs.replace(entry, secret_name=name))
    return tuple(named)


def secret_names(ingress_name: str) -> Iterator[str]:
    """Yield `shop-tls`, `shop-tls-2`, `shop-tls-3`, …: names that are no other Ingress's first choice."""
    first = ingress_secret_name(ingress_name)
    yield first
    for number in count(2):
        suffix = f"-{number}"
        yield first[: MAX_NAME - len(suffix)] + suffix


def _operations(old: tuple[IngressTLS, ...], new: tuple[IngressTLS, ...]) -> tuple[Operation, ...]:
    if not old:
        return (add("/spec/tls", new),)
    operations = []
    for i, (before, after) in enumerate(zip(old, new, strict=True)):
        if before.hosts != after.hosts:
            operations.append(add(f"/spec/tls/{i}/hosts", after.hosts))
        if before.secret_name != after.secret_name:
            operations.append(add(f"/spec/tls/{i}/secretName", after.secret_name))
    return tuple(operations)
