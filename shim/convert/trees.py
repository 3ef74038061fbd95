"""Changing a YAML tree so that comments stay where they belong.

ruamel.yaml hangs a comment on the value before it: what follows `keySize: 4096` up to the next key, end of the line
and whole lines alike, is one token at `keySize`.  When a key moves, the end of its line goes along; the lines below,
which are about what comes next, stay behind (`_leave_behind`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, ScalarString
from ruamel.yaml.tokens import CommentToken

Tree: TypeAlias = CommentedMap

_AFTER = 2  # where ruamel keeps the comment behind a value of a mapping; of a sequence it is 0


def mapping(tree: Any, *path: str | int) -> Tree | None:
    """Return the mapping at that path, None when there is none."""
    found = get(tree, *path)
    return found if isinstance(found, CommentedMap) else None


def sequence(tree: Any, *path: str | int) -> CommentedSeq:
    """Return the list at that path, an empty one when there is none."""
    found = get(tree, *path)
    return found if isinstance(found, CommentedSeq) else CommentedSeq()


def text(tree: Any, *path: str | int) -> str:
    """Return the scalar at that path as it is written, empty when there is none."""
    found = get(tree, *path)
    return bare(found) if isinstance(found, str) else ""


def bare(scalar: str) -> str:
    """Return the text without its quotes, which ruamel keeps in the type."""
    return "".join(scalar)


def quoted(word: str) -> str:
    """Return the text in double quotes."""
    made: str = DoubleQuotedScalarString(word)
    return made


def is_quoted(tree: Tree, key: str) -> bool:
    """Does the value stand in quotes?"""
    return isinstance(tree[key], ScalarString)


def texts(tree: Any, *path: str | int) -> tuple[str, ...]:
    """Return the scalars of the list at that path."""
    return tuple(bare(item) for item in sequence(tree, *path) if isinstance(item, str))


def get(tree: Any, *path: str | int) -> Any:
    """Return what is at that path, None when there is nothing."""
    found = tree
    for step in path:
        match found, step:
            case CommentedMap(), _ if step in found:
                found = found[step]
            case CommentedSeq(), int() if step < len(found):
                found = found[step]
            case _:
                return None
    return found


def mappings(tree: Any, *path: str | int) -> Iterator[Tree]:
    """Yield the mappings in the list at that path."""
    items: Any = sequence(tree, *path)
    yield from (item for item in items if isinstance(item, CommentedMap))


def line_of(tree: Tree, *path: str | int) -> int:
    """Return the line, from 0, of the last step of the path that was read from the file."""
    line = int(tree.lc.line or 0)
    found: Any = tree
    for step in path:
        try:
            line = int(found.lc.key(step)[0] if isinstance(found, CommentedMap) else found.lc.item(step)[0])
            found = found[step]
        except (KeyError, IndexError, TypeError, AttributeError):
            return line
    return line


def put(tree: Tree, key: str, value: str) -> None:
    """Give a key another value; ruamel keeps the quotes of the old one."""
    tree[key] = value
    _unalign(tree, key)


def unquote(tree: Tree, key: str) -> None:
    """Take the quotes off a value."""
    position, word = list(tree).index(key), text(tree, key)
    comments = tree.ca.items.pop(key, None)
    del tree[key]
    tree.insert(position, key, word)
    if comments is not None:
        tree.ca.items[key] = comments


def rename(tree: Tree, old: str, new: str) -> None:
    """Give a key another name, in its place."""
    if old in tree and old != new:
        position = list(tree).index(old)
        line = tree.lc.data.get(old) if tree.lc.data else None
        comments = tree.ca.items.pop(old, None)
        value = tree.pop(old)
        tree.insert(position, new, value)
        if comments is not None:
            tree.ca.items[new] = comments
            _unalign(tree, new)
        if line is not None:
            tree.lc.data[new] = line


def remove(tree: Tree, key: str) -> Any:
    """Remove a key and return its value; what is said above the next key stays."""
    if key not in tree:
        return None
    rest = _leave_behind(tree, key)
    keys = list(tree)
    position = keys.index(key)
    value = tree.pop(key)
    tree.ca.items.pop(key, None)
    _attach(tree, keys, position, rest)
    return value


def move(tree: Tree, key: str, into: Tree, name: str) -> None:
    """Move a key and its value to the end of another mapping, under that name."""
    keys = list(tree)
    _attach(tree, keys, keys.index(key), _moved(tree, key, into, name))


def gather(tree: Tree, name: str, moves: Mapping[str, str]) -> Tree | None:
    """Move keys into the mapping of that name, which is made where the first of them stood; None if there is none."""
    present = [key for key in tree if key in moves]
    if not present:
        return mapping(tree, name)
    if name not in tree:
        tree.insert(list(tree).index(present[0]), name, CommentedMap())
    into = tree[name]
    assert isinstance(into, CommentedMap)  # noqa: S101 - made above, or the kind's own
    keys = list(tree)
    left = [(keys.index(key), _moved(tree, key, into, moves[key])) for key in present]
    for position, rest in left:  # only now: what was below the first key must not come between it and the second
        _attach(tree, keys, position, rest)
    return into


def _moved(tree: Tree, key: str, into: Tree, name: str) -> str:
    """Move a key; return the comment lines that must be left behind."""
    rest = _leave_behind(tree, key)
    comments = tree.ca.items.pop(key, None)
    into[name] = tree.pop(key)
    if comments is not None:
        into.ca.items[name] = comments
        _unalign(into, name)
    return rest


def replace(tree: Tree, keys: Iterable[str], name: str, make: Callable[[], Any]) -> None:
    """Put a new value in the place of the first of some keys, made when these have left the tree."""
    order = list(tree)
    present = [key for key in order if key in keys]
    at = order.index(present[0])
    rests = "".join(_leave_behind(tree, key) for key in present)
    said = "".join(_own_comment(tree, key) for key in present)
    _attach(tree, order, at, said)
    for key in present:
        tree.ca.items.pop(key, None)
        tree.pop(key)
    tree.insert(at, name, make())
    _attach(tree, [*order[:at], name, *order[at:]], at + 1, rests)


def add(tree: Tree, key: str, value: Any, *, after: str = "") -> None:
    """Add a key behind another one, or at the end."""
    keys = list(tree)
    position = keys.index(after) + 1 if after in tree else len(keys)
    rest = _leave_behind(tree, keys[position - 1]) if position else ""
    tree.insert(position, key, value)
    _attach(tree, [*keys[:position], key], position + 1, rest)


def node(**fields: Any) -> Tree:
    """Return a mapping made of these fields; those that are None or empty text are left out."""
    made = CommentedMap()
    for key, value in fields.items():
        if value not in (None, ""):
            made[key] = value
    return made


def listed(items: Any) -> CommentedSeq:
    """Return a list in block form."""
    return CommentedSeq(items)


# --- Comments --------------------------------------------------------------------------------


def above(tree: Any) -> str:
    """Return the comment lines above the first key or item."""
    comments = tree.ca.comment if isinstance(tree, CommentedMap | CommentedSeq) else None
    tokens = (comments[1] or ()) if comments else ()
    return "".join(" " * token.start_mark.column + token.value for token in tokens)


def say_above(items: CommentedSeq, number: int, words: str) -> None:
    """Put comment lines above an item of a list."""
    if not words:
        return
    if number:
        _hang(*_last_leaf(items, number - 1), words)
    else:
        items.ca.comment = [None, [_token(words)]]


def _own_comment(tree: Tree, key: str) -> str:
    """Return the comment at the end of a key's line as a line of its own, indented like the key."""
    comments = tree.ca.items.get(key)
    token = comments[_AFTER] if comments else None
    words = token.value.partition("\n")[0].strip() if token is not None else ""
    return f"{' ' * int(tree.lc.key(key)[1])}{words}\n" if words else ""


