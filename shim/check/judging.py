"""Objects to results: the form first, then the same judge that admission asks, in the same order.

As in the API server: defaults of the namespace, mutation, its patch, validation.  Every object is judged against all
others among the files, as they would be stored; of two that claim the same, the first in the files has it.

Files are seldom all that a cluster has.  So rules that only find that something is missing keep silent, unless the
files are said to be everything (`complete`); what can be seen from the files alone is told always.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

import msgspec

from certs.api.admission import AdmissionRequest, GroupVersionKind, GroupVersionResource
from certs.api.core import Secret
from certs.api.meta import KubeObject
from certs.judge import Judge
from certs.known import FactsOf
from certs.lenient import lenient
from certs.problems import Path, Problem, ProblemType, Unshown, show
from certs.rules.catalogue import SCHEMA, api_rule
from certs.rules.rule import NO_POLICY, Policy
from certs.verdict import ALLOWED, Verdict
from certs.wanted import Settings
from shim.check.mistakes import twice
from shim.check.nodes import MAX_VISITS, Mapping, Plain, TooLarge, line_of, text_at
from shim.check.objects import FACTUAL, WORDS, Found, found_in
from shim.check.reading import IS_TEMPLATE, read
from shim.check.results import Finding, Place, Result, unreadable
from shim.check.structure import structure
from shim.manifests.streams import Unreadable

# Rules that ask for other objects, by what files can answer: that something is nowhere to be seen, …
ABSENCE: Final = frozenset(
    (
        "issuer-not-found",
        "secret-missing",
        "certificate-issuer-not-found",
        "certificate-keystore-password",
        "issuer-secret-missing",
        "issuer-account-unbound",
    )
)
SAID_BY_RULES: Final = frozenset((ProblemType.REQUIRED.value, ProblemType.UNSUPPORTED.value))
# … what does not stand in files (readiness), and what can be seen in them.
NEVER_IN_FILES: Final = frozenset(("issuer-not-ready", "certificate-issuer-not-ready"))
SEEN: Final = frozenset(
    (
        "secret-owned",
        "host-claimed",
        "host-unprovable",
        "name-not-public",
        "names-too-many",
        "profile-unknown",
        "common-name-impossible",
        "http01-blocked",
        "certificate-lifetime-unmet",
        "certificate-refused-by-ca",
        "lifetime-unmet",
        "http01-displaces",
        "refused-by-ca",
        "certificate-secret-claimed",
        "certificate-secret-type",
        "certificate-common-name-apart",
        "certificate-name-not-public",
        "certificate-names-too-many",
        "certificate-profile-unknown",
        "certificate-name-unprovable",
    )
)


@dataclass(frozen=True, slots=True)
class Options:
    """How to judge: as the webhook is told, and what the files are."""

    settings: Settings = field(default_factory=Settings)
    policy: Policy = NO_POLICY
    namespace: str = "default"
    complete: bool = False


@dataclass(slots=True)
class Candidate:
    """An object on its way: what has been found out so far, and what is to be judged, if it can be."""

    place: Place
    node: Mapping
    kind: type[KubeObject]
    namespace: str
    name: str
    problems: list[tuple[int, Problem]]
    value: dict[str, Any] | None = None
    obj: KubeObject | None = None


def check(files: Iterable[tuple[str, bytes | Unreadable]], options: Options) -> list[Result]:
    """Return a result for each object of ours in the files, and for what cannot be read, in their order."""
    mutating = Judge(options.settings)
    items = [item for name, content in files for item in _candidates(name, content, options, mutating)]
    objects = [item.obj for item in items if isinstance(item, Candidate) and item.obj is not None]
    judge, silent = Judge(options.settings, FactsOf(objects, options.settings), options.policy), _silent(options)
    return [item if isinstance(item, Result) else _result(item, judge, silent) for item in items]


def _silent(options: Options) -> frozenset[str]:
    """Return the rules that files cannot answer for."""
    return NEVER_IN_FILES if options.complete else ABSENCE | NEVER_IN_FILES


# --- Reading ---------------------------------------------------------------------------------


def _candidates(name: str, content: bytes | Unreadable, options: Options, judge: Judge) -> Iterator[Result | Candidate]:
    for document in read(content) if isinstance(content, bytes) else (content,):
        if isinstance(document, Unreadable):
            if document.detail != IS_TEMPLATE or document.kind in {"", "List", *WORDS}:
                yield unreadable(name, document.line, document.detail, document.remedy)
            continue
        plain = Plain()
        for found in found_in(document):
            yield _taken(name, found, options, judge, plain)


def _taken(name: str, found: Found, options: Options, judge: Judge, plain: Plain) -> Result | Candidate:
    node, kind = found.node, found.kind
    if isinstance(found.refused, Unreadable):
        return unreadable(name, found.refused.line, found.refused.detail, found.refused.remedy)
    namespace, own_name = _identity(node, kind, options)
    place = Place(name, node.line)
    if found.refused is not None or kind is None:
        errors = () if found.refused is None else (_finding(found.refused, node),)
        return Result(place, found.word, namespace, own_name, errors)
    try:
        value = plain(node)
    except TooLarge:
        return unreadable(name, node.line, f"has more than {MAX_VISITS} values, aliases followed")
    candidate = Candidate(place, node, kind, namespace, own_name, list(twice(node)))
    _prepare(candidate, value, judge)
    return candidate


def _identity(node: Mapping, kind: type[KubeObject] | None, options: Options) -> tuple[str, str]:
    name = text_at(node, "metadata", "name") or text_at(node, "metadata", "generateName")
    if kind is not None and not kind.resource.namespaced:
        return "", name
    return text_at(node, "metadata", "namespace") or options.namespace, name


def _prepare(candidate: Candidate, value: dict[str, Any], judge: Judge) -> None:
    """Look at the form, then do with the object what the API server does before it asks for a verdict."""
    form = structure(candidate.kind, value, candidate.node)
    candidate.problems += form.problems
    if not form.is_judgeable:
        return
    metadata = value.setdefault("metadata", {})
    if candidate.namespace:
        metadata["namespace"] = candidate.namespace
    if candidate.kind not in FACTUAL.values():
        value = _patched(value, judge.mutate(_request(candidate, value)))
    candidate.value = value
    try:
        candidate.obj = _decoder(candidate.kind).decode(msgspec.json.encode(_known_part(candidate.kind, value)))
    except msgspec.ValidationError as error:
        candidate.value = None
        if not form.problems:
            problem = Problem(Path(), ProblemType.INVALID, f"cannot be read: {error}", rule=SCHEMA)
            candidate.problems.append((candidate.node.line, problem))


def _known_part(kind: type[KubeObject], value: dict[str, Any]) -> dict[str, Any]:
    """Return what facts need: of a Secret its name and type, whatever its data."""
    return {key: value[key] for key in ("metadata", "type") if key in value} if kind is Secret else value


@cache
def _decoder(kind: type[KubeObject]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(lenient(kind))


def _request(candidate: Candidate, value: dict[str, Any]) -> AdmissionRequest:
    """Return the review that the API server would send when the object is created."""
    resource = candidate.kind.resource
    return AdmissionRequest(
        uid="check",
        kind=GroupVersionKind(resource.group, resource.version, resource.kind),
        operation="CREATE",
        resource=GroupVersionResource(resource.group, resource.version, resource.plural),
        name=candidate.name,
        namespace=candidate.namespace,
        object=msgspec.Raw(msgspec.json.encode(value)),
    )


def _patched(value: dict[str, Any], verdict: Verdict) -> dict[str, Any]:
    if not verdict.operations:
        return value
    import jsonpatch  # noqa: PLC0415 - most objects need no patch

    patched: dict[str, Any] = jsonpatch.apply_patch(value, msgspec.to_builtins(verdict.operations))
    return patched


# --- Judging ---------------------------------------------------------------------------------


def _result(candidate: Candidate, judge: Judge, silent: frozenset[str]) -> Result:
    """Return the result on one object; what the form and the rules both found is told once, in the rule's words."""
    kind = candidate.kind.resource.kind
    verdict = _verdict(candidate, judge)
    ruled = [_ruled(problem, kind, candidate) for problem in _refusals(verdict) if problem.rule not in silent]
    formal = [_finding(problem, candidate.node, line) for line, problem in candidate.problems]
    formal, ruled = _told_once(formal, ruled)
    warnings = [_ruled(problem, kind, candidate) for problem in verdict.warned if problem.rule not in silent]
    warnings += [_sentence(text, kind, candidate.node) for text in verdict.sentences]
    return Result(
        candidate.place,
        kind,
        candidate.namespace,
        candidate.name,
        errors=tuple(dict.fromkeys(sorted((*formal, *ruled), key=_by_line))),
        warnings=tuple(dict.fromkeys(sorted(warnings, key=_by_line))),
    )


