"""Descriptions read from the source."""

from __future__ import annotations

import pytest
from msgspec import inspect as types

from certs.api.certificate import CertificateSpec
from certs.api.crd import KINDS
from certs.api.describe import field_descriptions, summary
from certs.api.meta import APIStruct, ObjectMeta


class Parent(APIStruct, frozen=True):
    """Something told
    over two lines.
    """  # noqa: D205 - the line break is what is tested

    told: str = ""
    """One sentence
    over two lines."""
    silent: str = ""
    both: str = ""
    """The parent's."""


class Child(Parent, frozen=True):
    """A child."""

    own: int = 0
    """Its own."""
    both: str = ""
    """The child's."""


def test_reads_the_string_after_a_field() -> None:
    """Line breaks of the source are not the reader's; a field without a string has no entry."""
    assert field_descriptions(Parent) == {"told": "One sentence over two lines.", "both": "The parent's."}


def test_inherits_descriptions() -> None:
    """A child's word stands before its parent's."""
    assert field_descriptions(Child) == {
        "told": "One sentence over two lines.",
        "both": "The child's.",
        "own": "Its own.",
    }


def test_summary_is_the_docstring_on_one_line() -> None:
    """A docstring becomes one paragraph."""
    assert summary(Parent) == "Something told over two lines."


def structs_within(node: types.Type) -> set[type]:
    """Return the structs that a type is made of, at any depth; metadata is Kubernetes' own."""
    match node:
        case types.StructType(cls=own, fields=fields):
            return set() if own is ObjectMeta else {own}.union(*(structs_within(field.type) for field in fields))
        case types.UnionType(types=inner):
            return set().union(*(structs_within(one) for one in inner))
        case types.Metadata(type=inner) | types.VarTupleType(item_type=inner) | types.DictType(value_type=inner):
            return structs_within(inner)
        case _:
            return set()


STRUCTS = sorted(
    set().union(*(structs_within(types.type_info(kind)) for kind in KINDS)), key=lambda struct: struct.__name__
)


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda one: one.__name__)
def test_every_field_of_every_struct_is_described(struct: type[APIStruct]) -> None:
    """No field reaches the CRDs and the reference pages without a sentence."""
    described = field_descriptions(struct)

    assert [name for name in struct.__struct_fields__ if name not in described and name != "metadata"] == []
    assert summary(struct)


def test_finds_all_structs() -> None:
    """The test above sees structs at every depth."""
    assert CertificateSpec in STRUCTS
    assert len(STRUCTS) > 70
