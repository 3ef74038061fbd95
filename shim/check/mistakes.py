"""What is wrong with the form of an object, in words: where, what was expected, and what to write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from jsonschema import ValidationError
from rapidfuzz.distance import OSA

from certs.problems import Path, Problem, ProblemType
from certs.rules.nearest import nearest
from shim.check import schemas, slices
from shim.check.mending import read
from shim.check.nodes import Mapping as MappingNode
from shim.check.nodes import Node, Scalar, Sequence, get

RULE: Final = "schema"
MAX_WORD: Final = 80  # characters; no field has as many
ROOT: Final = Path()
FEW: Final = 8  # fields: as many are listed when one is not known

Step = str | int
Steps = tuple[Step, ...]


def twice(node: Node, path: Path = ROOT) -> Iterator[tuple[int, Problem]]:
    """Yield the keys that stand in a mapping more than once, and their lines."""
    match node:
        case MappingNode():
            for again in node.twice:
                detail = f"stands there twice, first in line {again.first}; only the last one counts"
                remedy = "remove one of the two"
                yield (
                    again.line,
                    Problem(_below(path, again.key), ProblemType.DUPLICATE, detail, again.key, remedy, RULE),
                )
            for key, entry in node.entries.items():
                yield from twice(entry.node, _below(path, key))
        case Sequence():
            for i, item in enumerate(node.items):
                yield from twice(item, path @ i)
        case Scalar():
            return


def mistake(error: ValidationError, steps: Steps, node: Node) -> Problem:
    """Return what an error of the schema means; `steps` is its path."""
    path, value = path_of(steps), error.instance
    bound: Any = error.validator_value
    match error.validator:
        case "required":
            found = Problem(path, ProblemType.REQUIRED, remedy=_addition(str(steps[-1]), error))
        case schemas.UNKNOWN:
            found = _unknown_field(path, str(steps[-1]), error)
        case "type":
            remedy = _type_remedy(error, node, steps)
            found = Problem(path, ProblemType.INVALID, _type_detail(error), _shown(value), remedy)
        case "enum":
            found = _unsupported(path, value, [str(word) for word in bound])
        case "x-kubernetes-list-map-keys":
            keys = ", ".join(bound)
            found = Problem(path, ProblemType.DUPLICATE, f"an earlier item has the same {keys}", remedy="remove one")
        case "x-kubernetes-validations":
            found = Problem(path, ProblemType.INVALID, error.message)
        case word:
            detail = BOUNDS.get(str(word), "does not fit its schema ({word})").format(word=word, bound=bound)
            found = Problem(path, ProblemType.INVALID, detail, _shown(value))
    return replace(found, rule=RULE)


BOUNDS: Final = {
    "anyOf": "must be a number or text",
    "pattern": "must match {bound}",
    "format": "must be a valid {bound}",
    "minimum": "must be at least {bound}",
    "maximum": "must be at most {bound}",
    "minLength": "must have at least {bound} characters",
    "maxLength": "must have at most {bound} characters",
    "minItems": "must have at least {bound} items",
    "maxItems": "must have at most {bound} items",
}

WORDS: Final[Mapping[type, str]] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "text",
    dict: "a mapping",
    list: "a list",
    type(None): "null",
}
EXPECTED: Final[Mapping[str, str]] = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
}


def _type_detail(error: ValidationError) -> str:
    types: Any = error.validator_value
    expected = types if isinstance(types, str) else types[0]
    return f"must be {EXPECTED[expected]}, not {WORDS[type(error.instance)]}"


def _type_remedy(error: ValidationError, node: Node, steps: Steps) -> str:
    """Return what to write instead, with the value as it was written."""
    written = get(node, *steps)
    text = written.text if isinstance(written, Scalar) else ""
    remedy = ""
    match error.validator_value, error.instance:
        case _, None:
            remedy = "give it a value, or remove the line"
        case "string", bool() | int() | float():
            remedy = f'quote it: "{text}"'
        case "string", [str(only)]:
            remedy = f"write {only}, without the list"
        case "array", str() | bool() | int() | float():
            remedy = f"write it as a list: [{text}]"
        case "array", dict():
            remedy = "put a dash and a blank before its first key"
        case ("integer" | "boolean") as expected, str(value) if read(expected, value) is not None:
            remedy = f"write {str(read(expected, value)).lower()}, without quotes"
        case "object", list():
            remedy = "remove the dash"
        case _:
            pass
    return remedy


def _unknown_field(path: Path, name: str, error: ValidationError) -> Problem:
    known = _fields(error)
    meant = meant_field(error, name)
    former = slices.FORMER.get(name)
    if meant is None and former is None:
        meant = nearest(name, known)
    remedy = f"did you mean {meant}?" if meant else former or _choices(known)
    return Problem(path, ProblemType.INVALID, "unknown field", remedy=remedy)


def meant_field(error: ValidationError, name: str) -> str | None:
    """Return the known field of which the name differs in a letter or in capitals only; such a one is put in place."""
    if name in slices.FORMER or len(name) > MAX_WORD:
        return None
    return min((field for field in _fields(error) if _edits(name, field) <= 1), key=len, default=None)


def _edits(name: str, field: str) -> int:
    return OSA.distance(name.lower(), field.lower(), score_cutoff=1)


def _fields(error: ValidationError) -> Mapping[str, Any]:
    known: Any = error.schema
    fields: Mapping[str, Any] = known.get("properties", {})
    return fields


def _choices(known: Mapping[str, Any]) -> str:
    return f"remove it; known are {', '.join(known)}" if 0 < len(known) <= FEW else "remove it"


def _addition(name: str, error: ValidationError) -> str:
    """Return what to add for a required field, as far as its schema says."""
    schema = _fields(error).get(name, {})
    form = " or ".join(schema["enum"]) if "enum" in schema else _form(schema)
    return f"add {name}: {form}"


def _form(schema: Mapping[str, Any]) -> str:
    match schema.get("type"):
        case "object":
            return f"{{{', '.join(f'{name}: …' for name in schema.get('required', ('…',)))}}}".replace("…: …", "…")
        case "array":
            return "[…]"
        case _:
            return "…"


def _unsupported(path: Path, value: Any, words: list[str]) -> Problem:
    meant = next((word for word in words if word.lower() == str(value).lower()), None) or nearest(str(value), words)
    remedy = f"did you mean {meant}?" if meant else ""
    detail = "is none of the supported values" if meant else f"supported values: {', '.join(words)}"
    return Problem(path, ProblemType.UNSUPPORTED, detail, _shown(value), remedy)


def _shown(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool) else WORDS.get(type(value), "")


def path_of(steps: Steps) -> Path:
    """Return the path as problems write it.

    >>> str(path_of(("metadata", "annotations", "cert-manager.io/issuer")))
    'metadata.annotations[cert-manager.io/issuer]'
    """
    path = Path()
    for step in steps:
        path = path @ step if isinstance(step, int) else _below(path, step)
    return path


def _below(path: Path, key: str) -> Path:
    return path @ key if path.text.endswith(("annotations", "labels")) else path / key
