"""The form of objects: complete for every kind, and every keyword of the schemas understood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from certs.api.crd import KINDS, VALIDATIONS, Kind
from certs.api.ingress import Ingress
from shim.check.nodes import Mapping, Node, Plain
from shim.check.reading import read
from shim.check.schemas import CEL, schema_for
from shim.check.structure import Structure, structure
from tests.certs.api.filled import CASES, filled

# What the validator asks, and what says nothing about an object that is to be created.
ASKED = frozenset(
    [
        "type",
        "properties",
        "additionalProperties",
        "items",
        "required",
        "enum",
        "anyOf",
        "format",
        "pattern",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-validations",
    ]
)
SILENT = frozenset(
    (
        "default",
        "description",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-type",
        "x-kubernetes-map-type",
        "x-kubernetes-preserve-unknown-fields",
    )
)


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every schema within a schema."""
    if not isinstance(schema, dict):
        return
    yield schema
    for inner in (*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")):
        yield from nodes(inner)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.resource.kind)
def test_every_keyword_is_understood(kind: Kind) -> None:
    """A schema that says something new must be asked for it here, or be told to be silent on purpose."""
    for schema in nodes(schema_for(kind)):
        assert schema.keys() <= ASKED | SILENT
        assert schema.get("x-kubernetes-list-type", "atomic") in {"atomic", "map"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.resource.kind)
def test_every_cel_rule_is_asked(kind: Kind) -> None:
    """What only the API server would say is said here, too; the rest is the judge's."""
    rules = [rule for schema in nodes(schema_for(kind)) for rule in schema.get("x-kubernetes-validations", ())]
    judged = {rule.message for rules in VALIDATIONS[kind].values() for rule in rules}

    assert {rule["message"] for rule in rules} - judged <= CEL.keys()


def tree(text: str) -> Node:
    (node,) = read(text.encode())
    assert isinstance(node, Mapping)
    return node


def form_of(kind: Any, text: str) -> Structure:
    node = tree(text)
    return structure(kind, Plain()(node), node)


@pytest.mark.parametrize(("kind", "variant"), CASES)
def test_every_field_is_known(kind: Kind, variant: int) -> None:
    """An object with every field filled has the form of its kind."""
    found = form_of(kind, yaml.safe_dump(filled(kind, variant)))

    assert [str(problem) for _, problem in found.problems] == []


@pytest.mark.parametrize(
    ("wrong", "detail", "remedy", "mended"),
    [
        ("secretName: 5", "must be text, not a number", 'quote it: "5"', "5"),
        ("secretName: 0x10", "must be text, not a number", 'quote it: "0x10"', "0x10"),
        ("secretName: no", "must be text, not a boolean", 'quote it: "no"', "no"),
        ("secretName: [a]", "must be text, not a list", "write a, without the list", "a"),
        ("dnsNames: a", "must be a list, not text", "write it as a list: [a]", ["a"]),
        ("isCA: 'yes'", "must be true or false, not text", "write true, without quotes", True),
        ("revisionHistoryLimit: '3'", "must be a whole number, not text", "write 3, without quotes", 3),
        ("commonName:", "must be text, not null", "give it a value, or remove the line", None),
    ],
)
def test_a_wrong_type_is_told_and_mended(wrong: str, detail: str, remedy: str, mended: Any) -> None:
    """With what was written in the remedy, and what was meant in the copy that is judged."""
    spec = {"secretName": "s", "issuerRef": "{name: i}", "dnsNames": "[a.example]"}
    name = wrong.split(":", maxsplit=1)[0]
    spec.pop(name, None)
    lines = [f"  {key}: {value}" for key, value in spec.items()]
    found = form_of(KINDS[0], "\n".join(["metadata: {name: x}", "spec:", *lines, f"  {wrong}"]))

    ((line, problem),) = found.problems
    assert (line, str(problem.path), problem.detail, problem.remedy) == (3 + len(lines), f"spec.{name}", detail, remedy)
    assert found.value["spec"].get(name) == mended
    assert found.is_judgeable


def test_exactly_one_way_to_venafi() -> None:
    """The one CEL rule that no rule of admission repeats."""
    issuer = next(kind for kind in KINDS if kind.resource.kind == "Issuer")

    found = form_of(issuer, "metadata: {name: x}\nspec: {venafi: {zone: z}}")

    assert [problem.detail for _, problem in found.problems] == [
        "exactly one of tpp, cloud, or ngts must be configured"
    ]


def test_a_misspelled_field_is_taken_for_the_one_that_was_meant() -> None:
    """So what is wrong within it is told in the same pass, on its line."""
    found = form_of(Ingress, "metadata: {name: x}\nspec:\n  tls:\n  - Hosts:\n    - a\n    - 5\n")

    assert [(line, str(problem.path)) for line, problem in found.problems] == [
        (4, "spec.tls[0].Hosts"),
        (6, "spec.tls[0].hosts[1]"),
    ]
    assert found.value["spec"]["tls"] == [{"hosts": ["a", "5"]}]


def test_two_fields_of_nearly_the_same_name_stay_two() -> None:
    """What was meant by the second cannot be guessed."""
    found = form_of(Ingress, "metadata: {name: x}\nspec:\n  tls:\n  - {hosts: [a], host: [b]}\n")

    assert found.value["spec"]["tls"] == [{"hosts": ["a"], "host": ["b"]}]
