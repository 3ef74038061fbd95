"""A real `named` that takes dynamic updates."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from certs.api.issuer import RFC2136, DNS01Solver
from certs.api.meta import SecretKeySelector
from shim.solvers.dns01 import DNSWriter
from shim.solvers.dns01.rfc2136 import Update, build
from tests.cluster.debian import NoPackage
from tests.cluster.named import SECRET, Named, find_named
from tests.cluster.ports import Ports
from tests.cluster.processes import Launcher
from tests.contract.dns01 import ZONE, Fault, credentials
from tests.lacking import pass_over

_DEADLINE = 1.5  # seconds; a busy machine takes a tenth of it


class Server:
    """The server, and ways to a writer that fails."""

    faults = frozenset((Fault.REFUSED, Fault.SILENT, Fault.UNREACHABLE))
    removes = True
    deadline = 2.0

    def __init__(self, named: Named, silent: str) -> None:
        self.named = named
        self._silent = silent
        self._fault: Fault | None = None

    def writer(self) -> DNSWriter:
        where = {Fault.SILENT: self._silent, Fault.UNREACHABLE: "127.0.0.1:1"}
        secret = "aHVudGVyMg==" if self._fault is Fault.REFUSED else SECRET
        address = self.named.address if self._fault is None else where.get(self._fault, self.named.address)
        made = build(solver(address), credentials(tsig=secret))
        return Update(made.host, made.port, made.tcp, made.key, within=_DEADLINE)

    def values(self, name: str) -> frozenset[str]:
        return self.named.values(name)

    def put(self, name: str, *values: str) -> None:
        self.named.put(ZONE, name, "TXT", *(f'"{value}"' for value in values))

    def fail(self, fault: Fault | None) -> None:
        self._fault = fault

    def requests(self) -> int:
        return 1  # one message carries the whole change


def solver(nameserver: str, algorithm: str = "HMACSHA256", protocol: str | None = None) -> DNS01Solver:
    return DNS01Solver(
        rfc2136=RFC2136(
            nameserver=nameserver,
            tsig_secret_secret_ref=SecretKeySelector("tsig", "key"),
            tsig_key_name=algorithm.lower().replace("hmac", "hmac-"),
            tsig_algorithm=algorithm,
            protocol="TCP" if protocol == "TCP" else "UDP" if protocol == "UDP" else None,
        )
    )


@contextmanager
def running(*zones: str) -> Iterator[Named]:
    """Run a named for as long as the block; pass the test over where Debian's packages cannot be had."""
    try:
        program = find_named()
    except NoPackage as error:
        pass_over(f"NO named, SO rfc2136 IS NOT TESTED: {error}")
    with tempfile.TemporaryDirectory() as directory:
        launcher = Launcher(Path(directory))
        named = Named(
            "named", program=program, directory=Path(directory), ports=Ports(), launcher=launcher, zones=zones
        )
        process = named.start()
        try:
            yield named
        finally:
            process.stop()
            launcher.close()


@contextmanager
def backend() -> Iterator[Server]:
    """Run a named, and beside it a port that never answers."""
    with running(ZONE) as named, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        yield Server(named, f"127.0.0.1:{silent.getsockname()[1]}")
