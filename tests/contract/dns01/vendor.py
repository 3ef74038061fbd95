"""What the fakes of vendors with an HTTP API have in common: a server, values by name, and faults.

A fake answers in the shapes of the vendor's documentation and refuses what the documentation does not allow, so a
request that is not as documented fails the contract.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from certs.api.issuer import DNS01Solver
from certs.api.meta import SecretKeySelector
from shim.solvers.dns01 import Credentials, DNSWriter
from shim.solvers.dns01.rest import HTTP
from tests.contract.dns01 import Fault, credentials
from tests.contract.dns01.server import Reply, Request, VendorServer

SECRET = "hunter2-token"
REF = SecretKeySelector(name="vendor", key="token")
NOWHERE = "http://127.0.0.1:1"
WITHIN = 3.0  # seconds; a machine that does much else has been seen to take half of it


class Vendor(ABC):
    """A fake; a subclass says how its API answers (`handle`) and how a writer is configured."""

    faults: frozenset[Fault] = frozenset(Fault)
    removes = True
    deadline = 2 * WITHIN
    solver: DNS01Solver
    failing: Mapping[Fault, Reply] = {}

    def __init__(self) -> None:
        self.sets: defaultdict[str, set[str]] = defaultdict(set)
        self.server = VendorServer(self.handle, self.failing)
        self.url = self.server.url
        self.http = HTTP(within=WITHIN, proxies={})
        self.credentials: Credentials = credentials(vendor=SECRET)

    @abstractmethod
    def handle(self, request: Request) -> Reply:
        """Answer as the vendor does."""

    @abstractmethod
    def writer(self) -> DNSWriter: ...

    def values(self, name: str) -> frozenset[str]:
        return frozenset(self.sets[name])

    def put(self, name: str, *values: str) -> None:
        self.sets[name].update(values)

    def fail(self, fault: Fault | None) -> None:
        self.url = NOWHERE if fault is Fault.UNREACHABLE else self.server.url
        self.server.fail(fault)

    def requests(self) -> int:
        return len(self.server.seen)

    @contextmanager
    def serving(self) -> Iterator[Vendor]:
        """Serve until the block ends."""
        with self.server.serving():
            yield self


def said(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a reply in JSON."""
    return Reply(json.dumps(content).encode(), status, {"Content-Type": "application/json", **(headers or {})})


class Records:
    """TXT records with an id each, for vendors that have such."""

    def __init__(self) -> None:
        self.all: dict[int, tuple[str, str]] = {}
        self._next = 1000

    def add(self, name: str, value: str) -> int:
        """Add one, even if it is there: vendors that refuse check first."""
        self._next += 1
        self.all[self._next] = (name, value)
        return self._next

    def of(self, name: str) -> dict[int, str]:
        """Return the values of a name by id."""
        return {number: value for number, (at, value) in self.all.items() if at == name}
