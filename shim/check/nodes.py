"""A YAML document as a tree that knows its lines, and the way from a problem's path to a line.

Anchored parts are shared, not copied: whoever walks a tree must bound how much it visits (`Plain`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from shim.check.scalars import Value

MAX_VISITS: Final = 1_000_000  # of nodes of one document, aliases followed: ten times what the API server can store


class TooLarge(ValueError):
    """Aliases of aliases: the document would not fit into memory."""


@dataclass(slots=True)
class Scalar:
    """A value, and how it was written."""

    line: int
    value: Value
    text: str
    is_plain: bool = False


class Entry(NamedTuple):
    """A value of a mapping; the line is its key's."""

    line: int
    node: Node


class Twice(NamedTuple):
    """A key that stands in a mapping again."""

    key: str
    line: int
    first: int


@dataclass(slots=True)
class Mapping:
    """Entries by key; of a key that stands there twice the last one counts, as it does for kubectl."""

    line: int
    entries: dict[str, Entry] = field(default_factory=dict)
    twice: list[Twice] = field(default_factory=list)


@dataclass(slots=True)
class Sequence:
    """Items in order."""

    line: int
    items: list[Node] = field(default_factory=list)


Node: TypeAlias = Scalar | Mapping | Sequence


class Plain:
    """Turns trees into plain dicts, lists and scalars, with a limit on how much in all."""

    def __init__(self, limit: int = MAX_VISITS) -> None:
        self._left = limit

    def __call__(self, node: Node) -> Any:
        """Return the value of the tree; raises TooLarge."""
        self._left -= 1
        if self._left < 0:
            raise TooLarge
        match node:
            case Scalar():
                return node.value
            case Mapping():
                return {key: self(entry.node) for key, entry in node.entries.items()}
            case Sequence():
                return [self(item) for item in node.items]


def get(node: Node, *path: str | int) -> Node | None:
    """Return the node at that path, None when there is none."""
    found: Node | None = node
    for step in path:
        if isinstance(found, Mapping) and isinstance(step, str):
            entry = found.entries.get(step)
            found = entry.node if entry is not None else None
        elif isinstance(found, Sequence) and isinstance(step, int) and step < len(found.items):
            found = found.items[step]
        else:
            return None
    return found


def text_at(node: Node, *path: str | int) -> str:
    """Return the text at that path, empty when there is none or it is no text."""
    found = get(node, *path)
    return found.value if isinstance(found, Scalar) and isinstance(found.value, str) else ""


def line_of(node: Node, path: str) -> int:
    """Return the line of what the path of a problem names, or of the nearest thing around it.

    Paths are as `spec.tls[0].hosts[1]` or `metadata.annotations[some/key]`; keys may have dots in them.
    """
    line, rest = node.line, path
    while rest:
        step = _step(node, rest)
        if step is None:
            return line
        line, node, rest = step
    return line


def _step(node: Node, path: str) -> tuple[int, Node, str] | None:
    """Return line and node of the first element of the path, and what remains of the path."""
    match node:
        case Mapping():
            bare = path.removeprefix(".")
            found = _bracketed(node, bare) if bare.startswith("[") else _named(node, bare)
            if found is None:
                return None
            key, rest = found
            entry = node.entries[key]
            return entry.line, entry.node, rest
        case Sequence():
            index, _, rest = path.removeprefix("[").partition("]")
            if not index.isdecimal() or len(index) > 9 or int(index) >= len(node.items):
                return None
            item = node.items[int(index)]
            return item.line, item, rest
        case Scalar():
            return None


def _bracketed(node: Mapping, path: str) -> tuple[str, str] | None:
    key, _, rest = path[1:].partition("]")
    return (key, rest) if key in node.entries else None


def _named(node: Mapping, path: str) -> tuple[str, str] | None:
    """Return the longest key with which the path begins: `metadata.annotations.cert-manager.io/x` has dots in keys."""
    best = max((key for key in node.entries if _begins(path, key)), key=len, default=None)
    return None if best is None else (best, path[len(best) :])


def _begins(path: str, key: str) -> bool:
    return path.startswith(key) and path[len(key) : len(key) + 1] in {"", ".", "["}


def texts(node: Node) -> Iterator[Scalar]:
    """Yield the texts below a node, each node once, however often it is aliased."""
    seen: set[int] = set()
    stack = [node]
    while stack:
        one = stack.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        match one:
            case Scalar(value=str()):
                yield one
            case Mapping():
                stack += [entry.node for entry in one.entries.values()]
            case Sequence():
                stack += one.items
            case _:
                pass
