"""Where a value is to be written: the name after CNAMEs, the zone that it lies in, and the servers that have it.

    example.com's servers, from a resolver        (the nearest name above that has an NS record in a cache)
      └─ SOA of _acme-challenge.shop.example.com, asked of those
           ├─ a referral: ask the servers it names, which is how a child zone is found
           └─ an answer, also a negative one, with the SOA of the zone (RFC 2308 §3)

Only positive answers are taken from a resolver.  That a name or a zone is *not* there is asked of authoritative
servers, so a negative answer that a cache keeps for hours has no say.  Where those cannot be reached (or are not to be
asked), the resolver's word has to do.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.rrset

from certs.outcomes import Transient, WaitingForUser
from shim.solvers.dns01.questions import NoAnswer, Questions, Silent, address, together

KEEP: Final = 60.0  # seconds; a zone that is set up in the meantime is found a minute later at most
_MOST: Final = 4096
_MOST_REFERRALS: Final = 8
MOST_ALIASES: Final = 10

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone and its authoritative servers (`ip:port`); none when only a resolver was asked."""

    name: str
    servers: tuple[str, ...] = ()


class _Cache(Generic[ValueT]):
    """What was found, for a minute.  Failures are not kept."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[float, ValueT]] = OrderedDict()

    def get(self, name: str, find: Callable[[str], ValueT]) -> ValueT:
        """Return what is known, or what `find` finds."""
        with self._lock:
            known = self._known.get(name)
        if known is not None and self._clock() < known[0]:
            return known[1]
        found = find(name)
        with self._lock:
            self._known[name] = (self._clock() + KEEP, found)
            self._known.move_to_end(name)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        return found


@dataclass(slots=True)
class Zones:
    """Finds zones, and keeps them for a minute.  Blocks for some seconds at most for each server that is silent."""

    questions: Questions = field(default_factory=Questions)
    recursive_only: bool = False
    clock: Callable[[], float] = time.monotonic
    _zones: _Cache[Zone] = field(init=False)
    _hosts: _Cache[tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        self._zones = _Cache(self.clock)
        self._hosts = _Cache(self.clock)

    def zone(self, name: str) -> Zone:
        """Return the zone that a name lies in (no final dot); Transient when it cannot be found out."""
        try:
            return self._zones.get(name, self._find)
        except NoAnswer as error:
            raise Transient(f"cannot find the zone of {name}: {error}") from error

    def target(self, name: str, *, follow: bool) -> str:
        """Return where to write for a name: itself, or where its CNAMEs lead; WaitingForUser for a loop."""
        if not follow:
            return name
        seen = [name]
        while True:
            following = self.alias(seen[-1])
            if not following:
                return seen[-1]
            if following in seen or len(seen) > MOST_ALIASES:
                why = "a loop" if following in seen else "too many"
                chain = " -> ".join((*seen, following))
                raise WaitingForUser(f"CNAMEs of {name} lead nowhere ({why}): {chain}; mend them")
            seen.append(following)

    def alias(self, name: str) -> str:
        """Return what a name is a CNAME of, or nothing."""
        try:
            answer = self._authoritative(name, "CNAME")
        except NoAnswer as error:
            raise Transient(f"cannot ask whether {name} is a CNAME: {error}") from error
        return alias_in(answer, name)

    def _authoritative(self, name: str, kind: str) -> dns.message.Message:
        for server in self.zone(name).servers:
            try:
                return self.questions.ask_responsible(server, name, kind)
            except NoAnswer:
                continue
        return self.questions.resolve(name, kind)

    def _find(self, name: str) -> Zone:
        if self.recursive_only:
            return Zone(self._by_resolver(name))
        nearest, hosts = self._nearest(name)
        return self._descend(Zone(nearest, self._addresses(hosts)), name)

    def _nearest(self, name: str) -> tuple[str, tuple[str, ...]]:
        """Return the nearest zone above a name that a resolver knows, and its servers' names."""
        problem: NoAnswer | None = None
        for zone in _upwards(name):
            try:
                answer = self.questions.resolve(zone, "NS")
            except Silent:
                raise
            except NoAnswer as error:
                problem = error  # a broken child must not hide its parent
                continue
            hosts = _hosts_of(answer, zone)
            if hosts:
                return zone, hosts
        raise problem or NoAnswer("no resolver knows the servers of any name above it")

    def _descend(self, zone: Zone, name: str) -> Zone:
        """Follow referrals down to the zone that answers for a name."""
        for _ in range(_MOST_REFERRALS):
            answer = self._ask_any(zone, name)
            if answer is None:
                # All are silent, which is how a firewall looks: the resolver's word has to do.
                return Zone(self._by_resolver(name))
            if alias_in(answer, name):
                # The SOA beside it is that of the target.  A CNAME is never a zone's own name (RFC 1034 §3.6.2), so it
                # lies in the zone of the name above it.
                name = name.partition(".")[2]
                continue
            if found := soa_in(answer, name):
                return zone if found == zone.name else Zone(found, self._servers_of(found, zone))
            child = _referral(answer, name, below=zone.name)
            if child is None:
                raise NoAnswer(f"the servers of {zone.name} name neither a zone nor servers for it")
            zone = Zone(child, self._referred(answer, child))
        raise NoAnswer(f"too many referrals, the last to {zone.name}")

    def _ask_any(self, zone: Zone, name: str) -> dns.message.Message | None:
        """Return the first answer that says more about the name, else any, else None."""
        other: dns.message.Message | None = None
        for server in zone.servers:
            try:
                answer = self.questions.ask(server, name, "SOA", recurse=False)
            except NoAnswer:
                continue
            if alias_in(answer, name) or soa_in(answer, name) or _referral(answer, name, below=zone.name):
                return answer
            other = answer
        return other

    def _servers_of(self, zone: str, by: Zone) -> tuple[str, ...]:
        """Return the servers of a child whose parent's servers have it, too, and so do not refer to it."""
        for server in by.servers:
            try:
                hosts = _hosts_of(self.questions.ask(server, zone, "NS", recurse=False), zone)
            except NoAnswer:
                continue
            if hosts:
                return self._addresses(hosts)
        return by.servers

    def _referred(self, answer: dns.message.Message, child: str) -> tuple[str, ...]:
        """Return the addresses of the servers that a referral names, from its glue where it has some."""
        glue: dict[str, list[str]] = {}
        for rrset in answer.additional:
            if rrset.rdtype in {dns.rdatatype.A, dns.rdatatype.AAAA}:
                glue.setdefault(plain(rrset.name), []).extend(str(record) for record in rrset)
        hosts = _hosts_of(answer, child)
        found = [address(one, self.questions.port) for host in hosts for one in _reachable(glue.get(host, []))]
        without = tuple(host for host in hosts if host not in glue)
        return (*dict.fromkeys(found), *self._addresses(without))

    def _addresses(self, hosts: tuple[str, ...]) -> tuple[str, ...]:
        found: list[str] = []
        for addresses in together(lambda host: self._hosts.get(host, self._resolve_host), hosts):
            if not isinstance(addresses, NoAnswer):
                found.extend(addresses)
        return tuple(dict.fromkeys(found))

    def _resolve_host(self, host: str) -> tuple[str, ...]:
        """Return a server's addresses: IPv4, else IPv6, which clusters often cannot reach."""
        for kind in ("A", "AAAA"):
            answer = self.questions.resolve(host, kind)
            wanted = dns.rdatatype.from_text(kind)
            found = [str(record) for rrset in answer.answer if rrset.rdtype == wanted for record in rrset]
            if found:
                return tuple(address(one, self.questions.port) for one in found)
        raise NoAnswer(f"the server {host} has no address")

    def _by_resolver(self, name: str) -> str:
        """Return the zone as a resolver sees it, from the SOA of its answer, which may be a negative one."""
        problem: NoAnswer | None = None
        for above in _upwards(name):
            try:
                found = soa_in(self.questions.resolve(above, "SOA"), name)
            except Silent:
                raise
            except NoAnswer as error:
                problem = error
                continue
            if found:
                return found
        raise problem or NoAnswer("no resolver knows a zone above it")


