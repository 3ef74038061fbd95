"""Name servers on loopback that say what a test wants: stale caches, lame secondaries, referrals, truncation, silence.

Authoritative servers of the world all have one port, so each has an address of its own: 127.0.0.2, 127.0.0.3, ….
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

SOA = "ns. hostmaster. 1 3600 600 86400 300"


@dataclass(slots=True)
class Server:
    """What one server knows.  Names have no final dot.

    `records` by name and type; `zones` that it is authoritative for; `children` that it refers to, with the addresses
    of their servers.  A server without zones is a resolver, whose records are its cache: what is not in it is NXDOMAIN.
    """

    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    zones: tuple[str, ...] = ()
    children: dict[str, dict[str, str]] = field(default_factory=dict)
    silent: bool = False
    code: dns.rcode.Rcode = dns.rcode.NOERROR
    truncated: bool = False
    is_lame: bool = False  # it knows of nothing, and refers upwards to the root
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # transport, name, type

    def answer(self, query: dns.message.Message, transport: str) -> dns.message.Message | None:
        """Return the answer, or None for silence."""
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((transport, name, kind))
        if self.silent:
            return None
        response = dns.message.make_response(query)
        if self.code != dns.rcode.NOERROR:
            response.set_rcode(self.code)
        elif self.truncated and transport == "udp":
            response.flags |= dns.flags.TC
        elif self.is_lame:
            response.authority.append(dns.rrset.from_text(".", 60, "IN", "NS", "a.root.test."))
        elif not self._refer(response, name):
            self._look_up(response, name, kind)
        return response

    def _refer(self, response: dns.message.Message, name: str) -> bool:
        child = next((one for one in self.children if name == one or name.endswith("." + one)), None)
        if child is None:
            return False
        hosts = self.children[child]
        response.authority.append(_rrset(child, "NS", [f"{host}." for host in hosts]))
        response.additional.extend(_rrset(host, "A", [address]) for host, address in hosts.items() if address)
        return True

    def _look_up(self, response: dns.message.Message, name: str, kind: str) -> None:
        zones = [zone for zone in self.zones if name == zone or name.endswith("." + zone)]
        if self.zones and not zones:
            response.set_rcode(dns.rcode.REFUSED)
            return
        if zones:
            response.flags |= dns.flags.AA
        zone = max(zones, key=len, default="")
        found = self.records.get((name, kind)) or ([SOA] if name == zone and kind == "SOA" else [])
        if found:
            response.answer.append(_rrset(name, kind, found))
        elif alias := self.records.get((name, "CNAME")):
            response.answer.append(_rrset(name, "CNAME", alias))
        else:
            if not any(known == name for known, _ in self.records) and name != zone:
                response.set_rcode(dns.rcode.NXDOMAIN)
            if zone:
                response.authority.append(_rrset(zone, "SOA", [SOA]))


def _rrset(name: str, kind: str, values: list[str]) -> dns.rrset.RRset:
    return dns.rrset.from_text(f"{name}.", 60, "IN", kind, *values)


class World:
    """Servers by address, all on one port, over UDP and TCP."""

    def __init__(self, servers: dict[str, Server]) -> None:
        self.servers = servers
        self._end = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self.port = self._bind()

    def at(self, address: str) -> str:
        """Return a server as issuers write it."""
        return f"{address}:{self.port}"

    def _bind(self) -> int:
        """Bind all addresses on one port that is free on all of them."""
        for _ in range(20):
            with contextlib.ExitStack() as stack:
                port = 0
                made: list[socket.socket] = []
                try:
                    for address in self.servers:
                        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                            one = stack.enter_context(socket.socket(socket.AF_INET, kind))
                            one.bind((address, port))
                            port = one.getsockname()[1]
                            made.append(one)
                except OSError:
                    continue
                stack.pop_all()
                self._sockets = made
                return port
        raise OSError("no port that is free on all addresses")

    def __enter__(self) -> Self:
        pairs = zip(self._sockets[::2], self._sockets[1::2], strict=True)
        for (address, server), (udp, tcp) in zip(self.servers.items(), pairs, strict=True):
            tcp.listen()
            for target, sock in ((self._serve_udp, udp), (self._serve_tcp, tcp)):
                sock.settimeout(0.05)
                thread = threading.Thread(target=target, args=(sock, server), name=address, daemon=True)
                thread.start()
                self._threads.append(thread)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()
        for one in self._sockets:
            one.close()

    def _serve_udp(self, sock: socket.socket, server: Server) -> None:
        while not self._end.is_set():
            with contextlib.suppress(TimeoutError):
                wire, peer = sock.recvfrom(4096)
                response = server.answer(dns.message.from_wire(wire), "udp")
                if response is not None:
                    sock.sendto(response.to_wire(), peer)

    def _serve_tcp(self, sock: socket.socket, server: Server) -> None:
        while not self._end.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = sock.accept()
                with connection:
                    connection.settimeout(2)
                    (length,) = struct.unpack("!H", connection.recv(2))
                    response = server.answer(dns.message.from_wire(connection.recv(length)), "tcp")
                    if response is not None:
                        wire = response.to_wire()
                        connection.sendall(struct.pack("!H", len(wire)) + wire)


@contextlib.contextmanager
def world(servers: dict[str, Server]) -> Iterator[World]:
    """Serve until the block ends."""
    with World(servers) as made:
        yield made
