"""From msgspec structs to structural OpenAPI v3 schemas, the kind that a CustomResourceDefinition takes.

`msgspec.inspect` tells the types of the fields; each sort of type has one rule in `structural`.
What a type cannot say rides along in `Meta(extra_json_schema={…})` and is copied as it stands:
formats, patterns, bounds, list types and map keys, CEL rules, defaults for the API server.

A structural schema is self-contained and says little: no `$ref`, no unions with null (absent and
null are told apart by nobody here), no `additionalProperties: false` (the API server prunes), no
titles, and no default unless the field asks for one: a default of the struct is what an absent
field *means*, and must not be written into stored objects.

Source: Kubernetes, "Extend the Kubernetes API with CustomResourceDefinitions", "Specifying a structural schema".
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import inspect as types

from certs.api.describe import field_descriptions, summary
from certs.api.meta import ObjectMeta

Schema = dict[str, Any]

FREE_FORM: Final[Schema] = {"x-kubernetes-preserve-unknown-fields": True}
INT_OR_STRING: Final[Schema] = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": True,
}

BOUNDS: Final = {
    "pattern": "pattern",
    "min_length": "minLength",
    "max_length": "maxLength",
    "ge": "minimum",
    "le": "maximum",
}


def schema_of(cls: type) -> Schema:
    """Return the structural schema of a struct, with its descriptions."""
    return structural(types.type_info(cls))


def structural(node: types.Type) -> Schema:  # noqa: PLR0911 - one return for each sort of type: it is the table
    """Return the structural schema of a type.

    Raises TypeError for a type that has none: the kinds must not use it.
    """
    match node:
        case types.Metadata(type=inner, extra_json_schema=extra):
            return structural(inner) | (extra or {})
        case types.StructType():
            return _object(node)
        case types.UnionType():
            return _union(node)
        case types.DictType(value_type=types.AnyType()):
            return {"type": "object"} | FREE_FORM
        case types.DictType(value_type=value):
            return {"type": "object", "additionalProperties": structural(value)}
        case types.VarTupleType(item_type=item):
            return {"type": "array", "items": structural(item), "x-kubernetes-list-type": "atomic"}
        case types.EnumType(cls=words):
            return {"type": "string", "enum": [word.value for word in words if word.value]}  # empty is never written
        case types.LiteralType(values=values):
            return {"type": "string", "enum": list(values)}
        case _:
            return _scalar(node)


def _scalar(node: types.Type) -> Schema:
    match node:
        case types.StrType():
            return {"type": "string"} | _bounds(node)
        case types.BoolType():
            return {"type": "boolean"}
        case types.IntType():
            return {"type": "integer"} | _bounds(node)
        case types.BytesType():
            return {"type": "string", "format": "byte"}
        case types.DateTimeType():
            return {"type": "string", "format": "date-time"}
        case types.AnyType():
            return dict(FREE_FORM)
        case _:
            raise TypeError(f"no structural schema for {node}: add a rule to certs.api.schema, or use another type")


def _bounds(node: types.StrType | types.IntType) -> Schema:
    """Return what msgspec enforces when decoding, for the API server to enforce too."""
    bounds = {word: getattr(node, name, None) for name, word in BOUNDS.items()}
    return {word: bound for word, bound in bounds.items() if bound is not None}


def _union(node: types.UnionType) -> Schema:
    alternatives = [one for one in node.types if not isinstance(one, types.NoneType)]
    if len(alternatives) == 1:
        return structural(alternatives[0])
    kinds = {type(one) for one in alternatives}
    if {types.IntType, types.StrType} <= kinds <= {types.IntType, types.FloatType, types.StrType}:
        # A structural schema knows no other union.  Fractions must be written as strings.
        return dict(INT_OR_STRING)
    raise TypeError(f"no structural schema for a union of {kinds}")


def _object(node: types.StructType) -> Schema:
    if node.cls is ObjectMeta:
        return {"type": "object"}  # the API server knows metadata, and allows no more than this here
    descriptions = field_descriptions(node.cls)
    schema: Schema = {"description": summary(node.cls), "type": "object"}
    # metadata is never missing, so requiring it would say nothing.
    if required := [field.encode_name for field in node.fields if field.required and field.name != "metadata"]:
        schema["required"] = required
    schema["properties"] = {
        field.encode_name: _described(structural(field.type), descriptions.get(field.name, "")) for field in node.fields
    }
    return schema


def _described(schema: Schema, field: str) -> Schema:
    """Put the field's description first.

    What an object says of itself gives way to what the field says of it;
    what a scalar's type says (how a duration is written) is added.
    """
    own = schema.get("description", "")
    words = field or own if schema.get("type") == "object" else " ".join(part for part in (field, own) if part)
    rest = {key: value for key, value in schema.items() if key != "description"}
    return {"description": words} | rest if words else rest
