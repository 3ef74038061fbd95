"""Bytes to documents whose nodes know their lines, read as kubectl reads them.

PyYAML's parser is libyaml, of which kubectl's is a port: what one takes for YAML the other takes too, and it is
fifteen times faster than ruamel.yaml, which is for rewriting files (`shim.convert`).  Only its events are used; the
tree is made here, since neither library's own composer has a limit on depth, keeps duplicate keys apart, or says
where a key stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec
import yaml

from shim.check.nodes import Entry, Mapping, Node, Plain, Scalar, Sequence, TooLarge, Twice
from shim.check.scalars import key_text, resolve
from shim.manifests.streams import Chunk, Unreadable, chunks, decoded

MAX_DEPTH: Final = 200  # objects of ours have twenty levels, CRDs forty
MAX_NODES: Final = 1_000_000  # of one document
TOO_DEEP: Final = f"is nested more than {MAX_DEPTH} levels deep"

MERGE: Final = "<<"
TEMPLATE: Final = "{{"
IS_TEMPLATE: Final = "is a template, not YAML"
RENDER_FIRST: Final = "render it first, as in `helm template CHART | certshim check -`"

_KIND: Final = re.compile(r"^kind: *[\"']?(\w+)[\"']? *(?:#.*)?$", re.MULTILINE)
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(content: bytes) -> Iterator[Node | Unreadable]:
    """Yield each document of a file, or why it cannot be read; empty documents are left out."""
    try:
        text = decoded(content)
    except Unreadable as error:
        yield error
        return
    for chunk in chunks(text):
        try:
            yield from _documents(chunk)
        except Unreadable as error:
            yield error


def _documents(chunk: Chunk) -> Iterator[Node]:
    json = _json(chunk)
    try:
        found = list(_Composer(chunk).documents())
    except (yaml.YAMLError, _Refused) as error:
        if json is None:
            raise _unreadable(chunk, error) from None
        found = []
    if json is not None and not _says(found, json):
        found = [_tree(json, chunk.line, MAX_DEPTH)]
    yield from found


def _json(chunk: Chunk) -> Any:
    """Return the value of a chunk that is JSON, which kubectl reads as such; None when it is none."""
    if not chunk.text.lstrip().startswith("{"):
        return None
    try:
        return msgspec.json.decode(chunk.text)
    except (msgspec.DecodeError, RecursionError):
        return None


def _says(found: list[Node], value: Any) -> bool:
    r"""Is it the same as YAML?  Then the lines are known; `"\ud83d\ude00"` means something else, or nothing."""
    try:
        return [Plain()(node) for node in found] == [value]
    except TooLarge:
        return False


def _tree(value: Any, line: int, depth: int) -> Node:
    if not depth:
        raise Unreadable(line, TOO_DEEP)
    match value:
        case dict():
            return Mapping(line, {key: Entry(line, _tree(member, line, depth - 1)) for key, member in value.items()})
        case list():
            return Sequence(line, [_tree(member, line, depth - 1) for member in value])
        case _:
            return Scalar(line, value, str(value))


def _unreadable(chunk: Chunk, error: yaml.YAMLError | _Refused) -> Unreadable:
    """Return what is wrong in words that help; a template explains whatever the parser stumbled over."""
    if TEMPLATE in chunk.text:
        number = chunk.text.count("\n", 0, chunk.text.index(TEMPLATE))
        kind = _KIND.search(chunk.text)
        return Unreadable(chunk.line + number, IS_TEMPLATE, RENDER_FIRST, kind=kind[1] if kind else "")
    if isinstance(error, _Refused):
        return Unreadable(chunk.line + error.line, error.detail, error.remedy)
    if isinstance(error, yaml.reader.ReaderError):
        line = chunk.text.encode().count(b"\n", 0, error.position)
        return Unreadable(chunk.line + line, f"has the character {error.character!r}, which no text can have")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or "cannot be parsed"
    lines = chunk.text.rstrip("\n").split("\n")
    number = min(mark.line, len(lines) - 1) if mark is not None else 0
    written = lines[number]
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return Unreadable(chunk.line + number, "is not YAML: a tab indents the line", "indent with spaces")
    return Unreadable(chunk.line + number, f"is not YAML: {problem}", _remedy(problem))


def _remedy(problem: str) -> str:
    return next((remedy for words, remedy in REMEDIES if words in problem), "")


REMEDIES: Final = (
    ("cannot start any token", "put the value into quotes"),
    ("mapping values are not allowed", "put the value into quotes, or mend the indentation"),
    ("did not find expected key", "mend the indentation"),
    ("could not find expected ':'", "mend the indentation, or put a colon and a blank behind the key"),
    ("block sequence entries are not allowed", "put the list below its key"),
    ("did not find expected '-'", "mend the indentation of the list"),
    ("undefined alias", "define the anchor with & before its first use; anchors end with their document"),
)


class _Refused(Exception):
    """Something that parses, and is not taken all the same; the line counts from 0 in the chunk."""

    def __init__(self, line: int, detail: str, remedy: str = "") -> None:
        super().__init__(detail)
        self.line = line
        self.detail = detail
        self.remedy = remedy


class _Key(NamedTuple):
    """A key that waits for its value."""

    text: str
    line: int
    is_merge: bool


@dataclass(slots=True)
class _Open:
    """A mapping or sequence that is being read."""

    node: Mapping | Sequence
    key: _Key | None = None
    merged: list[Mapping] = field(default_factory=list)


class _Composer:
    """Makes trees from the parser's events, with a stack of its own."""

    def __init__(self, chunk: Chunk) -> None:
        self._chunk = chunk
        self._anchors: dict[str, Node] = {}
        self._unfinished: set[int] = set()
        self._stack: list[_Open] = []
        self._nodes = 0

    def documents(self) -> Iterator[Node]:
        """Yield the documents of the chunk: one, or more when they end with `...`."""
        for event in yaml.parse(self._chunk.text, Loader=_LOADER):
            match event:
                case yaml.DocumentStartEvent():
                    self._anchors.clear()
                case yaml.ScalarEvent():
                    yield from self._take(self._named(event, self._scalar(event)))
                case yaml.AliasEvent():
                    yield from self._take(self._alias(event))
                case yaml.MappingStartEvent():
                    self._open(event, Mapping(self._line(event)))
                case yaml.SequenceStartEvent():
                    self._open(event, Sequence(self._line(event)))
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    yield from self._take(self._close())
                case _:
                    pass

    def _line(self, event: Any) -> int:
        line: int = event.start_mark.line
        return self._chunk.line + line

    def _named(self, event: Any, node: Node) -> Node:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _Refused(event.start_mark.line, f"has more than {MAX_NODES} values", "split it")
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _scalar(self, event: Any) -> Scalar:
        try:
            value = resolve(event.value, event.tag, plain=event.implicit[0])
        except ValueError:
            raise _Refused(event.start_mark.line, "has !!binary that is no base64") from None
        return Scalar(self._line(event), value, event.value, is_plain=event.implicit[0])

    def _alias(self, event: Any) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            raise _Refused(event.start_mark.line, f"undefined alias *{event.anchor}", _remedy("undefined alias"))
        if id(node) in self._unfinished:
            raise _Refused(event.start_mark.line, f"the value of anchor &{event.anchor} contains itself")
        return node

    def _open(self, event: Any, node: Mapping | Sequence) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise _Refused(event.start_mark.line, TOO_DEEP)
        self._named(event, node)
        self._unfinished.add(id(node))
        self._stack.append(_Open(node))

    def _close(self) -> Node:
        closed = self._stack.pop()
        self._unfinished.discard(id(closed.node))
        if isinstance(closed.node, Mapping):
            self._merge(closed.node, closed.merged)
        return closed.node

    def _merge(self, into: Mapping, merged: list[Mapping]) -> None:
        """Add what merge keys bring: nothing that stands there itself, and of several the first."""
        for one in merged:
            self._nodes += len(one.entries)
            if self._nodes > MAX_NODES:
                raise _Refused(into.line - self._chunk.line, f"merges more than {MAX_NODES} values")
            into.entries |= {key: entry for key, entry in one.entries.items() if key not in into.entries}

    def _take(self, node: Node) -> Iterator[Node]:
        """Put a finished node where it belongs; yield it when it is a document, unless there is nothing in it."""
        if not self._stack:
            if not (isinstance(node, Scalar) and node.value is None):
                yield node
            return
        top = self._stack[-1]
        if isinstance(top.node, Sequence):
            top.node.items.append(node)
        elif top.key is None:
            top.key = self._key(node)
        else:
            key, top.key = top.key, None
            self._put(top, key, node)

    def _key(self, node: Node) -> _Key:
        key = key_text(node.value) if isinstance(node, Scalar) else None
        if key is None or not isinstance(node, Scalar):
            raise _Refused(node.line - self._chunk.line, "has a key that is no text", "put the key into quotes")
        return _Key(key, node.line, is_merge=key == MERGE and node.is_plain)

    def _put(self, top: _Open, key: _Key, node: Node) -> None:
        assert isinstance(top.node, Mapping)  # noqa: S101 - sequences have no keys
        if key.is_merge:
            top.merged += self._mergeable(node)
            return
        first = top.node.entries.get(key.text)
        if first is not None:
            top.node.twice.append(Twice(key.text, key.line, first.line))
        top.node.entries[key.text] = Entry(key.line, node)

    def _mergeable(self, node: Node) -> list[Mapping]:
        parts = node.items if isinstance(node, Sequence) else [node]
        mappings = [part for part in parts if isinstance(part, Mapping)]
        if len(mappings) < len(parts):
            raise _Refused(
                node.line - self._chunk.line, "merges (<<) what is no mapping", "name a mapping by its anchor"
            )
        return mappings
