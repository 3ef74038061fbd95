"""Documents to trees and back, with every scalar as it was written.

No scalar is resolved: `0777`, `yes` and `1.10` are text here and come back as they stood.  Only documents that were
changed are written; the rest of a file stays as it is, byte for byte.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from io import StringIO
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.tag import Tag

from shim.convert import json
from shim.convert.trees import Tree
from shim.manifests.streams import Chunk, Unreadable, is_blank, is_separator

STRING: Final = Tag(suffix="tag:yaml.org,2002:str")
UNRESOLVED: Final = frozenset(("<<", ""))  # merge keys, and nothing at all
LEFT: Final = "left as it is"
MAX_DEPTH: Final = 200  # levels; a CRD has forty
WIDE: Final = 2**20  # columns: no line is folded that was not

_OPENS: Final = re.compile(r":[ \t]*(?:[&!]\S+[ \t]*)?(?:#.*)?$")  # a key without a value on its line


class _Resolver(VersionedResolver):
    """Takes every plain scalar for text."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is ScalarNode and implicit[0] and value not in UNRESOLVED:
            return STRING
        return super().resolve(kind, value, implicit)


@dataclass(frozen=True, slots=True)
class Indent:
    """How the document's author indents: mappings below mappings, and dashes below their key."""

    mapping: int = 2
    dash: int = 0


@dataclass(slots=True)
class Document:
    """A document that could be parsed: what stands before its tree, the tree, and how to write it."""

    chunk: Chunk
    head: str
    tree: Tree
    indent: Indent

    is_json: bool = False

    @property
    def first_line(self) -> int:
        """The line of the file on which the tree's text begins, counted from 1."""
        return self.chunk.line + self.head.count("\n")

    def written(self) -> str:
        """Return the text of the document with its tree as it is now."""
        made = self.head + (json.written(self.tree, self.chunk.text) if self.is_json else self._yaml())
        return made if self.chunk.text.endswith("\n") else made.removesuffix("\n")

    def _yaml(self) -> str:
        out = StringIO()
        _yaml(self.indent).dump(self.tree, out)
        return out.getvalue()


def parse(chunk: Chunk) -> Document | None:
    """Return the document, None when it holds no mapping; raises Unreadable."""
    head, body = _split(chunk.text)
    is_json = body.lstrip().startswith("{")
    try:
        tree = _yaml(Indent()).load(json.as_yaml(body) if is_json else body)
    except (YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = chunk.line + head.count("\n") + (mark.line if mark is not None else 0)
        problem = getattr(error, "problem", None) or "cannot be parsed"
        todo = "render templates first" if "{{" in chunk.text else "mend it first"
        raise Unreadable(line, f"is not YAML: {problem}", f"{LEFT}; {todo}") from None
    line = chunk.line + chunk.text.count("\n", 0, max(chunk.text.find("{{"), 0))
    _refuse_odd(tree, line, set(), set())
    return Document(chunk, head, tree, indent_of(body), is_json) if isinstance(tree, Tree) else None


def same(one: Any, other: Any) -> bool:
    """Do two trees say the same?  Shared parts are compared once, so that aliases of aliases take no time."""
    stack, seen = [(one, other)], set()
    while stack:
        left, right = stack.pop()
        if (id(left), id(right)) in seen:
            continue
        seen.add((id(left), id(right)))
        match left, right:
            case dict(), dict() if list(left) == list(right):
                stack += [(left[key], right[key]) for key in left]
            case list(), list() if len(left) == len(right):
                stack += zip(left, right, strict=True)
            case _ if isinstance(left, dict | list) or left != right:
                return False
            case _:
                pass
    return True


def _refuse_odd(node: Any, line: int, above: set[int], done: set[int]) -> None:
    """Raise Unreadable for what no manifest has: keys that are no text (a template), a value within itself, abysses."""
    if not isinstance(node, dict | list) or id(node) in done:
        return
    if id(node) in above or len(above) >= MAX_DEPTH:
        raise Unreadable(line, f"contains itself, or has more than {MAX_DEPTH} levels", LEFT)
    above.add(id(node))
    if isinstance(node, dict) and any(not isinstance(key, str) for key in node):
        raise Unreadable(line, "has a key that is no text", f"{LEFT}; render templates first")
    for member in node.values() if isinstance(node, dict) else node:
        _refuse_odd(member, line, above, done)
    if isinstance(node, Tree):
        # ruamel would carry a removal on into what merges this one, and falls over its own tables (0.19); what is
        # written is compared with what was meant in the end, so a merged key that should have gone is found there.
        node._ref.clear()  # noqa: SLF001  there is no other way
    above.discard(id(node))
    done.add(id(node))


def _split(text: str) -> tuple[str, str]:
    """Return directives and separator, which ruamel would not write again, and the rest."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if is_separator(line.rstrip("\n")) and is_blank(line[3:]):
            return "".join(lines[: number + 1]), "".join(lines[number + 1 :])
        if not (is_blank(line) or line.startswith("%")):
            break
    return "", text


def indent_of(text: str) -> Indent:
    r"""Return how the text is indented, by the most frequent use of each.

    >>> indent_of("a:\n    - b:\n          c: d\n")
    Indent(mapping=4, dash=4)
    """
    maps: Counter[int] = Counter()
    dashes: Counter[int] = Counter()
    parent: int | None = None  # column of the key of which the value begins on the next line
    for line in text.splitlines():
        if is_blank(line):
            continue
        column = len(line) - len(line.lstrip(" "))
        bare = line[column:]
        is_item = bare.startswith("- ")
        if parent is not None:
            (dashes if is_item else maps)[column - parent] += 1
        while bare.startswith("- "):
            rest = bare[2:].lstrip(" ")
            column += len(bare) - len(rest)
            bare = rest
        parent = column if _OPENS.search(bare) else None
    steps = Counter({step: count for step, count in maps.items() if step > 0})
    most = steps.most_common(1)[0][0] if steps else 2
    return Indent(most, dashes.most_common(1)[0][0] if dashes else 0)


def _yaml(indent: Indent) -> YAML:
    yaml = YAML()
    yaml.Resolver = _Resolver
    yaml.preserve_quotes = True
    yaml.width = WIDE
    yaml.allow_duplicate_keys = False
    yaml.indent(mapping=indent.mapping, sequence=indent.dash + 2, offset=indent.dash)
    return yaml
