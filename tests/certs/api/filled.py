"""Objects with every field filled, built from the structs, so that a new field is covered the moment it exists.

Each value is one that the field's type, words and pattern allow and that differs from its default;
what a struct must not have together (`ALTERNATIVES`) takes turns over as many variants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import inspect as types

from certs.api.crd import KINDS, Kind
from certs.api.issuer import ClusterIssuer, Issuer, VenafiIssuer
from certs.api.meta import ObjectMeta

ALTERNATIVES: Final[Mapping[type, tuple[str, ...]]] = {VenafiIssuer: ("tpp", "cloud", "ngts")}

# Every kind once, and those with alternatives once for each.
CASES: Final[tuple[tuple[Kind, int], ...]] = tuple(
    (kind, variant) for kind in KINDS for variant in range(3 if kind in (Issuer, ClusterIssuer) else 1)
)

# Words for fields with a pattern: the first that fits is taken.
CANDIDATES: Final = ("word", "1h30m")


def filled(kind: Kind, variant: int = 0) -> dict[str, Any]:
    """Return an object of the kind as it stands on the wire, its metadata left to the caller."""
    resource = kind.resource
    body: dict[str, Any] = _value(types.type_info(kind), variant)
    return {"apiVersion": resource.api_version, "kind": resource.kind, **body}


def _value(node: types.Type, variant: int) -> Any:  # noqa: PLR0911 - one return for each sort of type
    match node:
        case types.Metadata(type=inner, extra_json_schema=extra):
            pattern = (extra or {}).get("pattern")
            return _word(pattern) if pattern else _value(inner, variant)
        case types.StructType(cls=cls) if cls is ObjectMeta:
            return {}
        case types.StructType(cls=cls, fields=fields):
            others = set(ALTERNATIVES.get(cls, ()))
            others.discard(ALTERNATIVES[cls][variant] if others else "")
            return {one.encode_name: _value(one.type, variant) for one in fields if one.name not in others}
        case types.UnionType(types=alternatives):
            return _value(alternatives[0], variant)
        case types.DictType(value_type=value):
            return {"key": _value(value, variant)}
        case types.VarTupleType(item_type=item):
            return [_value(item, variant)]
        case types.EnumType(cls=words):
            return next(word.value for word in words if word.value)
        case types.LiteralType(values=values):
            return values[0]
        case types.StrType(pattern=pattern):
            return _word(pattern)
        case _:
            return _SCALARS[type(node)]


_SCALARS: Final[Mapping[type[types.Type], Any]] = {
    types.BoolType: True,
    types.IntType: 7,
    types.BytesType: "Ynl0ZXM=",
    types.DateTimeType: "2026-01-02T03:04:05Z",
    types.AnyType: {"free": ["form", 1, {"deep": None}]},
}


def _word(pattern: str | None) -> str:
    return next(word for word in CANDIDATES if re.search(pattern or "", word))
