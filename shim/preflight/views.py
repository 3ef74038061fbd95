"""What the DNS says of a name: as a resolver sees it, and as the authoritative servers have it.

    resolver ──well──> that is the answer                                         (a question or two, some milliseconds)
        └─ not well, or nothing ──> authoritative servers ──> their word counts   (no cache of somebody's in between)
                                            └─ none can be asked ──> the resolver's word has to do

An answer is trusted to be what the CA would hear when the admin has named the resolvers for self checks, or when the CA
is a public one and the answer comes, authoritatively, from a server with a public address.  A resolver of the cluster,
and servers inside (split horizon), may say something else than the internet hears, and of a CA inside nobody knows.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from certs.decide.caa import Asking, CAARecord, Verdict, climb, judge
from certs.decide.findings import CA, Address, CAAAnswer, DNSAnswer, DNSState, is_reachable
from certs.outcomes import Transient, WaitingForUser
from shim.solvers.dns01.questions import NoAnswer, Questions, Silent, split
from shim.solvers.dns01.zones import Zones
from shim.solvers.selfcheck import why_refused

# All answers are to be there within three seconds; who does not answer in one is asked no more.
TIMEOUT: Final = 1.0


def is_public_server(server: str) -> bool:
    """Has a server (`ip:port`) an address that the internet can reach?"""
    try:
        return ipaddress.ip_address(split(server)[0]).is_global
    except ValueError:
        return False


@dataclass(slots=True)
class Views:
    """Both views.  `named`: the admin has named the resolvers.  Blocks for a second at most for each silent server.

    Nobody is asked any more once `end` (a moment of the monotonic clock) is over.
    """

    resolvers: tuple[str, ...] = ()
    port: int = 53
    recursive_only: bool = False
    loopback: bool = False
    timeout: float = TIMEOUT
    is_public: Callable[[str], bool] = is_public_server
    _questions: Questions = field(init=False)
    _zones: Zones = field(init=False)

    def __post_init__(self) -> None:
        self._questions = Questions(self.resolvers, self.port, self.timeout)
        self._zones = Zones(self._questions, recursive_only=self.recursive_only)

    def addresses(self, name: str, ca: CA, end: float) -> DNSAnswer | None:
        """Return what the DNS says of a name that the CA is to reach; None when nobody says anything."""
        seen = self._by_resolver(name, ca, end)
        if _is_well(seen, ca) or time.monotonic() > end:
            return seen
        known = self._by_servers(name, ca, end)
        if known is None:
            return replace(seen, trusted=bool(self.resolvers)) if seen is not None else None
        return replace(known, trusted=bool(self.resolvers) or (known.trusted and ca.is_public))

    def lookup(self, name: str) -> DNSAnswer | None:
        """Return whether a name can be looked up at all (with a broken zone: SERVFAIL); None when nobody answers."""
        try:
            self._questions.resolve(name, "TXT")
        except Silent:
            return None
        except NoAnswer as error:
            return DNSAnswer(DNSState.FAILING, why=str(error))
        return DNSAnswer(DNSState.FOUND)

    def caa(self, name: str, asking: Asking, ca: CA, end: float) -> CAAAnswer | None:
        """Return the relevant records of a name, confirmed where they forbid; None when they cannot be found out."""
        seen = self._climb(name, asking, self._caa_by_resolver, end)
        if seen is not None and judge(seen.records, asking).verdict is Verdict.PERMITTED:
            return seen
        known = self._climb(name, asking, self._caa_by_servers, end)
        found = known or seen
        if found is None:
            return None
        return replace(found, trusted=bool(self.resolvers) or (found.trusted and ca.is_public))

    # -- addresses ---------------------------------------------------------------------------------------------

    def _by_resolver(self, name: str, ca: CA, end: float) -> DNSAnswer | None:
        return self._look_up(lambda kind: self._questions.resolve(name, kind), ca, end)

    def _by_servers(self, name: str, ca: CA, end: float) -> DNSAnswer | None:
        try:
            target = self._zones.target(name, follow=True)
            servers = self._zones.zone(target).servers
        except WaitingForUser as loop:
            return DNSAnswer(DNSState.FAILING, why=str(loop))
        except Transient:
            return None
        for server in servers:
            if time.monotonic() > end:
                return None
            answer = self._look_up(partial(self._said, server, target), ca, end)
            if answer is not None and answer.state is not DNSState.FAILING:
                return replace(answer, trusted=self.is_public(server))
        return None

    def _look_up(self, ask: Callable[[str], dns.message.Message], ca: CA, end: float) -> DNSAnswer | None:
        """Ask for A, and where that is not enough for AAAA."""
        found: list[Address] = []
        try:
            for kind in ("A", "AAAA"):
                answer = ask(kind)
                if answer.rcode() == dns.rcode.NXDOMAIN and not answer.answer:
                    return DNSAnswer(DNSState.MISSING)
                found.extend(self._addresses_in(answer, kind))
                if any(is_reachable(one, ca) for one in found):
                    break
                if time.monotonic() > end:
                    return None
        except Silent:
            return None
        except NoAnswer as error:
            return DNSAnswer(DNSState.FAILING, why=str(error))
        return DNSAnswer(DNSState.FOUND if found else DNSState.EMPTY, tuple(found))

    def _addresses_in(self, answer: dns.message.Message, kind: str) -> Iterator[Address]:
        wanted = dns.rdatatype.from_text(kind)
        for rrset in answer.answer:
            if rrset.rdtype == wanted:
                for record in rrset:
                    yield address(str(record), loopback=self.loopback)

    def _said(self, server: str, name: str, kind: str) -> dns.message.Message:
        """Ask a server for what it is responsible for; NoAnswer when it is not."""
        answer = self._questions.ask(server, name, kind, recurse=False)
        if not answer.flags & dns.flags.AA:
            raise NoAnswer(f"{server} is not responsible for {name}")
        return answer

    # -- CAA ---------------------------------------------------------------------------------------------------

    def _climb(
        self,
        name: str,
        asking: Asking,
        ask: Callable[[str], tuple[tuple[CAARecord, ...], bool]],
        end: float,
    ) -> CAAAnswer | None:
        for at in climb(name):
            if time.monotonic() > end:
                return None
            try:
                records, is_public = ask(at)
            except (NoAnswer, Transient, WaitingForUser):
                return None
            if records:
                return CAAAnswer(at, records, asking, trusted=is_public)
        return CAAAnswer("", (), asking)

    def _caa_by_resolver(self, at: str) -> tuple[tuple[CAARecord, ...], bool]:
        return _caa_in(self._questions.resolve(at, "CAA")), False

    def _caa_by_servers(self, at: str) -> tuple[tuple[CAARecord, ...], bool]:
        target = self._zones.target(at, follow=True)
        for server in self._zones.zone(target).servers:
            try:
                return _caa_in(self._said(server, target, "CAA")), self.is_public(server)
            except NoAnswer:
                continue
        raise NoAnswer(f"no server of {at} answers")


def address(text: str, *, loopback: bool) -> Address:
    """Return an address with what kind it is where nobody can be reached by such."""
    return Address(text, why_refused(text, loopback=loopback))


def _is_well(answer: DNSAnswer | None, ca: CA) -> bool:
    return answer is not None and any(is_reachable(one, ca) for one in answer.addresses)


def _caa_in(answer: dns.message.Message) -> tuple[CAARecord, ...]:
    return tuple(
        CAARecord(record.flags, record.tag.decode("latin-1"), record.value.decode("latin-1"))
        for rrset in answer.answer
        if rrset.rdtype == dns.rdatatype.CAA
        for record in rrset
    )
