"""Objects with every field filled, built from the structs, so that a new field is covered the moment it exists.

Each value is one that the field's type, words and pattern allow and that differs from its default;
what a struct must not have together (`ALTERNATIVES`) takes turns over the variants of its kind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import inspect as types

from certs.api.certificate import Certificate, JKSKeystore, PKCS12Keystore
from certs.api.crd import KINDS, Kind
from certs.api.issuer import (
    ACMESolver,
    Cloudflare,
    ClusterIssuer,
    HTTP01Ingress,
    HTTP01Solver,
    Issuer,
    IssuerSpec,
    VaultKubernetes,
    VenafiIssuer,
    VenafiTPP,
)
from certs.api.meta import ObjectMeta

# The fields of a struct of which one must be chosen.
ALTERNATIVES: Final[Mapping[type, frozenset[str]]] = {
    IssuerSpec: frozenset(("acme", "ca", "self_signed", "vault", "venafi")),
    VenafiIssuer: frozenset(("tpp", "cloud", "ngts")),
    VenafiTPP: frozenset(("ca_bundle", "ca_bundle_secret_ref")),
    VaultKubernetes: frozenset(("secret_ref", "service_account_ref")),
    ACMESolver: frozenset(("http01", "dns01")),
    HTTP01Solver: frozenset(("ingress", "gateway_http_route")),
    HTTP01Ingress: frozenset(("class_", "ingress_class_name")),
    Cloudflare: frozenset(("api_key_secret_ref", "api_token_secret_ref")),
    JKSKeystore: frozenset(("password", "password_secret_ref")),
    PKCS12Keystore: frozenset(("password", "password_secret_ref")),
}

Choice = Mapping[type, str]

ISSUERS: Final[tuple[Choice, ...]] = (
    {IssuerSpec: "acme"},
    {IssuerSpec: "ca"},
    {IssuerSpec: "self_signed"},
    {IssuerSpec: "vault", VaultKubernetes: "secret_ref"},
    {IssuerSpec: "vault", VaultKubernetes: "service_account_ref"},
    {IssuerSpec: "venafi", VenafiIssuer: "tpp", VenafiTPP: "ca_bundle"},
    {IssuerSpec: "venafi", VenafiIssuer: "tpp", VenafiTPP: "ca_bundle_secret_ref"},
    {IssuerSpec: "venafi", VenafiIssuer: "cloud"},
    {IssuerSpec: "venafi", VenafiIssuer: "ngts"},
)

# In a list each choice is a member.
MEMBERS: Final[Mapping[type, tuple[Choice, ...]]] = {
    ACMESolver: (
        {ACMESolver: "http01", HTTP01Solver: "ingress", HTTP01Ingress: "class_"},
        {ACMESolver: "http01", HTTP01Solver: "ingress", HTTP01Ingress: "ingress_class_name"},
        {ACMESolver: "http01", HTTP01Solver: "gateway_http_route"},
        {ACMESolver: "dns01", Cloudflare: "api_key_secret_ref"},
        {ACMESolver: "dns01", Cloudflare: "api_token_secret_ref"},
    )
}

# A kind that is not here has no alternatives, or, as the solver of a Challenge, nobody looks at them.
VARIANTS: Final[Mapping[Kind, tuple[Choice, ...]]] = {
    Issuer: ISSUERS,
    ClusterIssuer: ISSUERS,
    Certificate: (
        {JKSKeystore: "password", PKCS12Keystore: "password"},
        {JKSKeystore: "password_secret_ref", PKCS12Keystore: "password_secret_ref"},
    ),
}
NO_CHOICE: Final[tuple[Choice, ...]] = ({},)

# Every kind once, and those with alternatives once for each.
CASES: Final[tuple[tuple[Kind, int], ...]] = tuple(
    (kind, variant) for kind in KINDS for variant in range(len(VARIANTS.get(kind, NO_CHOICE)))
)

# Words for fields with a pattern: the first that fits is taken.
CANDIDATES: Final = ("word", "1h30m", "500m")


def filled(kind: Kind, variant: int = 0) -> dict[str, Any]:
    """Return an object of the kind as it stands on the wire, its metadata left to the caller."""
    resource = kind.resource
    body: dict[str, Any] = _value(types.type_info(kind), VARIANTS.get(kind, NO_CHOICE)[variant])
    return {"apiVersion": resource.api_version, "kind": resource.kind, **body}


def _value(node: types.Type, choice: Choice) -> Any:  # noqa: C901, PLR0911 - a case, and a return, for each sort of type
    match node:
        case types.Metadata(type=inner, extra_json_schema=extra):
            pattern = (extra or {}).get("pattern")
            return _word(pattern) if pattern else _value(inner, choice)
        case types.StructType(cls=cls) if cls is ObjectMeta:
            return {}
        case types.StructType(cls=cls, fields=fields):
            others = ALTERNATIVES[cls] - {choice[cls]} if cls in choice else ()
            return {one.encode_name: _value(one.type, choice) for one in fields if one.name not in others}
        case types.UnionType(types=alternatives):
            return _value(alternatives[0], choice)
        case types.DictType(value_type=value):
            return {"key": _value(value, choice)}
        case types.VarTupleType(item_type=types.StructType(cls=cls) as item) if cls in MEMBERS:
            return [_value(item, member) for member in MEMBERS[cls]]
        case types.VarTupleType(item_type=item):
            return [_value(item, choice)]
        case types.EnumType(cls=words):
            return next(word.value for word in words if word.value)
        case types.LiteralType(values=values):
            return values[-1]  # of a Renewal's policies that which goes with windows
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
