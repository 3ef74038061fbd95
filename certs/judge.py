"""The one door: an admission request to a verdict, for the webhook, for `check` and for the shim.

    resource -> decode (leniently) -> rules of the kind -> Verdict

Decisions follow the API: what is no object of its kind is 400, what breaks a rule is 403 with
everything that is wrong in one message, DELETE and CONNECT and foreign resources pass.  For our own
kinds the message is the API's word for word, and what to write instead goes into warnings; for an
Ingress, which nobody else judges, the message says both.

A request that names no resource, no operation that exists, or an update without the old object is
refused cleanly; nothing here raises for any input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import msgspec

from certs.api.admission import AdmissionRequest
from certs.api.certificate import Certificate
from certs.api.certificaterequest import CertificateRequest
from certs.api.challenge import Challenge
from certs.api.ingress import Ingress
from certs.api.issuer import ClusterIssuer, Issuer
from certs.api.meta import KubeObject, Resource
from certs.api.order import Order
from certs.completion import completing
from certs.facts import Facts, NothingKnown
from certs.lenient import lenient
from certs.patch import Operation
from certs.problems import Problem
from certs.rules.certificate import judge_certificate
from certs.rules.certificaterequest import identity_operations, judge_request
from certs.rules.challenge import judge_challenge
from certs.rules.findings import Findings, Undecodable
from certs.rules.ingress import judge_ingress
from certs.rules.issuer import judge_issuer
from certs.rules.order import judge_order
from certs.rules.rule import NO_POLICY, Policy
from certs.wanted import Settings

MAX_WARNINGS: Final = 8
MAX_WARNING: Final = 120  # characters: kube-apiserver may cut from 256 on, and asks for 120
NO_CONTENT: Final = "there is no content to decode"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the request may pass, and everything to say about it."""

    allowed: bool = True
    code: int = 200
    reason: str = ""
    message: str = ""
    warnings: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()
    audit: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


ALLOWED: Final = Verdict()


def bad_request(message: str) -> Verdict:
    """Return the verdict on what cannot be read."""
    return Verdict(allowed=False, code=400, message=message)


def denied(message: str) -> Verdict:
    """Return the verdict on what is refused without having broken a rule of its kind."""
    return Verdict(allowed=False, code=403, reason="Forbidden", message=message)


class Judge:
    """Holds what does not change from request to request; judging itself is a function of the request."""

    def __init__(
        self, settings: Settings | None = None, facts: Facts | None = None, policy: Policy = NO_POLICY
    ) -> None:
        self.settings = settings or Settings()
        self.facts = facts or NothingKnown()
        self.policy = policy
        self._kinds = {
            (kind.resource.group, kind.resource.plural): _Kind(kind, rules(self)) for kind, rules in RULES.items()
        }

    def validate(self, request: AdmissionRequest) -> Verdict:
        """Return whether the object may be stored."""
        if request.operation not in {"CREATE", "UPDATE"}:
            return ALLOWED
        kind = self._kinds.get((request.resource.group, request.resource.resource))
        if kind is None:
            return _foreign(request)
        try:
            return kind.judge(request)
        except Undecodable as error:
            return bad_request(str(error))

    def mutate(self, request: AdmissionRequest) -> Verdict:
        """Return what to fill in before the object is stored; never refuses what it does not mutate."""
        mutation = self._mutation(request)
        if mutation is None:
            return ALLOWED
        try:
            operations = mutation(request)
        except Undecodable as error:
            return bad_request(str(error))
        except TypeError as error:
            return denied(str(error))
        return Verdict(operations=operations) if operations else ALLOWED

    def _mutation(self, request: AdmissionRequest) -> Callable[[AdmissionRequest], tuple[Operation, ...]] | None:
        match request.resource.group, request.resource.resource, request.sub_resource, request.operation:
            case "networking.k8s.io", "ingresses", "", "CREATE" | "UPDATE":
                return self._complete
            case "cert-manager.io", "certificaterequests", "", "CREATE":
                return lambda request: identity_operations(bytes(request.object), request.user_info)
        return None

    def _complete(self, request: AdmissionRequest) -> tuple[Operation, ...]:
        return completing(decode(_INGRESS, request.object), self.settings)


@dataclass(frozen=True, slots=True)
class Case:
    """What the rules of a kind are given."""

    request: AdmissionRequest
    new: Any
    decoder: msgspec.json.Decoder[Any]

    def old(self) -> Any:
        """Return the object before the update, None on create; decoded when asked for, as most rules never ask."""
        return decode(self.decoder, self.request.old_object) if self.request.operation == "UPDATE" else None


Rules = Callable[[Case], Findings]


