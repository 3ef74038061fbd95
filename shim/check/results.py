"""What was found out about each object, for every form of output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

UNREADABLE: Final = "unreadable"


class Place(NamedTuple):
    """A line of a file."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth a warning; `type` is the API's word for it, empty where it has none."""

    line: int
    rule: str
    path: str
    type: str
    detail: str
    remedy: str

    @property
    def sentence(self) -> str:
        """Detail, or failing that the type, and the remedy."""
        what = self.detail or self.type
        return f"{what}; {self.remedy}" if self.remedy else what


@dataclass(frozen=True, slots=True)
class Result:
    """One object; what cannot be read counts as one of no kind."""

    place: Place
    kind: str = ""
    namespace: str = ""
    name: str = ""
    errors: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()

    @property
    def is_allowed(self) -> bool:
        """Would the object be stored?"""
        return not self.errors

    @property
    def is_unreadable(self) -> bool:
        """Could it not even be judged?"""
        return any(error.rule == UNREADABLE for error in self.errors)


def unreadable(file: str, line: int, detail: str, remedy: str = "") -> Result:
    """Return the result on what could not be read."""
    return Result(Place(file, line), errors=(Finding(line, UNREADABLE, "", "", detail, remedy),))


@dataclass(frozen=True, slots=True)
class Tally:
    """The sum of the results."""

    objects: int
    refused: int
    warnings: int
    unreadable: int

    def exit_code(self, *, strict: bool) -> int:
        """Return 2 when something could not be read, 1 when something is refused (or, if strict, warned of), else 0."""
        if self.unreadable:
            return 2
        return 1 if self.refused or (strict and self.warnings) else 0


def tally(results: Sequence[Result]) -> Tally:
    """Return the sum."""
    readable = [result for result in results if not result.is_unreadable]
    return Tally(
        objects=len(readable),
        refused=sum(not result.is_allowed for result in readable),
        warnings=sum(len(result.warnings) for result in results),
        unreadable=len(results) - len(readable),
    )
