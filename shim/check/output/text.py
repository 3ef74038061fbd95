"""Results for people: a line for each finding, as compilers write it, so that editors find the place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from shim.check.results import Finding, Result, Tally

Paint = Callable[[str, str], str]  # text and colour


def lines(results: Sequence[Result], paint: Paint) -> Iterator[str]:
    """Yield `file:line: deny|warn rule path: detail; remedy` for each finding."""
    for result in results:
        for found in result.errors:
            yield _line(result.place.file, found, paint("deny", "red"))
        for found in result.warnings:
            yield _line(result.place.file, found, paint("warn", "yellow"))


def _line(file: str, found: Finding, action: str) -> str:
    path = f" {found.path}" if found.path else ""
    return " ".join(f"{file}:{found.line}: {action} {found.rule}{path}: {found.sentence}".split("\n"))


def summary(sums: Tally) -> str:
    """Return the last line.

    >>> summary(Tally(objects=3, refused=1, warnings=0, unreadable=0))
    '3 objects checked: 1 refused, no warnings'
    """
    if not sums.objects and not sums.unreadable:
        return "nothing to check: no Ingress, Certificate, issuer or other object of ours among the documents"
    parts = [_count(sums.refused, "refused"), _count(sums.warnings, "warning", "warnings")]
    if sums.unreadable:
        parts.append(_count(sums.unreadable, "unreadable document", "unreadable documents"))
    return f"{_count(sums.objects, 'object', 'objects')} checked: {', '.join(parts)}"


def _count(number: int, one: str, many: str = "") -> str:
    word = one if number == 1 else many or one
    return f"{number or 'no'} {word}" if many else f"{number or 'none'} {word}"