def _unalign(tree: Any, key: Any) -> None:
    """Let the comment behind a value follow it by one blank, as its column is no longer what it was."""
    comments = tree.ca.items.get(key)
    token = comments[_slot(tree)] if comments else None
    if token is not None:
        token.start_mark = CommentMark(0)


def _last_leaf(tree: Any, key: Any) -> tuple[Any, Any]:
    """Return container and key of the last scalar (or flow collection) of a value: there its comment hangs."""
    value = tree[key]
    while isinstance(value, CommentedMap | CommentedSeq) and len(value) and not value.fa.flow_style():
        tree, key = value, (list(value)[-1] if isinstance(value, CommentedMap) else len(value) - 1)
        value = tree[key]
    return tree, key


def _slot(tree: Any) -> int:
    return _AFTER if isinstance(tree, CommentedMap) else 0


def _leave_behind(tree: Any, key: Any) -> str:
    """Take the comment lines below a value away from it and return them; what ends its own line stays with it."""
    leaf, name = _last_leaf(tree, key)
    comments = leaf.ca.items.get(name)
    token = comments[_slot(leaf)] if comments else None
    if token is None:
        return ""
    own, _, rest = token.value.partition("\n")
    if not own:
        comments[_slot(leaf)] = None
        if not any(comments):
            del leaf.ca.items[name]
    else:
        token.value = f"{own}\n"
    return str(rest)


def _attach(tree: Tree, keys: list[str], position: int, rest: str) -> None:
    """Hang comment lines on what now stands before that position, or else above what stands there."""
    if not rest:
        return
    before = next((key for key in reversed(keys[:position]) if key in tree), None)
    if before is None:
        after = next((key for key in keys[position:] if key in tree), None)
        if after is not None:
            comments = tree.ca.items.setdefault(after, [None, None, None, None])
            comments[1] = [_token(rest), *(comments[1] or ())]
        return
    _hang(*_last_leaf(tree, before), rest)


def _hang(leaf: Any, name: Any, rest: str) -> None:
    comments = leaf.ca.items.setdefault(name, [None, None, None, None])
    slot = _slot(leaf)
    if comments[slot] is None:
        comments[slot] = _token(f"\n{rest}")
    else:
        comments[slot].value += rest


def _token(words: str) -> CommentToken:
    return CommentToken(words, CommentMark(0), None)