def plain(name: dns.name.Name) -> str:
    """Return a name as `Change` has it: small letters, no final dot."""
    return name.canonicalize().to_text(omit_final_dot=True)


def soa_in(answer: dns.message.Message, name: str) -> str:
    """Return the zone whose SOA an answer carries, if the name lies in it; else nothing."""
    for rrset in (*answer.answer, *answer.authority):
        if rrset.rdtype == dns.rdatatype.SOA:
            zone = plain(rrset.name)
            if zone and (name == zone or name.endswith("." + zone)):
                return zone
    return ""


def alias_in(answer: dns.message.Message, name: str) -> str:
    """Return what an answer says that a name is a CNAME of, or nothing."""
    for rrset in answer.answer:
        if rrset.rdtype == dns.rdatatype.CNAME and plain(rrset.name) == name:
            return plain(rrset[0].target)
    return ""


def _upwards(name: str) -> list[str]:
    """Return a name and all above it but the root, nearest first."""
    labels = name.split(".")
    return [".".join(labels[first:]) for first in range(len(labels))]


def _hosts_of(answer: dns.message.Message, zone: str) -> tuple[str, ...]:
    return tuple(
        plain(record.target)
        for rrset in (*answer.answer, *answer.authority)
        if rrset.rdtype == dns.rdatatype.NS and plain(rrset.name) == zone
        for record in rrset
    )


def _referral(answer: dns.message.Message, name: str, *, below: str) -> str | None:
    """Return the child zone that an answer refers to, which must lie below the one that refers."""
    for rrset in answer.authority:
        if rrset.rdtype == dns.rdatatype.NS:
            child = plain(rrset.name)
            if child.endswith("." + below) and (name == child or name.endswith("." + child)):
                return child
    return None


def _reachable(addresses: list[str]) -> list[str]:
    """Return the IPv4 addresses, else all."""
    return [one for one in addresses if ":" not in one] or addresses
