"""Health in words: named checks, and how they are told to probes and to people.

A probe needs one bit, a person the sentence.  The page of a probe is `ok`, or a line for each check that failed;
with `?verbose` a line for each check, in the form of the API server's own pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Finding(NamedTuple):
    """What a check has found: whether it failed, and a sentence, which may be empty when all is well."""

    name: str
    failed: bool
    sentence: str = ""


def found(name: str, problem: str, *, otherwise: str = "") -> Finding:
    """Return the finding of a check that failed if there is a problem."""
    return Finding(name, bool(problem), problem or otherwise)


def is_well(findings: Sequence[Finding]) -> bool:
    """Did no check fail?"""
    return not any(finding.failed for finding in findings)


def told(page: str, findings: Sequence[Finding], *, verbose: bool = False) -> str:
    """Return the text of a page such as `readyz`, every line ended.

    >>> checks = (Finding("stores", True, "not complete yet: secrets"), Finding("lease", False, "standing by"))
    >>> print(told("readyz", checks), end="")
    stores: not complete yet: secrets
    >>> print(told("readyz", checks, verbose=True), end="")
    [-]stores failed: not complete yet: secrets
    [+]lease ok: standing by
    readyz check failed
    """
    failed = [finding for finding in findings if finding.failed]
    if not verbose:
        return "".join(f"{finding.name}: {finding.sentence}\n" for finding in failed) or "ok\n"
    lines = [_line(finding) for finding in findings]
    return "\n".join([*lines, f"{page} check {'failed' if failed else 'passed'}", ""])


def _line(finding: Finding) -> str:
    mark, word = ("[-]", "failed") if finding.failed else ("[+]", "ok")
    return f"{mark}{finding.name} {word}{': ' if finding.sentence else ''}{finding.sentence}"
