"""The twin of a legacy object: an object of today's kind with its namespace and name, made, compared, and read back.

A twin carries the fingerprint of the spec that was written into it.  So it can be told whether a twin is behind its
legacy object, or somebody has edited it.  It carries the keys of the labels and annotations that were copied, too: what
is gone from the legacy object goes from the twin, and what others have put there stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, cast

import msgspec

from certs.api.certificate import Certificate
from certs.api.crd import Kind, object_schema
from certs.api.issuer import ClusterIssuer, Issuer, IssuerStatus
from certs.api.meta import Condition, ObjectMeta, controller_of, owner_reference
from certs.api.schema import Schema
from certs.legacy.kinds import TWINS, AnyLegacy, LegacyCertificate, LegacyCertificateStatus, Twin
from certs.legacy.modern import Modern
from certs.outcomes import Permanent

MIRRORED: Final = "certshim.io/mirrored-spec"
COPIED: Final = "certshim.io/mirrored-keys"  # annotations, and labels behind a semicolon, which no key has
DIGITS: Final = 16


def twin_of(legacy: AnyLegacy, made: Modern) -> Twin:
    """Return the twin as it shall be.  Raises Permanent for a spec that is none of today's kind."""
    kind = TWINS[type(legacy)]
    metadata = ObjectMeta(
        name=legacy.metadata.name,
        namespace=legacy.metadata.namespace,
        labels=made.labels,
        annotations=made.annotations,
        owner_references=(owner_reference(legacy),),
    )
    try:
        twin = msgspec.convert({"metadata": {}, "spec": _defaulted(_spec_schema(kind), made.spec)}, kind)
    except msgspec.ValidationError as error:
        raise Permanent(
            f"cannot be carried over to {kind.resource.api_version}: {error}; mend it here, or write that form",
            reason="NotCarriedOver",
        ) from error
    mark = {MIRRORED: fingerprint(twin)}
    if made.annotations or made.labels:
        mark[COPIED] = f"{' '.join(sorted(made.annotations))};{' '.join(sorted(made.labels))}"
    metadata = msgspec.structs.replace(metadata, annotations={**made.annotations, **mark})
    return msgspec.structs.replace(twin, metadata=metadata)


def fingerprint(twin: Twin) -> str:
    """Return a few digits that another spec does not have."""
    return hashlib.sha256(msgspec.json.encode(twin.spec, order="deterministic")).hexdigest()[:DIGITS]


def is_edited(twin: Twin) -> bool:
    """Has somebody changed the spec since it was mirrored?"""
    return twin.metadata.annotations.get(MIRRORED) != fingerprint(twin)


def is_twin(twin: Twin, legacy: AnyLegacy) -> bool:
    """Was it made for that object?"""
    owner = controller_of(twin.metadata)
    return owner is not None and owner.uid == legacy.metadata.uid


def is_left_over(twin: Twin, legacy: AnyLegacy) -> bool:
    """Was it made for an object of that kind and name that is gone, as after `kubectl replace --force`?

    The collector takes it, or makes it nobody's where it was asked to orphan it.
    """
    owner, kind = controller_of(twin.metadata), type(legacy).resource
    if owner is None or owner.uid == legacy.metadata.uid:
        return False
    return (owner.api_version, owner.kind, owner.name) == (kind.api_version, kind.kind, legacy.metadata.name)


def is_equal(twin: Twin, wanted: Twin) -> bool:
    """Is it as it shall be?  Labels and annotations of others may be on it."""
    there, asked = twin.metadata, wanted.metadata
    return (
        twin.spec == wanted.spec
        and asked.labels.items() <= there.labels.items()
        and asked.annotations.items() <= there.annotations.items()
        and not any(dropped(twin, wanted))
    )


def dropped(twin: Twin, wanted: Twin) -> tuple[frozenset[str], frozenset[str]]:
    """Return the annotations and labels that were copied into the twin, and are no longer to be there."""
    there, asked = twin.metadata, wanted.metadata
    annotations, _, labels = there.annotations.get(COPIED, "").partition(";")
    return (
        frozenset((*annotations.split(), COPIED)) & there.annotations.keys() - asked.annotations.keys(),
        frozenset(labels.split()) & there.labels.keys() - asked.labels.keys(),
    )


def differing(twin: Twin, wanted: Twin) -> tuple[str, ...]:
    """Return the paths at which the specs differ, for people; no values, as there may be a password."""
    return tuple(_paths("spec", msgspec.to_builtins(twin.spec), msgspec.to_builtins(wanted.spec)))


def _paths(path: str, one: object, other: object) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            yield from _paths(f"{path}.{key}", one.get(key), other.get(key))
    elif one != other:
        yield path


# --- The status, back ------------------------------------------------------------------------


def status_of(twin: Twin) -> IssuerStatus | LegacyCertificateStatus:
    """Return what the legacy object shows: the twin's status, as far as there was a field for it."""
    match twin:
        case Issuer() | ClusterIssuer():
            return IssuerStatus(conditions=_conditions(twin.status.conditions), acme=twin.status.acme)
        case Certificate():
            return LegacyCertificateStatus(
                conditions=_conditions(twin.status.conditions),
                last_failure_time=twin.status.last_failure_time,
                not_after=twin.status.not_after,
            )


def with_conditions(legacy: AnyLegacy, conditions: tuple[Condition, ...]) -> IssuerStatus | LegacyCertificateStatus:
    """Return the status with these conditions instead."""
    return msgspec.structs.replace(legacy.status, conditions=conditions)


def with_status(legacy: AnyLegacy, status: IssuerStatus | LegacyCertificateStatus) -> AnyLegacy:
    """Return the object with that status, which must be of its kind."""
    assert isinstance(status, LegacyCertificateStatus) == isinstance(legacy, LegacyCertificate)  # noqa: S101  ours
    return cast("AnyLegacy", msgspec.structs.replace(cast("Any", legacy), status=status))


def _conditions(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """The generation that was observed is the twin's, and says nothing about this object's."""
    return tuple(msgspec.structs.replace(condition, observed_generation=0) for condition in conditions)


# --- Defaults --------------------------------------------------------------------------------


@cache
def _spec_schema(kind: type[Twin]) -> Schema:
    schema: Schema = object_schema(cast("Kind", kind))["properties"]["spec"]
    return schema


def _defaulted(schema: Mapping[str, Any], tree: Any) -> Any:
    """Return the tree as the API server stores it: with the defaults that the CRD has."""
    if isinstance(tree, list):
        return [_defaulted(schema.get("items", {}), one) for one in tree]
    if not isinstance(tree, dict):
        return tree
    fields: Mapping[str, Any] = schema.get("properties", {})
    defaults = {name: field["default"] for name, field in fields.items() if "default" in field and name not in tree}
    return {name: _defaulted(fields.get(name, {}), value) for name, value in tree.items()} | defaults
