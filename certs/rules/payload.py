"""Whether a request's object is of the kind that its resource says.

The API decodes an object by what the object says of itself, and by what the request says where it is silent;
only then is it looked at whether that fits the resource (cert-manager, `pkg/webhook/admission`).  From an API server
the two never differ; from somebody who posts reviews by hand they may.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from certs.api.admission import GroupVersionKind
from certs.api.meta import Resource
from certs.rules.findings import Undecodable

StructT = TypeVar("StructT", bound=msgspec.Struct)

OWN_GROUPS: Final = frozenset(("cert-manager.io", "acme.cert-manager.io"))
VERSION: Final = "v1"

# Go's names of the types, which stand in sentences.
_TYPES: Final[Mapping[tuple[str, str], str]] = {
    ("cert-manager.io", "Certificate"): "*certmanager.Certificate",
    ("cert-manager.io", "CertificateRequest"): "*certmanager.CertificateRequest",
    ("cert-manager.io", "ClusterIssuer"): "*certmanager.ClusterIssuer",
    ("cert-manager.io", "Issuer"): "*certmanager.Issuer",
    ("acme.cert-manager.io", "Challenge"): "*acme.Challenge",
    ("acme.cert-manager.io", "Order"): "*acme.Order",
}


class _Said(msgspec.Struct):
    """What an object says of itself."""

    said_kind: str | None = msgspec.field(default="", name="kind")
    said_version: str | None = msgspec.field(default="", name="apiVersion")


_SAID: Final = msgspec.json.Decoder(_Said)


def saying(kind: type[StructT]) -> type[StructT]:
    """Return the subclass of a struct that also reads what the object says of itself."""
    fields: list[Any] = [
        ("said_kind", str, msgspec.field(default="", name="kind")),
        ("said_version", str, msgspec.field(default="", name="apiVersion")),
    ]
    made = msgspec.defstruct(kind.__name__, fields, bases=(kind,), kw_only=True, frozen=True, gc=False)
    assert issubclass(made, kind)  # noqa: S101 - by its bases
    return made


def misfit(own: Resource, given: GroupVersionKind, said: Any, what: str = "object") -> str:
    """Return why an object read into a struct of `saying` is not of the resource's kind, or nothing.

    `given` is the kind of the request.  Raises `Undecodable` for a kind that is none of ours.
    """
    if said.said_kind == own.kind and said.said_version == own.api_version:
        return ""
    found = (own.group, said.said_kind or given.kind)
    if own.group in OWN_GROUPS:
        found = _registered(given, said.said_version, said.said_kind)
    if found == (own.group, own.kind):
        return ""
    return f"internal error: {what} in admission request is not of type {_TYPES.get((own.group, own.kind), own.kind)}"


def require_known(given: GroupVersionKind, raw: bytes) -> None:
    """Raise `Undecodable` unless the object, of a resource that nothing is known of, is of a kind of ours."""
    try:
        said = _SAID.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Undecodable(f"cannot read the object: {error}") from error
    _registered(given, said.said_version or "", said.said_kind or "")


def _registered(given: GroupVersionKind, said_version: str, said_kind: str) -> tuple[str, str]:
    """Return group and kind of an object; raises `Undecodable` for those that the API does not know."""
    group, slash, version = said_version.rpartition("/")
    if "/" in group:
        raise Undecodable(f"unexpected GroupVersion string: {said_version}")
    if not version:
        group, version = (group or given.group) if not slash else group, given.version
    kind = said_kind or given.kind
    if not kind:
        raise Undecodable("Object 'Kind' is missing")
    if version != VERSION or (group, kind.removesuffix("List")) not in _TYPES:
        known = f"{group}/{version}" if group else version
        raise Undecodable(f'no kind "{kind}" is registered for version "{known}" in scheme "pkg/runtime/scheme.go:111"')
    return group, kind
