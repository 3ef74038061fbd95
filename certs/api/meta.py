"""What all Kubernetes objects share: metadata, references, conditions, and how a kind is addressed.

Every kind is a frozen msgspec struct holding just the fields that we read or write, so that
decoding skips what we do not use (`managedFields` above all) at a tenth of the cost.
The structs are the single source of decoding, encoding, the CRDs and the reference pages:
the string after a field is its description (`certs.api.schema` reads it from the source).

Conventions: snake_case here is camelCase on the wire; absent and default are the same;
lists are tuples, since nothing that came from a store may be changed; times are aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Protocol, TypeVar, cast

import msgspec

# Words that the API writes in capitals unless they come first: clientID, caBundle, isCA.
ACRONYMS: Final = {
    "ca": "CA",
    "dns": "DNS",
    "http": "HTTP",
    "id": "ID",
    "tls": "TLS",
    "url": "URL",
    "urls": "URLs",
}


def wire_name(field: str) -> str:
    """Return the JSON name of a field.

    >>> wire_name("private_key_secret_ref"), wire_name("hosted_zone_id"), wire_name("class_")
    ('privateKeySecretRef', 'hostedZoneID', 'class')
    """
    first, *rest = field.rstrip("_").split("_")
    return first + "".join(ACRONYMS.get(word, word.capitalize()) for word in rest)


class APIStruct(msgspec.Struct, frozen=True, rename=wire_name, omit_defaults=True, gc=False):
    """Base of every wire struct: immutable, camelCase, defaults left out."""


EMPTY: Final[Mapping[str, str]] = {}

# What Kubernetes' own generator writes for a quantity.
_NUMBER: Final = r"(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
_QUANTITY: Final = rf"^(\+|-)?{_NUMBER}(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?{_NUMBER}))?$"

Quantity = Annotated[
    int | float | str, msgspec.Meta(extra_json_schema={"x-kubernetes-int-or-string": True, "pattern": _QUANTITY})
]
NonEmpty = Annotated[str, msgspec.Meta(extra_json_schema={"minLength": 1})]
Int32 = Annotated[int, msgspec.Meta(extra_json_schema={"format": "int32"})]
Int64 = Annotated[int, msgspec.Meta(extra_json_schema={"format": "int64"})]
GoDuration = Annotated[str, msgspec.Meta(description="A Go duration such as 2160h or 1h30m.")]


class OwnerReference(APIStruct, frozen=True):
    """Who an object belongs to; the garbage collector follows it (same namespace only)."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = False
    block_owner_deletion: bool = False


class ObjectMeta(APIStruct, frozen=True):
    """The part of `metadata` that we use; `managedFields` is never decoded (but see `certs.api.core.SecretMeta`)."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()

    def to_send(self) -> ObjectMeta:
        """Return what a write may carry; a kind of which more is read leaves that out here."""
        return self


class ConditionStatus(StrEnum):
    """The three values of a condition (Kubernetes API conventions, "Typical status properties")."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(APIStruct, frozen=True):
    """One observation about an object, keyed by its type."""

    type: str
    """What is observed, for example Ready."""
    status: ConditionStatus
    """One of True, False, Unknown."""
    last_transition_time: datetime | None = None
    """When the status last changed; a new reason or message does not move it."""
    reason: str = ""
    """A short CamelCase word for machines."""
    message: str = ""
    """A sentence for people."""
    observed_generation: Int64 = 0
    """The metadata.generation that this observation was made of."""


class SecretKeySelector(APIStruct, frozen=True):
    """A key of a Secret in the namespace of the referrer (for a ClusterIssuer: the cluster resource namespace)."""

    name: str
    """Name of the Secret."""
    key: str = ""
    """Key within its data; some fields have a default of their own."""


class LocalObjectReference(APIStruct, frozen=True):
    """An object of the same namespace, by name."""

    name: str
    """Name of the object."""