def _told_once(formal: list[Finding], ruled: list[Finding]) -> tuple[list[Finding], list[Finding]]:
    """Leave out what is missing or not supported by the form where a rule says so; keep the remedy of the two."""
    kept = []
    for error in formal:
        twins = [one for one in ruled if error.type in SAID_BY_RULES and _covers(one.path, error.path)]
        if not twins:
            kept.append(error)
        ruled = [replace(one, remedy=one.remedy or error.remedy) if one in twins else one for one in ruled]
    return kept, ruled


def _verdict(candidate: Candidate, judge: Judge) -> Verdict:
    if candidate.value is None or candidate.kind in FACTUAL.values():
        return ALLOWED
    return judge.validate(_request(candidate, candidate.value))


def _refusals(verdict: Verdict) -> tuple[Problem, ...]:
    if verdict.allowed or verdict.problems:
        return verdict.problems
    return (Problem(Path(), ProblemType.INVALID, verdict.message),)


def _covers(path: str, other: str) -> bool:
    """Is the path that of the other, or one of something within it?"""
    return path == other or (path.startswith(other) and path[len(other)] in ".[")


def _ruled(problem: Problem, kind: str, candidate: Candidate) -> Finding:
    return _finding(problem if problem.rule else replace(problem, rule=api_rule(kind)), candidate.node)


def _finding(problem: Problem, node: Mapping, line: int = 0) -> Finding:
    path = str(problem.path)
    return Finding(
        line or line_of(node, path), problem.rule, path, problem.type.value, _detail(problem), problem.remedy
    )


def _detail(problem: Problem) -> str:
    """Return what is wrong; a word that is not supported, or stands there twice, is part of that."""
    shown = "" if isinstance(problem.value, Unshown) else show(problem.value)
    if problem.type is ProblemType.UNSUPPORTED and shown:
        return f"{shown} {problem.detail}" if problem.rule == SCHEMA else f"{shown}: {problem.detail}"
    return problem.detail or (f"{problem.type.value}: {shown}" if shown else "")


def _sentence(text: str, kind: str, node: Mapping) -> Finding:
    """Return a sentence as a finding, at the field with which it begins if it does."""
    path, colon, rest = text.partition(": ")
    is_path = bool(colon) and path.startswith(("spec.", "metadata.")) and " " not in path
    what, _, remedy = (rest if is_path else text).partition("; ")
    where = path if is_path else ""
    return Finding(line_of(node, where), api_rule(kind), where, "", what, remedy)


def _by_line(finding: Finding) -> tuple[int, str]:
    return finding.line, finding.path
