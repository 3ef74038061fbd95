"""The schemas of all kinds that are checked, closed, and the validator that asks them.

The schemas are those of the CRDs that are installed: what they do not name is refused, as kubectl's strict
validation does.  Where jsonschema would tell several fields in one error, or knows nothing of an extension of
Kubernetes', a keyword is ours; each error is at the path of one field.

CEL rules of the schemas are asked by the API server only, except those that no rule of ours repeats (`CEL`); the
others say what the judge says (`certs.api.validations`).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

from certs.api.core import Namespace, Secret
from certs.api.crd import KINDS, object_schema
from certs.api.ingress import Ingress
from certs.api.meta import KubeObject
from shim.check import slices

UNKNOWN: Final = "additionalProperties"  # the keyword that finds fields of no name

FOREIGN: Final[Mapping[type[KubeObject], slices.Schema]] = {
    Ingress: slices.INGRESS,
    Namespace: slices.NAMESPACE,
    Secret: slices.SECRET,
}


def errors_of(kind: type[KubeObject], value: Any) -> list[ValidationError]:
    """Return everything in which the value is not of the form of its kind."""
    return list(_validator(kind).iter_errors(value))


@cache
def _validator(kind: type[KubeObject]) -> Any:
    return _Validator(schema_for(kind), format_checker=FORMATS)


@cache
def schema_for(kind: type[KubeObject]) -> slices.Schema:
    """Return the closed schema of a kind."""
    if kind in FOREIGN:
        return FOREIGN[kind]
    schema: slices.Schema = closed(object_schema(next(one for one in KINDS if one is kind)))
    schema["properties"]["metadata"] = slices.METADATA
    return schema


def closed(schema: Any) -> Any:
    """Return the schema with unknown fields refused wherever it does not say that it keeps them."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items() if key != "description" or not isinstance(value, str)}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made


FORMATS: Final = FormatChecker(formats=())


@FORMATS.checks("byte", raises=binascii.Error)
def _is_base64(value: object) -> bool:
    return not isinstance(value, str) or base64.b64decode(value, validate=True) is not None


@FORMATS.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("int32")
def _is_int32(value: object) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


@FORMATS.checks("int64")
def _is_int64(value: object) -> bool:
    return not isinstance(value, int) or -(2**63) <= value < 2**63


Errors = Iterator[ValidationError]


def _required(_validator: Any, names: list[str], instance: Any, _schema: Any) -> Errors:
    if isinstance(instance, dict):
        yield from (ValidationError("", path=(name,)) for name in names if name not in instance)


def _known(_validator: Any, rest: Any, instance: Any, schema: Any) -> Errors:
    """Refuse unknown fields, each by its own path; or hold each against the schema of the rest."""
    if not isinstance(instance, dict):
        return
    properties = schema.get("properties", {})
    for name in instance:
        if name in properties:
            continue
        if rest is False:
            yield ValidationError("", path=(name,))
        elif isinstance(rest, dict):
            yield from _validator.descend(instance[name], rest, path=name)


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Errors:
    if isinstance(instance, str) and not re.search(pattern, instance):
        yield ValidationError("")


def _keyed(_validator: Any, keys: list[str], instance: Any, _schema: Any) -> Errors:
    """Refuse two items of a list with the same keys (`x-kubernetes-list-map-keys`)."""
    seen: set[str] = set()
    for i, item in enumerate(instance if isinstance(instance, list) else ()):
        key = repr([item.get(key) for key in keys]) if isinstance(item, dict) else ""
        if key in seen:
            yield ValidationError("", path=(i,))
        seen.add(key)


def _one_venafi(value: Any) -> bool:
    return sum(name in value for name in ("tpp", "cloud", "ngts")) == 1


# By message, as expressions are rewritten more often.
CEL: Final[Mapping[str, Callable[[Any], bool]]] = {
    "exactly one of tpp, cloud, or ngts must be configured": _one_venafi,
}


def _cel(_validator: Any, rules: list[dict[str, str]], instance: Any, _schema: Any) -> Errors:
    for rule in rules:
        message = rule.get("message", "")
        holds = CEL.get(message)
        if holds is not None and isinstance(instance, dict) and not holds(instance):
            yield ValidationError(message)


_Validator: Final[Any] = extend(  # type: ignore[no-untyped-call]  # jsonschema's own is untyped
    Draft202012Validator,
    {
        "required": _required,
        UNKNOWN: _known,
        "pattern": _pattern,
        "x-kubernetes-list-map-keys": _keyed,
        "x-kubernetes-validations": _cel,
    },
)
