"""What is wrong with an object: where, of which type, and how to mend it; all problems at once.

The rendering is the API's (`field.Error` of Kubernetes): `<path>: <Type>[: <value>][: <detail>]`,
several as `[a, b]`, identical ones once.  Values are shown as Go shows them, because the texts are
part of what scripts and people already match on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from certs.gojson import go_json
from certs.goprint import quoted


class ProblemType(StrEnum):
    """The types of Kubernetes field errors, in their own words."""

    REQUIRED = "Required value"
    INVALID = "Invalid value"
    FORBIDDEN = "Forbidden"
    UNSUPPORTED = "Unsupported value"
    DUPLICATE = "Duplicate value"
    TOO_LONG = "Too long"


@dataclass(frozen=True, slots=True)
class Path:
    """A field of an object, as `spec.tls[0].hosts` or `metadata.annotations[some/key]`.

    >>> str(Path("spec") / "tls" @ 0 / "hosts")
    'spec.tls[0].hosts'
    """

    text: str = ""

    def __truediv__(self, field: str) -> Path:
        """Return the path of a field below."""
        return Path(f"{self.text}.{field}" if self.text else field)

    def __matmul__(self, key: int | str) -> Path:
        """Return the path of an element of a list or a key of a map."""
        return Path(f"{self.text}[{key}]")

    def __str__(self) -> str:
        return self.text


class Unshown:
    """The value of a problem that shows none (required, forbidden)."""


UNSHOWN = Unshown()
MOST: Final = 1000  # problems of one object that are told; nobody reads more, and a message has to travel


class Word(str):
    """A value of a type made of Go's `string`, such as a Service's type: shown as JSON, not as `%q`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; `remedy` says what to write instead, `rule` which rule found it.

    Both stand beside the text, not in it: the text is the API's.
    """

    path: Path
    type: ProblemType
    detail: str = ""
    value: object = UNSHOWN
    remedy: str = ""
    rule: str = ""

    def __str__(self) -> str:
        parts = [str(self.path), self.type.value]
        if not isinstance(self.value, Unshown):
            parts.append(show(self.value))
        if self.detail:
            parts.append(self.detail)
        return ": ".join(parts)


def show(value: object) -> str:
    """Return a value as Go shows it in a field error: strings quoted, the rest as JSON."""
    if isinstance(value, str) and not isinstance(value, Word):
        return quoted(value)
    return go_json(str(value) if isinstance(value, Word) else value).decode()


class Problems:
    """A growing list of problems; rules add to it, the judge renders it."""

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        self._problems: list[Problem] = []
        self._untold = 0
        self.extend(problems)

    def add(self, problem: Problem) -> None:
        """Add one; beyond `MOST` they are counted only."""
        if len(self._problems) < MOST:
            self._problems.append(problem)
        else:
            self._untold += 1

    def required(self, path: Path, detail: str = "", *, remedy: str = "") -> None:
        """A value is missing."""
        self.add(Problem(path, ProblemType.REQUIRED, detail, remedy=remedy))

    def invalid(self, path: Path, value: object, detail: str, *, remedy: str = "") -> None:
        """A value is malformed or does not fit."""
        self.add(Problem(path, ProblemType.INVALID, detail, value, remedy))

    def forbidden(self, path: Path, detail: str, *, remedy: str = "") -> None:
        """A value must not be there."""
        self.add(Problem(path, ProblemType.FORBIDDEN, detail, remedy=remedy))

    def unsupported(self, path: Path, value: object, supported: Iterable[str]) -> None:
        """A value is not one of a closed set."""
        detail = "supported values: " + ", ".join(json.dumps(word, ensure_ascii=False) for word in supported)
        self.add(Problem(path, ProblemType.UNSUPPORTED, detail, value))

    def duplicate(self, path: Path, value: object) -> None:
        """A value stands there twice."""
        self.add(Problem(path, ProblemType.DUPLICATE, value=value))

    def too_long(self, path: Path, limit: int) -> None:
        """A value has more bytes than allowed."""
        self.add(Problem(path, ProblemType.TOO_LONG, f"may not be more than {limit} bytes"))

    def extend(self, problems: Iterable[Problem]) -> None:
        """Add several."""
        for problem in problems:
            self.add(problem)

    def of(self, rule: str) -> Problems:
        """Return the same problems; those that no rule found as found by that one."""
        named = Problems(problem if problem.rule else replace(problem, rule=rule) for problem in self._problems)
        named._untold = self._untold
        return named

    @property
    def untold(self) -> int:
        """How many there are beyond those that are told."""
        return self._untold

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._problems)

    def __len__(self) -> int:
        return len(self._problems)

    def __bool__(self) -> bool:
        return bool(self._problems)

    def __str__(self) -> str:
        """Return the one sentence, or all as `[a, b]`; identical ones once."""
        texts = list(dict.fromkeys(str(problem) for problem in self._problems))
        if self._untold:
            texts.append(f"and {self._untold} more")
        return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
