"""Whether a value can be seen by whoever asks: all authoritative servers are asked, or the resolvers that were named.

CNAMEs are followed, as the CA follows them.  A server that does not answer at all, or says that it is not
responsible, does not count as long as another answers: one broken secondary must not stop every renewal, and the CA
asks others, too.  A server that answers without the value does count.
"""

from __future__ import annotations

from dataclasses import dataclass

import dns.message
import dns.rdatatype

from certs.outcomes import Transient
from shim.solvers.dns01.questions import NoAnswer, together
from shim.solvers.dns01.zones import MOST_ALIASES, Zones, plain


class NotYet(Exception):
    """The value cannot be seen everywhere; the text says where not."""


@dataclass(frozen=True, slots=True)
class Propagation:
    """How to look.  With `at` (resolvers, `ip:port` or `https://…`) those alone are asked.

    `in_place` tells that the value was written at the name itself, wherever a CNAME may lead from there.
    """

    zones: Zones
    at: tuple[str, ...] = ()
    in_place: bool = False

    def check(self, name: str, value: str) -> None:
        """Return when the value is seen at the name by all who were asked; raises NotYet.  Blocks for some seconds."""
        try:
            if self.at:
                self._everywhere(self.at, name, value, recurse=True)
            else:
                self._follow(name, value)
        except Transient as error:
            raise NotYet(str(error)) from error
        except NotYet as problem:
            target = self._elsewhere(name)
            if not target:
                raise
            why = f"{name} is a CNAME of {target}, where the CA looks, and the value was not written there"
            raise NotYet(f"{problem}; {why}: set cnameStrategy: Follow in the solver, or remove the CNAME") from problem

    def _elsewhere(self, name: str) -> str:
        """Return where a CNAME leads from the value, which servers ignore beside it (RFC 2136 §3.4.2.2), or nothing."""
        try:
            return self.zones.alias(name) if self.in_place else ""
        except Transient:
            return ""

    def _follow(self, name: str, value: str) -> None:
        seen: list[str] = []
        waiting = [name]
        while waiting:
            here = waiting.pop()
            if here in seen:
                continue
            seen.append(here)
            if len(seen) > MOST_ALIASES:
                raise NotYet(f"CNAMEs of {name} lead nowhere: {' -> '.join(seen)}")
            servers = self.zones.zone(here).servers
            recurse = not servers
            asked = servers or self.zones.questions.asked()
            waiting.extend(sorted(self._everywhere(asked, here, value, recurse=recurse)))

    def _everywhere(self, servers: tuple[str, ...], name: str, value: str, *, recurse: bool) -> set[str]:
        """Ask all; return the names that a CNAME leads to, where the value is to be looked for instead."""
        questions = self.zones.questions

        def ask(server: str) -> dns.message.Message:
            if recurse:
                return questions.ask(server, name, "TXT", recurse=True)
            return questions.ask_responsible(server, name, "TXT")

        answers = together(ask, servers)
        silent = [str(answer) for answer in answers if isinstance(answer, NoAnswer)]
        if len(silent) == len(answers):
            raise NotYet(f'DNS record for "{name}" not yet propagated: {silent[0] if silent else "nobody to ask"}')
        elsewhere: set[str] = set()
        for server, answer in zip(servers, answers, strict=True):
            if isinstance(answer, NoAnswer) or value in values_in(answer):
                continue
            following = "" if recurse else _end_of(answer, name)
            if not following:
                raise NotYet(f'DNS record for "{name}" not yet propagated: {server} does not have it')
            elsewhere.add(following)
        return elsewhere


def values_in(answer: dns.message.Message) -> frozenset[str]:
    """Return the TXT values of an answer, at whatever end of CNAMEs (RFC 7208 §3.3: strings are joined)."""
    return frozenset(
        b"".join(record.strings).decode(errors="replace")
        for rrset in answer.answer
        if rrset.rdtype == dns.rdatatype.TXT
        for record in rrset
    )


def _end_of(answer: dns.message.Message, name: str) -> str:
    """Return the name at the end of the CNAMEs of an answer, or nothing when there are none."""
    aliases = {
        plain(rrset.name): plain(rrset[0].target) for rrset in answer.answer if rrset.rdtype == dns.rdatatype.CNAME
    }
    here = name
    for _ in range(len(aliases)):
        here = aliases.get(here, here)
    return here if here != name else ""