class _Kind:
    """One resource: how it is decoded, its rules, and how its problems are told."""

    def __init__(self, kind: type[KubeObject], rules: Rules) -> None:
        self._resource: Resource = kind.resource
        self._decoder = msgspec.json.Decoder(lenient(kind))
        self._rules = rules
        self._tell = told_in_full if kind is Ingress else told_by_the_api

    def judge(self, request: AdmissionRequest) -> Verdict:
        """Return the verdict on a create or update."""
        given, own = request.kind, self._resource
        if given.kind != own.kind or given.version != own.version:
            return denied(f"internal error: object in admission request is not of type {own.kind}")
        if request.operation == "UPDATE" and (not request.old_object or len(request.old_object) == len(b"null")):
            raise Undecodable(NO_CONTENT)
        case = Case(request, decode(self._decoder, request.object), self._decoder)
        return self._tell(self._rules(case))


def decode(decoder: msgspec.json.Decoder[Any], raw: msgspec.Raw) -> Any:
    """Return the object; raises `Undecodable`.

    Go takes null for absent everywhere, which costs too much to allow for in every field: so it
    is taken out only of what could not be read otherwise.
    """
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if bytes(raw) in {b"", b"null"}:
            raise Undecodable(NO_CONTENT) from error
        try:
            return decoder.decode(msgspec.json.encode(_without_nulls(msgspec.json.decode(raw))))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Undecodable(f"cannot read the object: {error}") from error


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_without_nulls(member) for member in value]
    return value


def _foreign(request: AdmissionRequest) -> Verdict:
    """Let other resources pass, unless the request does not say what it is about or is about a kind of ours unknown."""
    if not request.resource.resource:
        return denied("internal error: admission request Resource field is unset")
    return ALLOWED


def told_by_the_api(findings: Findings) -> Verdict:
    """Return the verdict in the API's words, with what to write instead as warnings."""
    if not findings.problems:
        return _passed(findings)
    remedies = [f"{problem.path}: {problem.remedy}" for problem in findings.problems if problem.remedy]
    return _refused(findings, str(findings.problems), [*_warnings(findings), *remedies])


def told_in_full(findings: Findings) -> Verdict:
    """Return the verdict with problem and remedy side by side, one line each when there are several."""
    if not findings.problems:
        return _passed(findings)
    lines = list(dict.fromkeys(_line(problem) for problem in findings.problems))
    message = lines[0] if len(lines) == 1 else "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))
    if len(lines) > 1:
        message = f"{len(lines)} problems:\n{message}"
    return _refused(findings, message, _warnings(findings))


def _line(problem: Problem) -> str:
    return f"{problem}; {problem.remedy}" if problem.remedy else str(problem)


def _refused(findings: Findings, message: str, warnings: list[str]) -> Verdict:
    audit = _audit(findings.skipped)
    if findings.rules:
        audit["denied-by"] = ",".join(findings.rules)
    return Verdict(
        allowed=False,
        code=403,
        reason="Forbidden",
        message=message,
        warnings=_bounded(warnings),
        audit=audit,
        problems=tuple(findings.problems),
    )


def _passed(findings: Findings) -> Verdict:
    if not findings.warnings and not findings.warned:
        return _unchecked(tuple(findings.skipped)) if findings.skipped else ALLOWED
    return Verdict(warnings=_bounded(_warnings(findings)), audit=_audit(findings.skipped))


def _warnings(findings: Findings) -> list[str]:
    return [*findings.warnings, *(f"{found.path}: {found.detail}; {found.remedy}" for found in findings.warned)]


@cache  # by ids of rules: there is one such verdict in practice
def _unchecked(skipped: tuple[str, ...]) -> Verdict:
    return Verdict(audit=_audit(skipped))


def _audit(skipped: Sequence[str]) -> dict[str, str]:
    return {"not-checked": f"{','.join(skipped)}: the cluster is not known yet"} if skipped else {}


def _bounded(warnings: list[str]) -> tuple[str, ...]:
    """Return at most eight, each once and at most 120 characters long."""
    texts = dict.fromkeys(text if len(text) <= MAX_WARNING else f"{text[: MAX_WARNING - 1]}…" for text in warnings)
    return tuple(texts)[:MAX_WARNINGS]


_INGRESS: Final = msgspec.json.Decoder(lenient(Ingress))

RULES: Final[Mapping[type[KubeObject], Callable[[Judge], Rules]]] = {
    Certificate: lambda _: lambda case: judge_certificate(case.new),
    Issuer: lambda _: lambda case: judge_issuer(case.new),
    ClusterIssuer: lambda _: lambda case: judge_issuer(case.new),
    CertificateRequest: lambda _: lambda case: judge_request(case.new, case.old(), case.request.user_info),
    Order: lambda _: lambda case: judge_order(case.new, case.old()),
    Challenge: lambda _: lambda case: judge_challenge(case.new, case.old()),
    Ingress: lambda judge: lambda case: judge_ingress(case.new, case.old, judge.facts, judge.settings, judge.policy),
}
