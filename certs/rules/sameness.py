"""Whether a spec has changed, as Go's `reflect.DeepEqual` sees it after decoding.

Decoded here, an absent list and an empty one are the same; to Go they differ, as do an absent object and `{}`
where the field is a pointer.  A duration is compared by its length (`60m` is `1h`), text and numbers by their value
(absent is empty or zero), unknown fields and order of keys not at all.

Nearly always the two specs are the same bytes, and that is all that is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from certs.durations import parse_duration

# Fields that are no pointers in Go's types: `{}` is the same as nothing there.
_PLAIN: Final = frozenset((("issuerRef",), ("solver",)))
_DURATIONS: Final = frozenset(("duration", "waitInsteadOfSelfCheck"))


class _Whole(msgspec.Struct):
    spec: msgspec.Raw = msgspec.Raw(b"null")


_DECODER: Final = msgspec.json.Decoder(_Whole)

Place = tuple[str | int, ...]


def has_spec_changed(new_raw: msgspec.Raw, old_raw: msgspec.Raw, new: msgspec.Struct, old: msgspec.Struct) -> bool:
    """Does the spec of one object differ from the other's?  Both as they came, and their specs as decoded."""
    new_spec, old_spec = _DECODER.decode(new_raw).spec, _DECODER.decode(old_raw).spec
    if bytes(new_spec) == bytes(old_spec):
        return False
    after, before = _normal(new), _normal(old)
    if after != before:
        return True
    try:
        empties = [set(_empties(msgspec.json.decode(spec), ())) for spec in (new_spec, old_spec)]
    except RecursionError:  # nested beyond what any spec of ours is: nobody's honest update
        return True
    return empties[0] != empties[1]


def _normal(spec: object) -> Any:
    """Return the decoded spec as plain values, durations in nanoseconds."""
    return _without_words(msgspec.to_builtins(spec))


def _without_words(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _length(member) if key in _DURATIONS and isinstance(member, str) else _without_words(member)
            for key, member in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_words(member) for member in value]
    return value


def _length(text: str) -> int | str:
    try:
        return parse_duration(text).nanoseconds
    except ValueError:
        return text


def _empties(value: Any, place: Place) -> Iterator[Place]:
    """Yield the places of empty lists and objects."""
    match value:
        case dict() if value:
            for key, member in value.items():
                yield from _empties(member, (*place, key))
        case list() if value:
            for index, member in enumerate(value):
                yield from _empties(member, (*place, index))
        case dict() | list() if place not in _PLAIN:
            yield place
        case _:
            return
