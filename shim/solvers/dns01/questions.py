"""One question to one nameserver: over UDP, over TCP when the answer does not fit, or over HTTPS.

Servers are named as issuers name them: `ip:port`, or `https://…` (RFC 8484).  Each question has a deadline of its own
and is asked once; who is asked next, and what the answer means, is the caller's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import urlsplit

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver
import urllib3

TIMEOUT: Final = 2.5  # a lost datagram costs this; the next look asks again
FALLBACK: Final = ("8.8.8.8:53", "8.8.4.4:53")
# RFC 6891 §6.2.5 recommends it, and no path drops datagrams of this size.
PAYLOAD: Final = 1232
_DNS_MESSAGE: Final = "application/dns-message"
_LONGEST_ANSWER: Final = 65_535

OneT = TypeVar("OneT")
AnswerT = TypeVar("AnswerT")


class NoAnswer(Exception):
    """A server did not answer, or refused to; the text says which and why."""


class Silent(NoAnswer):
    """It did not answer at all, so neither would it about another name."""


@dataclass(frozen=True, slots=True)
class Questions:
    """How to ask.  `resolvers` are the recursive servers (none: the system's), `port` is that of authoritative ones."""

    resolvers: tuple[str, ...] = ()
    port: int = 53
    timeout: float = TIMEOUT

    def ask(self, server: str, name: str, kind: str, *, recurse: bool) -> dns.message.Message:
        """Return the server's answer, positive or negative; NoAnswer when it gives none or is not responsible."""
        try:
            asked = dns.name.from_text(name)
            query = dns.message.make_query(asked, kind, use_edns=0, payload=PAYLOAD)
        except dns.exception.DNSException as error:
            raise NoAnswer(f'"{name}" is no DNS name: {error}') from error
        if not recurse:
            query.flags &= ~dns.flags.RD
        try:
            answer = self._over_https(query, server) if _is_url(server) else self._over_53(query, server)
        except (dns.exception.DNSException, OSError, EOFError, ValueError, urllib3.exceptions.HTTPError) as error:
            raise Silent(f"{server} does not answer: {_why(error)}") from error
        if answer.rcode() not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
            raise NoAnswer(f"{server} answers {dns.rcode.to_text(answer.rcode())} about {name}")
        return answer

    def ask_responsible(self, server: str, name: str, kind: str) -> dns.message.Message:
        """Return the answer of a server of the name's zone; NoAnswer, too, when it only points elsewhere.

        Servers that have lost a zone, or never had it, refuse, or refer to the root as if that were an answer
        (RFC 8499 §7, "Lame delegation", "Upward referral"); what is there or not, they cannot know.
        """
        answer = self.ask(server, name, kind, recurse=False)
        if not (answer.answer or answer.flags & dns.flags.AA or answer.rcode() or _has_soa(answer)):
            raise NoAnswer(f"{server} is not responsible for {name}")
        return answer

    def asked(self) -> tuple[str, ...]:
        """Return the recursive servers."""
        return self.resolvers or system_resolvers()

    def resolve(self, name: str, kind: str) -> dns.message.Message:
        """Ask the recursive servers, one after another; NoAnswer when none answers, Silent when none says a word."""
        problems: list[NoAnswer] = []
        for server in self.asked():
            try:
                return self.ask(server, name, kind, recurse=True)
            except NoAnswer as error:
                problems.append(error)
        raise next((one for one in problems if not isinstance(one, Silent)), problems[-1])

    def _over_53(self, query: dns.message.Message, server: str) -> dns.message.Message:
        host, port = split(server)
        answer = dns.query.udp(query, host, timeout=self.timeout, port=port, ignore_unexpected=True)
        if answer.flags & dns.flags.TC:
            return dns.query.tcp(query, host, timeout=self.timeout, port=port)
        return answer

    def _over_https(self, query: dns.message.Message, server: str) -> dns.message.Message:
        query.id = 0  # RFC 8484 §4.1: so that caches can answer
        response = urllib3.request(
            "POST",
            server,
            body=query.to_wire(),
            headers={"Content-Type": _DNS_MESSAGE, "Accept": _DNS_MESSAGE},
            timeout=self.timeout,
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            if response.status != 200:
                raise ValueError(f"HTTP status {response.status}")
            answer = dns.message.from_wire(response.read(_LONGEST_ANSWER))
        finally:
            response.close()
        if not query.is_response(answer):
            raise ValueError("it answers another question")
        return answer


def system_resolvers() -> tuple[str, ...]:
    """Return those of /etc/resolv.conf, or well-known public ones where it has none."""
    try:
        found = dns.resolver.Resolver().nameservers
    except dns.exception.DNSException:
        found = []
    return tuple(address(str(one), 53) for one in found) or FALLBACK


def address(host: str, port: int) -> str:
    """Return host and port as issuers write them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split(server: str) -> tuple[str, int]:
    """Return host and port of `host`, `host:port`, `[v6]` or `[v6]:port`; ValueError for anything else."""
    if server.count(":") > 1 and not server.startswith("["):
        return server, 53
    parts = urlsplit(f"//{server}")
    if not parts.hostname or parts.path or parts.username is not None:
        raise ValueError(f'"{server}" is no host:port')
    return parts.hostname, parts.port if parts.port is not None else 53


def together(what: Callable[[OneT], AnswerT], these: Iterable[OneT], *, most: int = 8) -> Sequence[AnswerT | NoAnswer]:
    """Return what came of each, asked at the same time, in their order; NoAnswer in place of an answer."""

    def one(this: OneT) -> AnswerT | NoAnswer:
        try:
            return what(this)
        except NoAnswer as error:
            return error

    listed = list(these)
    if len(listed) < 2:
        return [one(this) for this in listed]
    with ThreadPoolExecutor(min(most, len(listed)), thread_name_prefix="dns") as pool:
        return list(pool.map(one, listed))


def _has_soa(answer: dns.message.Message) -> bool:
    return any(rrset.rdtype == dns.rdatatype.SOA for rrset in answer.authority)


def _is_url(server: str) -> bool:
    return server.startswith("https://")


def _why(error: Exception) -> str:
    if isinstance(error, dns.exception.Timeout):
        return "no answer in time"
    return " ".join(str(error).split())[:160] or type(error).__name__
