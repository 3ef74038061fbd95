"""The one door: an admission request to a verdict, for the webhook, for `check` and for the shim.

    resource -> decode (leniently) -> rules of the kind -> Verdict

Decisions follow the API: what is no object of its kind is 400, what breaks a rule is 403 with
everything that is wrong in one message, DELETE and CONNECT and foreign resources pass.  How that is
told is `certs.verdict`'s.  What a finding of a rule leads to depends on the admin's policy and on the
namespace's own (`certs.policy`); a dry run is answered with the plan (`certs.plan`).

A request that names no resource, no operation that exists, or an update without the old object is
refused cleanly; nothing here raises for any input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from certs.api.admission import AdmissionRequest, GroupVersionResource
from certs.api.certificate import Certificate
from certs.api.certificaterequest import CertificateRequest
from certs.api.challenge import Challenge
from certs.api.ingress import Ingress
from certs.api.issuer import ClusterIssuer, Issuer
from certs.api.meta import KubeObject, Resource
from certs.api.order import Order
from certs.completion import mutated, operations
from certs.decide.direction import directions
from certs.facts import Facts, NothingKnown
from certs.known import ADMISSION
from certs.legacy.kinds import LegacyCertificate, LegacyClusterIssuer, LegacyIssuer
from certs.lenient import lenient, mended
from certs.manifests import Manifests
from certs.plan import plan_of_certificate, plan_of_ingress
from certs.policy import Local, local_policies
from certs.problems import Path, Problem, ProblemType
from certs.rules.approval import Question, question_of
from certs.rules.catalogue import api_rule
from certs.rules.certificate import judge_certificate
from certs.rules.certificaterequest import identity_operations, judge_request
from certs.rules.challenge import judge_challenge
from certs.rules.findings import Findings, Undecodable
from certs.rules.ingress import judge_ingress
from certs.rules.issuer import judge_issuer
from certs.rules.legacy import judge_legacy
from certs.rules.lint import lint
from certs.rules.order import judge_order
from certs.rules.payload import OWN_GROUPS, misfit, require_known, saying
from certs.rules.rule import NO_POLICY, Policy
from certs.verdict import (
    ALLOWED,
    Verdict,
    bad_request,
    bounded,
    denied,
    told_by_the_api,
    told_in_full,
    warning_lines,
    with_more,
)
from certs.wanted import Settings

NO_CONTENT: Final = "there is no content to decode"
RESOURCE_UNSET: Final = "internal error: admission request Resource field is unset"
POLICY_IGNORED: Final = "policy-ignored"
WITH_RULES: Final = frozenset(("Certificate", "Ingress", "Issuer"))  # for a namespace to choose among


class Judge:
    """Holds what does not change from request to request; judging itself is a function of the request."""

    def __init__(
        self, settings: Settings | None = None, facts: Facts | None = None, policy: Policy = NO_POLICY
    ) -> None:
        self.settings = settings or Settings()
        self.facts = facts or NothingKnown()
        self.policy = policy
        self._local = local_policies(policy)
        self._unchanged = Local(policy)
        self._kinds = {
            (kind.resource.group, kind.resource.plural): _Kind(self, kind, rules) for kind, rules in RULES.items()
        }

    def validate(self, request: AdmissionRequest, approval: Problem | None = None) -> Verdict:
        """Return whether the object may be stored; `approval` is the answer to `approval_asked`, if there was one."""
        if request.operation not in {"CREATE", "UPDATE"}:
            return ALLOWED
        kind = self._kinds.get((request.resource.group, request.resource.resource))
        try:
            return kind.judge(request, approval) if kind is not None else _foreign(request)
        except Undecodable as error:
            return bad_request(str(error))

    def approval_asked(self, request: AdmissionRequest) -> Question | None:
        """Return which permission of the requester must be looked up before `validate`; mostly none."""
        if (request.operation, request.resource, request.sub_resource) != ("UPDATE", _REQUESTS, "status"):
            return None
        try:
            new, old = decode(_REQUEST, request.object), decode(_REQUEST, request.old_object)
        except Undecodable:
            return None  # which `validate` tells
        return question_of(new, old, request.user_info, request.namespace)

    def mutate(self, request: AdmissionRequest) -> Verdict:
        """Return what to fill in before the object is stored, or why an Ingress is refused anyway."""
        mutation = self._mutation(request)
        if mutation is None:
            return ALLOWED if request.resource.resource else denied(RESOURCE_UNSET)
        try:
            return mutation(request)
        except Undecodable as error:
            return bad_request(str(error))

    def policy_of(self, namespace: str) -> Local:
        """Return the policy for objects of a namespace; of an empty one for objects that have none."""
        text = self.facts.admission_of(namespace) if namespace else ""
        return self._local(text) if text else self._unchanged

    def _mutation(self, request: AdmissionRequest) -> Callable[[AdmissionRequest], Verdict] | None:
        match request.resource.group, request.resource.resource, request.sub_resource, request.operation:
            case "networking.k8s.io", "ingresses", "", "CREATE" | "UPDATE":
                return self._complete
            case "cert-manager.io", "certificaterequests", "", "CREATE":
                return _identified
        return None

    def _complete(self, request: AdmissionRequest) -> Verdict:
        """Fill in an Ingress, or refuse it at once; what cannot be read is left to validation, which says why.

        The policy in the API server, for when no webhook answers, comes before validation and stops at its first
        objection.  Refusing here tells everything at once, with what to write instead.
        """
        try:
            ingress = decode(_INGRESS, request.object)
        except Undecodable:
            return ALLOWED
        kind = self._kinds[Ingress.resource.group, Ingress.resource.plural]
        try:
            verdict = kind.verdict(kind.case(request, ingress))
        except Undecodable:  # the old one
            return ALLOWED
        if not verdict.allowed:
            return verdict
        mutation = mutated(ingress, self.settings, Manifests(request.object, request.old_object))
        if mutation is None:
            return ALLOWED
        warnings = bounded((warning,) for warning in mutation.warnings)
        return Verdict(operations=operations(ingress, mutation), warnings=warnings)


def _identified(request: AdmissionRequest) -> Verdict:
    """Write down who asks for a certificate."""
    try:
        found = identity_operations(bytes(request.object), request.user_info)
    except TypeError as error:  # there is no place to write it
        return denied(str(error))
    return Verdict(operations=found) if found else ALLOWED


@dataclass(frozen=True, slots=True)
class Case:
    """What the rules of a kind are given."""

    judge: Judge
    request: AdmissionRequest
    new: Any
    decoder: msgspec.json.Decoder[Any]
    local: Local
    approval: Problem | None = None

    @property
    def policy(self) -> Policy:
        """What findings lead to in the object's namespace."""
        return self.local.policy

    def old(self) -> Any:
        """Return the object before the update, None on create; decoded when asked for, as most rules never ask."""
        return decode(self.decoder, self.request.old_object) if self.request.operation == "UPDATE" else None


