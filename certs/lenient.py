"""Kinds as the API server's own decoder reads them: missing is zero, any word passes.

Admission must tell everything that is wrong in the API's words, so an object has to get past
decoding as long as its JSON types are right; the strict structs would stop at the first missing
field or unknown word.  `lenient(Certificate)` is a subclass of Certificate made of the same fields
with the strictness taken off: required fields get Go's zero value, enums become plain text, and
integers keep the width that Go would refuse to overflow; a time must have its zone.  Rules are written against
the strict type and must therefore compare words by `==`, never by `is`.

What Go reads and msgspec does not, is mended where it comes up (`mended`), which is next to never: the API server
refuses most of it, and sends nothing twice.  Left as it is: to Go two fields of the same name are merged where they
are objects, here the last counts; and `[1]` is a way to write bytes.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from functools import cache, reduce
from operator import or_
from types import GenericAlias, NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from certs.api.meta import wire_name

StructT = TypeVar("StructT", bound=msgspec.Struct)

_INT32: Final = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
_INT64: Final = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_TIME: Final = Annotated[datetime, msgspec.Meta(tz=True)]
_ZEROS: Final[dict[Any, Any]] = {str: "", bytes: b"", bool: False, _INT64: 0, _INT32: 0}
_BOUNDED: Final[dict[Any, Any]] = {int: _INT64, datetime: _TIME}
_LINE_ENDS: Final = str.maketrans("", "", "\r\n")  # which Go skips in base64


@cache
def lenient(kind: type[StructT]) -> type[StructT]:
    """Return the subclass of the struct that decodes whatever Go would decode."""
    fields = [_lenient_field(field) for field in msgspec.structs.fields(kind)]
    made = msgspec.defstruct(
        kind.__name__, fields, bases=(kind,), rename=wire_name, kw_only=True, frozen=True, gc=False
    )
    assert issubclass(made, kind)  # noqa: S101 - by its bases
    return made


def _lenient_field(field: msgspec.structs.FieldInfo) -> tuple[str, Any, Any]:
    hint = loosened(field.type)
    if field.default_factory is not msgspec.NODEFAULT:
        default = msgspec.field(default_factory=field.default_factory, name=field.encode_name)
    elif field.default is not msgspec.NODEFAULT:
        default = msgspec.field(default=field.default, name=field.encode_name)
    else:
        default = msgspec.field(default=_zero(hint), name=field.encode_name)
    return field.name, hint, default


def loosened(hint: Any) -> Any:
    """Return the type without closed sets of words and without patterns."""
    arguments = get_args(hint)
    match get_origin(hint):
        case None:
            return _loosened_class(hint)
        case origin if origin is Annotated:
            return _INT32 if _is_int32(arguments) else loosened(arguments[0])
        case origin if origin is Literal:
            return str
        case origin if origin in (Union, UnionType):
            optional = NoneType in arguments
            return reduce(or_, map(loosened, arguments)) if optional else hint  # a quantity is not an integer only
        case origin:  # tuple[X, ...] and dict[str, X]
            return GenericAlias(origin, tuple(map(loosened, arguments)))


def _loosened_class(hint: Any) -> Any:
    if hint in _BOUNDED:
        return _BOUNDED[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return str
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return lenient(hint)
    return hint


def _is_int32(arguments: tuple[Any, ...]) -> bool:
    return any(
        isinstance(meta, msgspec.Meta) and (meta.extra_json_schema or {}).get("format") == "int32"
        for meta in arguments[1:]
    )


def _zero(hint: Any) -> Any:
    if get_origin(hint) is tuple:
        return ()
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint()
    return _ZEROS.get(hint)


def mended(value: Any, hint: Any) -> Any:
    """Return what was read without a type as Go would read it into the type.

    To Go null is absent as a field, and the zero value in a list or a map; base64 may be broken into lines.
    """
    arguments = get_args(hint)
    match get_origin(hint):
        case None if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            return _mended_fields(value, hint)
        case None if hint is bytes and isinstance(value, str):
            return value.translate(_LINE_ENDS)
        case origin if origin in (Annotated, Union, UnionType):
            return mended(value, arguments[0])  # an optional's first is what it is when it is there
        case origin if origin is tuple and isinstance(value, list):
            return [_mended_member(member, arguments[0]) for member in value]
        case origin if origin is dict and isinstance(value, dict):
            return {key: _mended_member(member, arguments[1]) for key, member in value.items()}
    return value


def _mended_fields(value: Any, kind: type[msgspec.Struct]) -> Any:
    if not isinstance(value, dict):
        return value
    hints = _hints(kind)
    return {key: mended(member, hints[key]) for key, member in value.items() if member is not None and key in hints}


def _mended_member(member: Any, hint: Any) -> Any:
    return msgspec.to_builtins(_zero(hint)) if member is None else mended(member, hint)


@cache
def _hints(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
