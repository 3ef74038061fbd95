"""API requests from the audit log: who of ours asked how often for what.

Counted are complete requests of the product's users, refused ones too.  Not counted: Events (they may be dropped),
Leases and watches (they belong to the process, not to a certificate), and whatever the tester asks under other names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from bench.measurement import Measurement, lower
from tests.cluster import AuditEvent
from tests.product import NAMESPACE

USERS: Final = frozenset(f"system:serviceaccount:{NAMESPACE}:certshim-{part}" for part in ("shim", "webhook"))
WRITES: Final = frozenset(("create", "update", "patch", "delete", "deletecollection"))
READS: Final = frozenset(("get", "list"))
QUESTIONS: Final = frozenset(("subjectaccessreviews",))  # created, and stored nowhere: they read
NOT_COUNTED: Final = frozenset(("events", "leases"))


@dataclass(frozen=True, slots=True)
class Traffic:
    """Numbers of requests by verb and resource, as `("update", "certificates/status")`."""

    writes: Counter[tuple[str, str]] = field(default_factory=Counter)
    reads: Counter[tuple[str, str]] = field(default_factory=Counter)


def count(events: Iterable[AuditEvent], users: frozenset[str] = USERS) -> Traffic:
    """Return what these users asked for."""
    traffic = Traffic()
    for event in events:
        ref = event.object_ref
        if event.stage != "ResponseComplete" or event.user.username not in users or ref.resource in NOT_COUNTED:
            continue
        resource = _resource(event)
        if event.verb in WRITES and ref.resource not in QUESTIONS:
            traffic.writes[event.verb, resource] += 1
        elif event.verb in READS or ref.resource in QUESTIONS:
            traffic.reads[event.verb, resource] += 1
    return traffic


def refusals(events: Iterable[AuditEvent], users: frozenset[str] = USERS) -> Counter[tuple[int, str, str]]:
    """Return how often these users were refused, by status code, verb and resource; Events and Leases count here.

    A 404 for what is not there yet is a refusal, too: the API server has done the work for it.
    """
    refused: Counter[tuple[int, str, str]] = Counter()
    for event in events:
        code = event.response_status.code
        if event.stage == "ResponseComplete" and event.user.username in users and code >= HTTPStatus.BAD_REQUEST:
            refused[code, event.verb, _resource(event)] += 1
    return refused


def refused(counted: Counter[tuple[int, str, str]], *, where: str, number: int) -> Iterator[Measurement]:
    """Yield how many requests were refused while there were `number` of whatever it is, then which; the aim is none."""
    yield lower(f"{where}, refused requests", counted.total(), "requests", 0)
    for (code, verb, resource), times in sorted(counted.items(), key=lambda one: (-one[1], one[0])):
        yield lower(f"{where}, refused requests: {code} {verb} {resource}, of {number}", times, "requests")


def figures(traffic: Traffic, *, per: str, number: int, aim: float | None = None) -> Iterator[Measurement]:
    """Yield requests per certificate (or whatever there were `number` of): the sums, then each verb and resource."""
    unit = "requests"
    for name, counted, limit in (("writes", traffic.writes, aim), ("reads", traffic.reads, None)):
        yield lower(f"API {name} per {per}", counted.total() / number, unit, limit)
        for (verb, resource), times in sorted(counted.items(), key=lambda one: (-one[1], one[0])):
            yield lower(f"API {name} per {per}: {verb} {resource}", times / number, unit)


def _resource(event: AuditEvent) -> str:
    ref = event.object_ref
    return f"{ref.resource}/{ref.subresource}" if ref.subresource else ref.resource