Rules = Callable[[Case], Findings]


class _Kind:
    """One resource: how it is decoded, its rules, and how its problems are told."""

    def __init__(self, judge: Judge, kind: type[KubeObject], rules: Rules) -> None:
        self._judge = judge
        self._kind = kind
        self._resource: Resource = kind.resource
        self._decoder = msgspec.json.Decoder(saying(lenient(kind)))
        self._rules = rules
        self._tell = told_by_the_api if kind.resource.group in OWN_GROUPS else told_in_full
        self._has_rules = kind.resource.kind in WITH_RULES
        self._api_rule = api_rule(kind.resource.kind)

    def judge(self, request: AdmissionRequest, approval: Problem | None) -> Verdict:
        """Return the verdict on a create or update."""
        if request.operation == "UPDATE" and (not request.old_object or len(request.old_object) == len(b"null")):
            raise Undecodable(NO_CONTENT)
        case = self.case(request, decode(self._decoder, request.object), approval)
        problem = misfit(self._resource, request.kind, case.new)
        if problem:
            return denied(problem)
        verdict = self.verdict(case)
        plan = PLANS.get(self._kind) if request.dry_run and verdict.allowed and not request.sub_resource else None
        return with_more(verdict, plan(case), {}) if plan is not None else verdict

    def case(self, request: AdmissionRequest, new: Any, approval: Problem | None = None) -> Case:
        """Return what the rules are given for an object that is decoded already."""
        local = self._judge.policy_of(request.namespace if self._has_rules else "")
        return Case(self._judge, request, new, self._decoder, local, approval)

    def verdict(self, case: Case) -> Verdict:
        """Return what the rules say."""
        findings = self._rules(case)
        if findings.problems:
            findings.problems = findings.problems.of(self._api_rule)
        verdict = self._tell(findings)
        complaint = case.local.complaint
        return _complaining(verdict, case.request.namespace, complaint) if complaint else verdict


