"""Kinds as the API server's own decoder reads them: missing is zero, any word passes.

Admission must tell everything that is wrong in the API's words, so an object has to get past
decoding as long as its JSON types are right; the strict structs would stop at the first missing
field or unknown word.  `lenient(Certificate)` is a subclass of Certificate made of the same fields
with the strictness taken off: required fields get Go's zero value, enums become plain text, and
integers keep the width that Go would refuse to overflow.  Rules are written against the strict type
and must therefore compare words by `==`, never by `is`.
"""

from __future__ import annotations

from enum import Enum
from functools import cache, reduce
from operator import or_
from types import GenericAlias, UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from certs.api.meta import wire_name

StructT = TypeVar("StructT", bound=msgspec.Struct)

_INT32: Final = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
_ZEROS: Final[dict[Any, Any]] = {str: "", bytes: b"", bool: False, int: 0, _INT32: 0}


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
            return reduce(or_, map(loosened, arguments))
        case origin:  # tuple[X, ...] and dict[str, X]
            return GenericAlias(origin, tuple(map(loosened, arguments)))


def _loosened_class(hint: Any) -> Any:
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
