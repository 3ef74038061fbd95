"""Whether a spec has changed, as Go's `reflect.DeepEqual` sees it after decoding.

Decoded here, an absent list and an empty one are the same; to Go they differ, as do an absent object and `{}`
where the field is a pointer.  A duration is compared by its length (`60m` is `1h`), text and numbers by their value
(absent is empty or zero), unknown fields and order of keys not at all.  So what came is read once more, along the
types: the strict struct's field is a pointer where it may be None, but for the few that are named below.

Nearly always the two specs are the same bytes, since the API server writes both; and that is all that is looked at.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, NamedTuple, Union, get_args, get_origin

import msgspec

from certs.durations import parse_duration

_DURATIONS: Final = frozenset(("duration", "waitInsteadOfSelfCheck"))

# By struct and name in JSON: no pointers in Go's types, though absence is None here; and below the reverse.
_PLAIN: Final = frozenset(
    (
        ("AzureDNS", "environment"),
        ("AzureDNS", "zoneType"),
        ("DNS01Solver", "cnameStrategy"),
        ("IngressTemplate", "metadata"),
        ("PodTemplate", "metadata"),
        ("PodTemplate", "spec"),
        ("RFC2136", "protocol"),
        ("RFC2136", "tsigSecretSecretRef"),
        ("Route53", "secretAccessKeySecretRef"),
    )
)
_POINTERS: Final = frozenset((("Route53Auth", "kubernetes"), ("Route53Kubernetes", "serviceAccountRef")))


class _Whole(msgspec.Struct):
    spec: msgspec.Raw = msgspec.Raw(b"null")


_DECODER: Final = msgspec.json.Decoder(_Whole)


class _Field(NamedTuple):
    """A field of a struct: its type, whether it is a pointer in Go, whether it is a duration."""

    hint: Any
    is_pointer: bool
    is_duration: bool


def changed_fields(new_raw: msgspec.Raw, old_raw: msgspec.Raw, kind: type[msgspec.Struct]) -> frozenset[str]:
    """Return in which fields (as in JSON) the specs of two objects differ, both as they came; `kind` is the spec's."""
    try:
        new, old = bytes(_DECODER.decode(new_raw).spec), bytes(_DECODER.decode(old_raw).spec)
        if new == old:
            return frozenset()
        after, before = (_in_go(msgspec.json.decode(spec), kind) or {} for spec in (new, old))
    except RecursionError:  # nested beyond what any spec of ours is: nobody's honest update
        return frozenset(_fields(kind))
    return frozenset(name for name in _fields(kind) if after.get(name) != before.get(name))


def _in_go(value: Any, hint: Any, *, is_pointer: bool = False) -> Any:
    """Return what Go has in memory after reading the value into a field of that type; None for a zero value."""
    if value is None:
        return None
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        found = _struct_in_go(value, hint)
        return found if found or is_pointer else None
    match get_origin(hint):
        case origin if origin is tuple and isinstance(value, list):
            return [_in_go(member, get_args(hint)[0]) for member in value]
        case origin if origin is dict and isinstance(value, dict):
            return {key: _in_go(member, get_args(hint)[1]) for key, member in value.items()}
    if hint is bytes:
        return _octets(value)
    return value if value or is_pointer or hint is Any else None


def _struct_in_go(value: Mapping[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    found = {}
    for name, field in _fields(kind).items():
        member = value.get(name)
        if field.is_duration and isinstance(member, str):
            member = _length(member)
        kept = _in_go(member, field.hint, is_pointer=field.is_pointer)
        if kept is not None:
            found[name] = kept
    return found


@cache
def _fields(kind: type[msgspec.Struct]) -> Mapping[str, _Field]:
    found = {}
    for field in msgspec.structs.fields(kind):
        name = field.encode_name
        hint, may_be_none = _unwrapped(field.type)
        place = (kind.__name__, name)
        found[name] = _Field(hint, (may_be_none and place not in _PLAIN) or place in _POINTERS, name in _DURATIONS)
    return found


def _unwrapped(hint: Any) -> tuple[Any, bool]:
    """Return a type without annotations and None, and whether None was one of its values."""
    match get_origin(hint):
        case origin if origin is Annotated:
            return _unwrapped(get_args(hint)[0])
        case origin if origin in (Union, UnionType) and NoneType in get_args(hint):
            return _unwrapped(get_args(hint)[0])[0], True
    return hint, False


def _length(text: str) -> int | str:
    try:
        return parse_duration(text).nanoseconds
    except ValueError:
        return text


def _octets(text: str) -> bytes | str:
    """Return what base64 stands for; an empty value is not an absent one."""
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return text