class IssuerReference(APIStruct, frozen=True):
    """Which issuer signs."""

    name: str
    """Name of the issuer."""
    kind: str = ""
    """Issuer when empty; ClusterIssuer for one that serves all namespaces; any word for external issuers."""
    group: str = ""
    """cert-manager.io when empty; another API group is an external issuer's."""

    @property
    def effective_kind(self) -> str:
        """The kind with its default filled in."""
        return self.kind or "Issuer"

    @property
    def effective_group(self) -> str:
        """The group with its default filled in."""
        return self.group or "cert-manager.io"


@dataclass(frozen=True, slots=True)
class Resource:
    """How a kind is addressed at the API server."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`group/version`, or just the version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the URL path of the collection (no name) or of one object.

        An empty namespace of a namespaced kind means all namespaces (lists and watches only).
        """
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part]
        return "/".join(parts)


class KubeObject(Protocol):
    """What the informer, the store and the client need to know of an object."""

    resource: ClassVar[Resource]

    @property
    def metadata(self) -> ObjectMeta:
        """Name, namespace, version, …"""


ObjectT = TypeVar("ObjectT", bound=KubeObject)


def encode(obj: KubeObject) -> bytes:
    """Return the object as JSON with its apiVersion and kind, as the API server wants it."""
    resource = type(obj).resource
    head = f'{{"apiVersion":"{resource.api_version}","kind":"{resource.kind}",'.encode()
    metadata = obj.metadata.to_send()
    if metadata is not obj.metadata:
        obj = msgspec.structs.replace(cast("Any", obj), metadata=metadata)
    body = msgspec.json.encode(obj)
    return head + body[1:] if body != b"{}" else head[:-1] + b"}"


def to_builtins(obj: KubeObject) -> dict[str, Any]:
    """Return the object as plain dicts and lists with its apiVersion and kind."""
    resource = type(obj).resource
    plain: dict[str, Any] = msgspec.to_builtins(obj)
    return {"apiVersion": resource.api_version, "kind": resource.kind, **plain}


def find_condition(conditions: tuple[Condition, ...], kind: str) -> Condition | None:
    """Return the condition of that type, or None."""
    return next((condition for condition in conditions if condition.type == kind), None)


def is_true(conditions: tuple[Condition, ...], kind: str) -> bool:
    """Is there a condition of that type with status True?"""
    condition = find_condition(conditions, kind)
    return condition is not None and condition.status is ConditionStatus.TRUE


def with_condition(
    conditions: tuple[Condition, ...],
    kind: str,
    status: ConditionStatus,
    *,
    reason: str,
    message: str,
    now: datetime,
    generation: int = 0,
) -> tuple[Condition, ...]:
    """Return the conditions with that one set, in place or appended.

    `lastTransitionTime` moves only when the status changes; reason, message and
    observedGeneration are always overwritten.
    """
    old = find_condition(conditions, kind)
    unchanged = old is not None and old.status is status
    new = Condition(
        type=kind,
        status=status,
        last_transition_time=old.last_transition_time if old is not None and unchanged else now.replace(microsecond=0),
        reason=reason,
        message=message,
        observed_generation=generation,
    )
    if old is None:
        return (*conditions, new)
    return tuple(new if condition.type == kind else condition for condition in conditions)


def without_condition(conditions: tuple[Condition, ...], kind: str) -> tuple[Condition, ...]:
    """Return the conditions without that one."""
    return tuple(condition for condition in conditions if condition.type != kind)


def controller_of(metadata: ObjectMeta) -> OwnerReference | None:
    """Return the owner reference with `controller: true`, or None."""
    return next((owner for owner in metadata.owner_references if owner.controller), None)


def owner_reference(obj: KubeObject) -> OwnerReference:
    """Return the controller reference that an object created on behalf of `obj` carries."""
    resource = type(obj).resource
    return OwnerReference(
        api_version=resource.api_version,
        kind=resource.kind,
        name=obj.metadata.name,
        uid=obj.metadata.uid,
        controller=True,
        block_owner_deletion=True,
    )
