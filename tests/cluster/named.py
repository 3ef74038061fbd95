"""BIND's `named`: an authoritative server with zones that take dynamic updates.

It is what the tests of DNS-01 write to, what they ask for propagation, and what their Pebble resolves with.  Its port
is not 53, so the shim is told the port of authoritative servers.  Changes of zones go to journals in its directory:
they survive a restart.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update

from tests.cluster.debian import Program, find
from tests.cluster.ports import Ports
from tests.cluster.processes import Launcher, Process

_TIMEOUT: Final = 3.0
ALGORITHMS: Final = ("hmac-md5", "hmac-sha1", "hmac-sha256", "hmac-sha512")
SECRET: Final = "aHVudGVyMi1odW50ZXIyLWh1bnRlcjItaHVudGVyMg=="


def find_named() -> Program:
    """Return the program; NoPackage where it cannot be had."""
    return find("bind9", "named")


class Named:
    """One server; several may run side by side."""

    def __init__(
        self,
        name: str,
        *,
        program: Program,
        directory: Path,
        ports: Ports,
        launcher: Launcher,
        zones: Iterable[str],
    ) -> None:
        self.name = name
        self.port = ports.free()
        self.address = f"127.0.0.1:{self.port}"
        self.zones = tuple(zones)
        self._program = program
        self._launcher = launcher
        self._folder = directory / name
        self._folder.mkdir()
        for zone in self.zones:
            (self._folder / f"{zone}.zone").write_text(_zone(zone))
        (self._folder / "root.zone").write_text(_zone(""))
        (self._folder / "named.conf").write_text(self._configuration())

    def start(self) -> Process:
        """Start it and wait until it answers for its zones."""
        argv: list[str | Path] = [self._program.path, "-g", "-n", "1", "-c", self._folder / "named.conf"]
        process = self._launcher.start(self.name, argv, env=self._program.environment)
        process.wait_until(self._is_ready)
        return process

    def values(self, name: str) -> frozenset[str]:
        """Return the TXT values at a name."""
        query = dns.message.make_query(name, "TXT")
        answer = dns.query.tcp(query, "127.0.0.1", timeout=_TIMEOUT, port=self.port)
        owner = dns.name.from_text(name)
        return frozenset(
            b"".join(record.strings).decode()
            for rrset in answer.answer
            if rrset.rdtype == dns.rdatatype.TXT and rrset.name == owner
            for record in rrset
        )

    def put(self, zone: str, name: str, kind: str, *values: str, ttl: int = 60) -> None:
        """Add records as somebody else would; TXT values in quotes."""
        message = dns.update.UpdateMessage(zone)
        for value in values:
            message.add(dns.name.from_text(name), ttl, kind, value)
        message.use_tsig(dns.tsig.Key("hmac-sha256", SECRET, "hmac-sha256"))
        answer = dns.query.tcp(message, "127.0.0.1", timeout=_TIMEOUT, port=self.port)
        assert answer.rcode() == dns.rcode.NOERROR, dns.rcode.to_text(answer.rcode())

    def _configuration(self) -> str:
        keys = "".join(f'key "{one}" {{ algorithm {one}; secret "{SECRET}"; }};\n' for one in ALGORITHMS)
        allowed = "".join(f'key "{one}"; ' for one in ALGORITHMS)
        zones = "".join(
            f'zone "{zone}" {{ type primary; file "{zone}.zone"; allow-update {{ {allowed}}}; }};\n'
            for zone in self.zones
        )
        return f"""
options {{
    directory "{self._folder}";
    listen-on port {self.port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    // So that CNAMEs from one zone into another are followed for whoever asks as a CA does.
    recursion yes;
    allow-recursion {{ 127.0.0.1; }};
    allow-transfer {{ none; }};
    notify no;
    dnssec-validation no;
    pid-file none;
    lock-file none;
    session-keyfile none;
}};
controls {{ }};
{keys}{zones}
// Nobody outside is ever asked.
zone "." {{ type primary; file "root.zone"; }};
"""

    def _is_ready(self) -> bool:
        try:
            for zone in self.zones:
                query = dns.message.make_query(zone, "SOA")
                answer = dns.query.udp(query, "127.0.0.1", timeout=0.5, port=self.port)
                if not answer.flags & dns.flags.AA:
                    return False
        except (OSError, dns.exception.DNSException):
            return False
        return True


def _zone(name: str) -> str:
    records = {"@": "SOA ns hostmaster 1 3600 600 86400 300\n  NS ns", "ns": "A 127.0.0.1"}
    wildcard = {"*": "A 127.0.0.1"} if name else {}
    return f"$ORIGIN {name}.\n$TTL 300\n" + "".join(f"{one} {rest}\n" for one, rest in (records | wildcard).items())
