"""Putting in place what was plainly meant, so that the rules can be asked although the form is wrong."""

from __future__ import annotations

import re
from typing import Any, Final

from jsonschema import ValidationError

from shim.check.nodes import Mapping, Node, Scalar, get
from shim.check.scalars import WORDS

TEXTS: Final = frozenset(("annotations", "labels"))  # maps of text in metadata


def mend(value: Any, steps: tuple[str | int, ...], error: ValidationError, node: Node) -> bool:
    """Put in place what was plainly meant; False when nothing was."""
    if not steps:
        return False
    parent = value
    for step in steps[:-1]:
        parent = parent[step]
    wrong, expected = error.instance, error.validator_value
    written = get(node, *steps)
    match expected, wrong:
        case "string", bool() | int() | float() if isinstance(written, Scalar):
            parent[steps[-1]] = written.text
        case "string", [str(only)]:
            parent[steps[-1]] = only
        case "array", str():
            parent[steps[-1]] = [wrong]
        case "integer" | "boolean", str() if (meant := read(expected, wrong)) is not None:
            parent[steps[-1]] = meant
        case _, None if isinstance(parent, dict):
            del parent[steps[-1]]
        case _:
            return False
    return True


def read(expected: str, text: str) -> int | None:
    """Return the number or truth that was written as text."""
    if expected == "boolean":
        word = WORDS.get(text)
        return word if isinstance(word, bool) else None
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def rename(value: Any, node: Node, steps: tuple[str | int, ...], name: str) -> None:
    """Give a field another name, in the object and in the tree that knows its line."""
    *parents, old = steps
    parent = value
    for step in parents:
        parent = parent[step]
    parent[name] = parent.pop(old)
    written = get(node, *parents)
    if isinstance(written, Mapping) and isinstance(old, str) and old in written.entries:
        written.entries[name] = written.entries.pop(old)


def drop_nulls(value: Any) -> None:
    """Remove members that are null, at every depth; a null annotation or label is an empty one."""
    match value:
        case dict():
            for key in TEXTS & value.keys():
                members = value[key]
                if isinstance(members, dict):
                    members |= {name: "" for name, text in members.items() if text is None}
            for key in [key for key, member in value.items() if member is None]:
                del value[key]
            for member in value.values():
                drop_nulls(member)
        case list():
            for member in value:
                drop_nulls(member)
        case _:
            return
