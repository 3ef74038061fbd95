"""A tree back to JSON, for files that are JSON: what `kubectl get -o json` has exported."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from ruamel.yaml.scalarstring import ScalarString

from shim.convert.trees import bare

_LITERAL: Final = re.compile(r"true|false|null|-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
# A character beyond the first 65,536, as two escapes (RFC 8259 §7); an escaped backslash before them is none of theirs.
_PAIR: Final = re.compile(r"(?<!\\)((?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})")
_INDENT: Final = re.compile(r"\{\n([ \t]+)\S")


def as_yaml(text: str) -> str:
    r"""Return the JSON as YAML reads it: that would take such a pair for two characters, which none are.

    >>> as_yaml(r'"\ud83d\ude00 \\ud83d"')
    '"😀 \\\\ud83d"'
    """
    return _PAIR.sub(lambda pair: pair[1] + str(json.loads(f'"{pair[2]}"')), text)


def written(tree: Any, like: str) -> str:
    """Return the JSON of a tree, indented like the text that it came from."""
    indent = _INDENT.search(like)
    return _value(tree, indent[1] if indent else "", "\n" if indent else " ").lstrip() + "\n"


def _value(value: Any, step: str, margin: str) -> str:
    match value:
        case dict() if value:
            inner = margin + step
            members = (f"{json.dumps(str(key))}: {_value(member, step, inner)}" for key, member in value.items())
            return _enclosed("{}", members, step, margin)
        case list() if value:
            return _enclosed("[]", (_value(member, step, margin + step) for member in value), step, margin)
        case dict():
            return "{}"
        case list():
            return "[]"
        case None:
            return "null"
        case _:
            return _scalar(value)


def _enclosed(brackets: str, members: Any, step: str, margin: str) -> str:
    if not step:
        return f"{brackets[0]}{', '.join(members)}{brackets[1]}"
    return f"{brackets[0]}{margin}{step}" + f",{margin}{step}".join(members) + f"{margin}{brackets[1]}"


def _scalar(value: str) -> str:
    """Return a literal as it stood, everything else as text: what was quoted is text whatever it says."""
    text = bare(value)
    if not isinstance(value, ScalarString) and _LITERAL.fullmatch(text):
        return text
    return json.dumps(text, ensure_ascii=False)
