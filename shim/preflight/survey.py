"""The questions that are asked about one name, each a task of its own so that all go on at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from certs.decide.caa import Asking
from certs.decide.findings import CA, CAAAnswer, DNSAnswer, DNSState, RouteAnswer, Surveyed, is_reachable
from certs.decide.solver import DNS_01
from certs.hosts import is_ip_address
from certs.outcomes import Failure
from shim import probe
from shim.preflight.background import Task
from shim.preflight.views import TIMEOUT, Views, address
from shim.solvers.dns01.solver import DNSSettings
from shim.solvers.selfcheck import NotReachable, SelfCheck


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be found out of a name: how it is to be proven, and whether the way to the responder should stand."""

    name: str
    method: str
    routed: bool = False


class Survey:
    """Asks as self checks do: the same nameservers, the same ports."""

    def __init__(self, check: SelfCheck, dns: DNSSettings, views: Views | None = None) -> None:
        self._check = replace(check, timeout=TIMEOUT)
        self._views = views or Views(
            check.nameservers, dns.authoritative_port, recursive_only=dns.recursive_only, loopback=check.loopback
        )

    def tasks(self, question: Question, ca: CA, asking: Callable[[], Asking]) -> Iterator[Task[Surveyed]]:
        """Return what to ask about a name; `asking` may ask the CA for its directory, and raise a Failure."""
        yield lambda end: self._way(question, ca, end)
        if not is_ip_address(question.name):
            yield lambda end: self._caa(question, asking, ca, end)

    def _way(self, question: Question, ca: CA, end: float) -> Surveyed:
        """DNS first; through a name that leads nowhere nobody can be asked."""
        known = Surveyed(question.name, question.method, dns=self._dns(question, ca, end))
        if not question.routed or question.method == DNS_01 or time.monotonic() > end:
            return known
        answer = known.dns
        if answer is None or not any(is_reachable(one, ca) for one in answer.addresses):
            return known
        return replace(known, route=self._route(question.name))

    def _dns(self, question: Question, ca: CA, end: float) -> DNSAnswer | None:
        if is_ip_address(question.name):
            return DNSAnswer(DNSState.FOUND, (address(question.name, loopback=self._check.loopback),), trusted=True)
        if question.method == DNS_01:
            return self._views.lookup(f"_acme-challenge.{question.name.removeprefix('*.')}")
        return self._views.addresses(question.name, ca, end)

    def _route(self, name: str) -> RouteAnswer:
        try:
            self._check.fetch(name, probe.PATH, expected=probe.ANSWER)
        except NotReachable as error:
            return RouteAnswer(str(error), nobody=error.from_here)
        return RouteAnswer()

    def _caa(self, question: Question, asking: Callable[[], Asking], ca: CA, end: float) -> Surveyed:
        known = Surveyed(question.name, question.method)
        try:
            wanted = replace(asking(), method=question.method, wildcard=question.name.startswith("*."))
        except Failure:
            return known  # the CA does not say who it is, and will say why to whoever orders
        if not wanted.identities:
            return replace(known, caa=CAAAnswer("", (), wanted))  # nobody can say for whom to look
        return replace(known, caa=self._views.caa(question.name, wanted, ca, end))
