"""What stands in the way of a proof, as far as it can be seen from here: facts about names to sentences about them.

    nothing in the DNS, no address, none that a CA can reach    sure, when not only a resolver of the cluster says so
    the nameservers fail (SERVFAIL)                             maybe: it may have passed when the CA asks
    CAA records forbid the CA                                   sure, by the same rule
    CAA records that only the CA can judge                      maybe
    somebody else answers in place of the responder, or nobody  maybe: the CA may come another way

What is not known is no finding.  Of a name that is proven over DNS, addresses do not matter.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from certs.decide.caa import ISSUE, ISSUEWILD, Asking, CAARecord, Verdict, judge
from certs.decide.solver import DNS_01
from certs.hosts import is_ip_address


class DNSState(Enum):
    """What the DNS says of a name."""

    FOUND = auto()
    MISSING = auto()  # NXDOMAIN
    EMPTY = auto()  # it exists, and has neither A nor AAAA
    FAILING = auto()  # SERVFAIL, or CNAMEs that lead nowhere


@dataclass(frozen=True, slots=True)
class Address:
    """One address, and what kind it is where nobody can be reached by such (a loopback address, …)."""

    text: str
    refused: str = ""

    @property
    def is_global(self) -> bool:
        """Can it be reached from the internet?"""
        return not self.refused and ipaddress.ip_address(self.text.partition("%")[0]).is_global


@dataclass(frozen=True, slots=True)
class DNSAnswer:
    """What was answered; `trusted` when it is what a CA would hear, too, and `why` says how it fails."""

    state: DNSState
    addresses: tuple[Address, ...] = ()
    trusted: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class CAAAnswer:
    """The relevant record set, at which name it was found (none: nowhere), and for whom it is to be judged."""

    at: str
    records: tuple[CAARecord, ...]
    asking: Asking
    trusted: bool = False


@dataclass(frozen=True, slots=True)
class RouteAnswer:
    """What came back when the responder was asked for through the name; `why` is empty when it was the responder."""

    why: str = ""
    nobody: bool = False  # no HTTP was spoken, as where a cluster cannot reach its own load balancer


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What was found out about a name; None is not known, or not asked."""

    name: str  # as ordered: `*.` in front of a wildcard
    method: str
    dns: DNSAnswer | None = None
    caa: CAAAnswer | None = None
    route: RouteAnswer | None = None


@dataclass(frozen=True, slots=True)
class CA:
    """Who would issue: how people call it, and whether it comes from the internet."""

    name: str
    is_public: bool = False


class Layer(Enum):
    """Where it is wrong."""

    DNS = auto()
    CAA = auto()
    ROUTE = auto()
    SILENCE = auto()  # nobody answers, which may be so from here alone


Fault = tuple[str, Layer]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a name; `sure`: the CA will refuse it for that."""

    name: str
    layer: Layer
    sure: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a look has shown: what is wrong, the sure first, and what is right.  What is in neither is not known."""

    wrong: tuple[Finding, ...] = ()
    right: frozenset[Fault] = frozenset()


def outlook(surveyed: Iterable[Surveyed], ca: CA) -> Outlook:
    """Return what is wrong and what is right."""
    known = tuple(surveyed)
    wrong = findings(known, ca)
    asked = frozenset((one.name, layer) for one in known for layer in _asked(one))
    return Outlook(wrong, asked - {(one.name, one.layer) for one in wrong})


def _asked(one: Surveyed) -> Iterator[Layer]:
    if one.dns is not None:
        yield Layer.DNS
    if one.caa is not None:
        yield Layer.CAA
    if one.route is not None:
        yield from (Layer.ROUTE, Layer.SILENCE) if not one.route.why else ()


def findings(surveyed: Iterable[Surveyed], ca: CA) -> tuple[Finding, ...]:
    """Return what is wrong, the sure first."""
    looked_at = ((_of_dns(one, ca), _of_caa(one), _of_route(one)) for one in surveyed)
    found = (each for of_one in looked_at for each in of_one if each is not None)
    return tuple(sorted(found, key=lambda one: (not one.sure, one.name, one.layer.value)))


def is_reachable(address: Address, ca: CA) -> bool:
    """Can that CA reach it?  A CA inside may know private addresses."""
    return address.is_global if ca.is_public else not address.refused


def _of_dns(one: Surveyed, ca: CA) -> Finding | None:
    answer = one.dns
    if answer is None:
        return None
    if answer.state is DNSState.FAILING:
        sentence = f'"{one.name}" cannot be looked up: {answer.why}; mend its zone, or its DNSSEC'
        return Finding(one.name, Layer.DNS, sure=False, sentence=sentence)
    what = _wrong_address(one, answer, ca)
    if one.method == DNS_01 or not what:
        return None
    remedy = "have an A or AAAA record of it lead to the proxy of this cluster, or use a dns01 solver"
    if is_ip_address(one.name):
        remedy = "use an address that it can reach, or an issuer of your own CA"
    return Finding(one.name, Layer.DNS, answer.trusted, f'"{one.name}" {what}; {remedy}')


def _wrong_address(one: Surveyed, answer: DNSAnswer, ca: CA) -> str:
    """Return what is wrong with where a name leads, or nothing."""
    if answer.state is DNSState.MISSING:
        return "does not exist in the DNS"
    if answer.state is DNSState.EMPTY or not answer.addresses:
        return "has neither an A nor an AAAA record"
    if any(is_reachable(address, ca) for address in answer.addresses):
        return ""
    first = answer.addresses[0]
    kind = f"{first.refused or 'no public address'}, where {ca.name} cannot reach it"
    return f"is {kind}" if is_ip_address(one.name) else f"leads to {first.text}, {kind}"


def _of_caa(one: Surveyed) -> Finding | None:
    if one.caa is None or not one.caa.asking.identities:
        return None
    judged = judge(one.caa.records, one.caa.asking)
    if judged.verdict is Verdict.PERMITTED:
        return None
    tag = ISSUEWILD if one.caa.asking.wildcard else ISSUE
    sure = judged.verdict is Verdict.FORBIDDEN and one.caa.trusted
    sentence = (
        f'"{one.name}" is not for this CA: the CAA records of {one.caa.at} {judged.why}; '
        f'add one there: 0 {tag} "{one.caa.asking.identities[0]}"'
    )
    return Finding(one.name, Layer.CAA, sure, sentence)


def _of_route(one: Surveyed) -> Finding | None:
    if one.route is None or not one.route.why:
        return None
    layer = Layer.SILENCE if one.route.nobody else Layer.ROUTE
    return Finding(
        one.name,
        layer,
        sure=False,
        sentence=f'"{one.name}" does not lead to the responder: {one.route.why}; '
        "have its DNS lead to the proxy of this cluster, and the proxy serve the route",
    )
