"""From types to structural schemas: one row per rule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, inspect

from certs.api.crd import KINDS, Kind, object_schema
from certs.api.meta import APIStruct, GoDuration, Int32, ObjectMeta, Quantity
from certs.api.schema import Schema, schema_of, structural


class Colour(StrEnum):
    """Two of them."""

    NONE = ""  # what is empty is not written, so it is no word of the schema
    RED = "red"
    BLUE = "blue"


class Leaf(APIStruct, frozen=True):
    """A leaf."""

    size: int
    """How big."""


LEAF = {
    "description": "A leaf.",
    "type": "object",
    "required": ["size"],
    "properties": {"size": {"description": "How big.", "type": "integer"}},
}

RULES: dict[str, tuple[object, Schema]] = {
    "text": (str, {"type": "string"}),
    "truth": (bool, {"type": "boolean"}),
    "number": (int, {"type": "integer"}),
    "number of a width": (Int32, {"type": "integer", "format": "int32"}),
    "bytes": (bytes, {"type": "string", "format": "byte"}),
    "time": (datetime, {"type": "string", "format": "date-time"}),
    "enum has its type": (Colour, {"type": "string", "enum": ["red", "blue"]}),
    "literal has its type": (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
    "optional is not a null union": (str | None, {"type": "string"}),
    "optional enum has no null": (Colour | None, {"type": "string", "enum": ["red", "blue"]}),
    "list is atomic": (
        tuple[str, ...],
        {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "atomic"},
    ),
    "list may be a map": (
        Annotated[
            tuple[str, ...],
            Meta(extra_json_schema={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
        ],
        {
            "type": "array",
            "items": {"type": "string"},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    ),
    "map": (dict[str, str], {"type": "object", "additionalProperties": {"type": "string"}}),
    "free-form object": (dict[str, Any], {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
    "anything": (Any, {"x-kubernetes-preserve-unknown-fields": True}),
    "quantity": (
        Quantity,
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
            "pattern": r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]"
            r"|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$",
        },
    ),
    "pattern, bounds, default are copied": (
        Annotated[str | None, Meta(extra_json_schema={"pattern": "^a+$", "maxLength": 3, "default": "aa"})],
        {"type": "string", "pattern": "^a+$", "maxLength": 3, "default": "aa"},
    ),
    "bounds of text": (
        Annotated[str, Meta(pattern="^a+$", min_length=1, max_length=3)],
        {"type": "string", "pattern": "^a+$", "minLength": 1, "maxLength": 3},
    ),
    "bounds of numbers": (Annotated[int, Meta(ge=1, le=9)], {"type": "integer", "minimum": 1, "maximum": 9}),
    "object is written out": (Leaf, LEAF),
    "object in a list is written out": (
        tuple[Leaf, ...],
        {"type": "array", "items": LEAF, "x-kubernetes-list-type": "atomic"},
    ),
    "metadata is the API server's": (ObjectMeta, {"type": "object"}),
}


@pytest.mark.parametrize(("kind", "expected"), RULES.values(), ids=RULES)
def test_rule(kind: object, expected: Schema) -> None:
    """Each sort of type becomes what a CRD takes."""
    assert structural(inspect.type_info(kind)) == expected


@pytest.mark.parametrize("kind", [float, set[str], int | bytes, Leaf | Colour], ids=str)
def test_refuses_types_without_a_schema(kind: object) -> None:
    """A type that a structural schema cannot hold is an error when generating, not at the API server."""
    with pytest.raises(TypeError, match="no structural schema"):
        structural(inspect.type_info(kind))


class Tree(APIStruct, frozen=True):
    """A tree."""

    leaf: Leaf = Leaf(1)
    """The only one."""
    grows_for: GoDuration = ""
    """How long."""
    plain: str = ""
    tree_id: str = "0"
    """Its name on the wire is an acronym's."""


def test_fields_describe_their_objects() -> None:
    """The field's sentence replaces the struct's, and comes before what a scalar's type says of itself."""
    properties = schema_of(Tree)["properties"]

    assert properties["leaf"] == {**LEAF, "description": "The only one."}
    assert properties["growsFor"]["description"] == "How long. A Go duration such as 2160h or 1h30m."
    assert properties["plain"] == {"type": "string"}


def test_struct_defaults_are_not_schema_defaults() -> None:
    """What an absent field means is not written into stored objects."""
    assert "default" not in schema_of(Tree)["properties"]["treeID"]
    assert "required" not in schema_of(Tree)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.resource.kind)
def test_schemas_are_structural(kind: Kind) -> None:
    """Nowhere a reference, a title, a null, a closed object, or a node without type that is not free-form."""
    for path, node in walk("", object_schema(kind)):
        assert not node.keys() & {"$ref", "title", "oneOf", "allOf", "nullable"}, path
        assert node.get("additionalProperties") is not False, path
        assert "default" not in node or node["default"] is not None, path
        assert None not in node.get("enum", ()), path
        assert node.keys() & {"type", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"}, path


def walk(path: str, schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield each node with its path."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from walk(f"{path}.{name}", inner)
    for key, step in (("items", "[]"), ("additionalProperties", "{}")):
        if key in schema:
            yield from walk(path + step, schema[key])
