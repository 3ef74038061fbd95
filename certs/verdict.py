"""Verdicts, and how they are told: what stands in the message, in warnings, and in the audit log.

For our own kinds the message is the API's word for word, and what to write instead goes into warnings; for an
Ingress, which nobody else judges, the message says both.  Warnings are few and short (the API server asks for
120 characters and may cut what is longer): a finding that does not fit in one is told in two, so that the remedy is
never what is cut; what is more than eight is counted.
Audit annotations name the rules, so that a log of requests can be searched for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final

from certs.patch import Operation
from certs.problems import Problem
from certs.rules.findings import Findings

MAX_WARNINGS: Final = 8
MAX_WARNING: Final = 120  # characters: kube-apiserver may cut from 256 on, and asks for 120
DENIED_BY: Final = "denied-by"
WARNED_BY: Final = "warned-by"
NOT_CHECKED: Final = "not-checked"
_LONG_PATH: Final = "metadata.annotations["


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the request may pass, and everything to say about it.

    `problems` refuse it; `warned` are findings that do not.  Each names the rule that found it.  `sentences` are
    warnings that no rule found.  All three are whole; of `warnings` there are no more than the API server takes.
    """

    allowed: bool = True
    code: int = 200
    reason: str = ""
    message: str = ""
    warnings: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()
    audit: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    warned: tuple[Problem, ...] = ()
    sentences: tuple[str, ...] = ()


ALLOWED: Final = Verdict()


def bad_request(message: str) -> Verdict:
    """Return the verdict on what cannot be read."""
    return Verdict(allowed=False, code=400, message=message)


def denied(message: str) -> Verdict:
    """Return the verdict on what is refused without having broken a rule of its kind."""
    return Verdict(allowed=False, code=403, reason="Forbidden", message=message)


def told_by_the_api(findings: Findings) -> Verdict:
    """Return the verdict in the API's words, with what to write instead as warnings."""
    if not findings.problems:
        return _passed(findings)
    remedies = [(f"{problem.path}: {problem.remedy}",) for problem in findings.problems if problem.remedy]
    return _refused(findings, str(findings.problems), remedies)


def told_in_full(findings: Findings) -> Verdict:
    """Return the verdict with problem and remedy side by side, one line each when there are several."""
    if not findings.problems:
        return _passed(findings)
    lines = list(dict.fromkeys(_line(problem) for problem in findings.problems))
    message = lines[0] if len(lines) == 1 else "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))
    if len(lines) > 1:
        message = f"{len(lines) + findings.problems.untold} problems:\n{message}"
    if findings.problems.untold:
        message = f"{message}\nand {findings.problems.untold} more"
    return _refused(findings, message, ())


def with_more(verdict: Verdict, findings: Iterable[tuple[str, ...]], audit: Mapping[str, str]) -> Verdict:
    """Return the verdict with further warnings behind those that it has, as far as there is room, and audit entries."""
    more = tuple(findings)
    warnings = bounded([*((warning,) for warning in verdict.warnings), *more])
    sentences = (*verdict.sentences, *map(" ".join, more))
    return replace(verdict, warnings=warnings, sentences=sentences, audit={**verdict.audit, **audit})


def _line(problem: Problem) -> str:
    return f"{problem}; {problem.remedy}" if problem.remedy else str(problem)


def _refused(findings: Findings, message: str, remedies: Sequence[tuple[str, ...]]) -> Verdict:
    return Verdict(
        allowed=False,
        code=403,
        reason="Forbidden",
        message=message,
        warnings=bounded([*_warnings(findings), *remedies]),
        audit=_audit(findings),
        problems=tuple(findings.problems),
        warned=tuple(findings.warned),
    )


def _passed(findings: Findings) -> Verdict:
    if not findings.warned:
        return _unchecked(tuple(findings.skipped)) if findings.skipped else ALLOWED
    return Verdict(
        warnings=bounded(_warnings(findings)),
        audit=_audit(findings),
        warned=tuple(findings.warned),
    )


def _warnings(findings: Findings) -> list[tuple[str, ...]]:
    return list(map(warning_lines, findings.warned))


@cache  # by ids of rules: there are a handful of such verdicts in practice
def _unchecked(skipped: tuple[str, ...]) -> Verdict:
    return Verdict(audit={NOT_CHECKED: ",".join(skipped)})


def _audit(findings: Findings) -> dict[str, str]:
    rules = (
        (DENIED_BY, _rules(findings.problems)),
        (WARNED_BY, _rules(findings.warned)),
        (NOT_CHECKED, ",".join(findings.skipped)),
    )
    return {key: ids for key, ids in rules if ids}


def _rules(problems: Iterable[Problem]) -> str:
    return ",".join(dict.fromkeys(problem.rule for problem in problems if problem.rule))


def warning_lines(problem: Problem) -> tuple[str, ...]:
    """Return a finding as one warning if it fits, else as two: what is wrong, and what to do about it."""
    path = str(problem.path)
    if not problem.remedy:
        return (f"{path}: {problem.detail}",)
    for where in (path, short_path(path)):
        line = f"{where}: {problem.detail}; {problem.remedy}"
        if len(line) <= MAX_WARNING:
            return (line,)
    where = short_path(path)
    return (f"{where}: {problem.detail}", f"{where}: {problem.remedy}")


def short_path(path: str) -> str:
    """Return the path as people name it: of an annotation its key.

    >>> short_path("metadata.annotations[cert-manager.io/issuer]"), short_path("spec.tls[0].hosts")
    ('cert-manager.io/issuer', 'spec.tls[0].hosts')
    """
    return path.removeprefix(_LONG_PATH).removesuffix("]") if path.startswith(_LONG_PATH) else path


def bounded(findings: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Return at most eight warnings, each once and at most 120 characters long; a finding is told whole or counted."""
    texts = [tuple(map(_fitted, lines)) for lines in dict.fromkeys(findings)]
    if sum(map(len, texts)) <= MAX_WARNINGS:
        return tuple(dict.fromkeys(line for lines in texts for line in lines))
    told: list[str] = []
    for number, lines in enumerate(texts):
        if len(told) + len(lines) > MAX_WARNINGS - 1:
            return (*told, f"… and {len(texts) - number} more; run certshim check for all")
        told += lines
    return tuple(told)


def _fitted(text: str) -> str:
    """Return the text in one line of printable characters, cut where it is too long."""
    if not text.isprintable():  # the API server drops a warning with control characters
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= MAX_WARNING else f"{text[: MAX_WARNING - 1]}…"