def linted(case: Case, findings: Findings) -> Findings:
    """Add what the API takes and will not work all the same; told as warnings only, whatever a policy says.

    A status and an update of nothing but metadata are not looked at: the controllers make many of those.  Annotations
    that direct an issuance count like the spec.
    """
    if case.request.sub_resource:
        return findings
    old = case.old()
    if old is None or old.spec != case.new.spec or _directed(old) != _directed(case.new):
        namespace = case.judge.settings.cluster_resource_namespace
        more = lint(case.new, lambda: old, case.judge.facts, case.policy, cluster_namespace=namespace)
        findings.warned.extend((*more.problems, *more.warned))
        findings.skipped += more.skipped
    return findings


def _legacy(case: Case) -> Findings:
    return Findings() if case.request.sub_resource else judge_legacy(case.new, case.old())


def _directed(obj: KubeObject) -> dict[str, str]:
    return directions(obj.metadata.annotations) if obj.metadata.annotations else {}


def _complaining(verdict: Verdict, namespace: str, complaint: str) -> Verdict:
    """Return the verdict that also says why the namespace's own policy is not heeded."""
    what, _, remedy = complaint.partition("; ")
    path = Path(f"{ADMISSION} of namespace {namespace}")
    problem = Problem(path, ProblemType.INVALID, f"ignored: {what}", remedy=remedy)
    return with_more(verdict, [warning_lines(problem)], {POLICY_IGNORED: complaint})


def decode(decoder: msgspec.json.Decoder[Any], raw: msgspec.Raw) -> Any:
    """Return the object; raises `Undecodable`.

    Go takes null for absent everywhere, and more, which costs too much to allow for in every field: so it
    is mended only in what could not be read otherwise.
    """
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if bytes(raw) in {b"", b"null"}:
            raise Undecodable(NO_CONTENT) from error
        try:
            return decoder.decode(msgspec.json.encode(mended(msgspec.json.decode(raw), decoder.type)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Undecodable(f"cannot read the object: {error}") from error


def _foreign(request: AdmissionRequest) -> Verdict:
    """Let other resources pass, unless the request does not say what it is about or is about a kind of ours unknown."""
    if not request.resource.resource:
        return denied(RESOURCE_UNSET)
    if request.resource.group in OWN_GROUPS:
        if bytes(request.object) in {b"", b"null"}:
            raise Undecodable(NO_CONTENT)
        require_known(request.kind, bytes(request.object))
    return ALLOWED


_INGRESS: Final = msgspec.json.Decoder(lenient(Ingress))
_REQUEST: Final = msgspec.json.Decoder(lenient(CertificateRequest))
_REQUESTS: Final = GroupVersionResource("cert-manager.io", "v1", "certificaterequests")

RULES: Final[Mapping[type[KubeObject], Rules]] = {
    Certificate: lambda case: linted(case, judge_certificate(case.new)),
    Issuer: lambda case: linted(case, judge_issuer(case.new)),
    ClusterIssuer: lambda case: linted(case, judge_issuer(case.new)),
    CertificateRequest: lambda case: judge_request(case.request, case.new, case.old(), case.approval),
    Order: lambda case: judge_order(case.new, case.old()),
    Challenge: lambda case: judge_challenge(case.request, case.new, case.old()),
    LegacyIssuer: _legacy,
    LegacyClusterIssuer: _legacy,
    LegacyCertificate: _legacy,
    Ingress: lambda case: judge_ingress(case.new, case.old, case.judge.facts, case.judge.settings, case.policy),
}

PLANS: Final[Mapping[type[KubeObject], Callable[[Case], list[tuple[str, ...]]]]] = {
    Certificate: lambda case: plan_of_certificate(case.new, case.old(), case.judge.facts),
    Ingress: lambda case: plan_of_ingress(case.new, case.old(), case.judge.facts, case.judge.settings),
}
