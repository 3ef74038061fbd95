"""Is it an object of its kind at all?  Every field of a wrong type or name, at once, and a mended copy to judge.

Where it is plain what was meant (`secretname`, a number that should be text, one name where a list belongs), the copy
has it mended, so that what is wrong further on is told in the same pass, and what only follows is not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jsonschema import ValidationError

from certs.api.meta import KubeObject
from certs.problems import Problem
from shim.check.mending import drop_nulls, mend, rename
from shim.check.mistakes import Steps, meant_field, mistake
from shim.check.nodes import Node, line_of
from shim.check.schemas import FOREIGN, UNKNOWN, errors_of


@dataclass(slots=True)
class Structure:
    """What is wrong with the form, each with its line; the object to judge, and whether judging it makes sense."""

    value: Any
    problems: list[tuple[int, Problem]] = field(default_factory=list)
    is_judgeable: bool = True


def structure(kind: type[KubeObject], value: Any, node: Node) -> Structure:
    """Return every mistake of the form; `value` and `node` are changed where they can be mended."""
    # Go takes null for absent; of our kinds only metadata is Go's, elsewhere the API server refuses it.
    drop_nulls(value if kind in FOREIGN else value.get("metadata"))
    found = Structure(value)
    errors = errors_of(kind, value)
    renamed = [error for error in errors if _rename(found, error, node)]
    for error in errors_of(kind, value) if renamed else errors:
        steps = _tell(found, error, node)
        if error.validator == "type" and not mend(value, steps, error, node):
            found.is_judgeable = False
    return found


def _rename(found: Structure, error: ValidationError, node: Node) -> bool:
    """Tell a misspelled field and give it the name that was meant, unless that one is there as well."""
    steps = tuple(error.absolute_path)
    meant = meant_field(error, str(steps[-1])) if error.validator == UNKNOWN else None
    beside: Any = error.instance
    if meant is None or meant in beside:
        return False
    _tell(found, error, node)
    rename(found.value, node, steps, meant)
    return True


def _tell(found: Structure, error: ValidationError, node: Node) -> Steps:
    steps = tuple(error.absolute_path)
    problem = mistake(error, steps, node)
    found.problems.append((line_of(node, str(problem.path)), problem))
    return steps
