"""The CustomResourceDefinitions of the six kinds: their schemas, and how kubectl shows and finds them.

One version, v1, served and stored; no conversion.  Names, columns and selectable fields are
those that cert-manager's users type and see, so that their scripts and dashboards go on working.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from certs.api import validations
from certs.api.certificate import Certificate
from certs.api.certificaterequest import CertificateRequest
from certs.api.challenge import Challenge
from certs.api.issuer import ClusterIssuer, Issuer
from certs.api.meta import Resource
from certs.api.order import Order
from certs.api.schema import Schema, schema_of

Kind = type[Certificate | CertificateRequest | Issuer | ClusterIssuer | Order | Challenge]

LABELS: Final = {"app.kubernetes.io/name": "certshim", "app.kubernetes.io/component": "crds"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; a wide one is shown with `-o wide` only."""

    name: str
    json_path: str
    wide: bool = False
    type: str = "string"

    def definition(self) -> Schema:
        """Return the column as the CRD has it."""
        priority = {"priority": 1} if self.wide else {}
        return {"name": self.name, "type": self.type, "jsonPath": self.json_path, **priority}


@dataclass(frozen=True, slots=True)
class Presentation:
    """How kubectl names and shows a kind, beside its resource."""

    columns: tuple[Column, ...]
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ("cert-manager",)
    selectable: tuple[str, ...] = ()


def _condition(kind: str, field: str = "status") -> str:
    return f'.status.conditions[?(@.type=="{kind}")].{field}'


READY: Final = Column("Ready", _condition("Ready"))
STATUS: Final = Column("Status", _condition("Ready", "message"), wide=True)
STATE: Final = Column("State", ".status.state")
REASON: Final = Column("Reason", ".status.reason", wide=True)
ISSUER: Final = ".spec.issuerRef.name"
AGE: Final = Column("Age", ".metadata.creationTimestamp", type="date")

BY_ISSUER: Final = (".spec.issuerRef.group", ".spec.issuerRef.kind", ".spec.issuerRef.name")
ACME: Final = ("cert-manager", "cert-manager-acme")

PRESENTATIONS: Final[Mapping[Kind, Presentation]] = {
    Certificate: Presentation(
        short_names=("cert", "certs"),
        selectable=BY_ISSUER,
        columns=(
            READY,
            Column("Secret", ".spec.secretName"),
            Column("Issuer", ISSUER, wide=True),
            STATUS,
            # A string: kubectl shows a date as the time since then, and this one is still to come.
            Column("Expiration", ".status.notAfter", wide=True),
            AGE,
        ),
    ),
    CertificateRequest: Presentation(
        short_names=("cr", "crs"),
        selectable=BY_ISSUER,
        columns=(
            Column("Approved", _condition("Approved")),
            Column("Denied", _condition("Denied")),
            READY,
            Column("Issuer", ISSUER),
            Column("Requester", ".spec.username"),
            STATUS,
            AGE,
        ),
    ),
    Issuer: Presentation(short_names=("iss",), columns=(READY, STATUS, AGE)),
    ClusterIssuer: Presentation(short_names=("ciss",), columns=(READY, STATUS, AGE)),
    Order: Presentation(
        categories=ACME,
        selectable=BY_ISSUER,
        columns=(STATE, Column("Issuer", ISSUER, wide=True), REASON, AGE),
    ),
    Challenge: Presentation(
        categories=ACME,
        selectable=BY_ISSUER,
        columns=(STATE, Column("Domain", ".spec.dnsName"), REASON, AGE),
    ),
}

KINDS: Final[tuple[Kind, ...]] = tuple(PRESENTATIONS)

# Without a spec these are refused by the webhook, which tells all that is missing; and it fills in a request's.
SPEC_LEFT_TO_ADMISSION: Final = frozenset[Kind]((Certificate, CertificateRequest))

VALIDATIONS: Final[Mapping[Kind, validations.Places]] = {
    Certificate: validations.CERTIFICATE,
    CertificateRequest: validations.REQUEST,
    Issuer: validations.ISSUER,
    ClusterIssuer: validations.ISSUER,
    Order: validations.ORDER,
    Challenge: validations.CHALLENGE,
}


def definition(kind: Kind) -> dict[str, Any]:
    """Return the CustomResourceDefinition of the kind as plain dicts and lists, always in the same order."""
    resource = kind.resource
    shown = PRESENTATIONS[kind]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": definition_name(resource), "labels": dict(LABELS)},
        "spec": {
            "group": resource.group,
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "names": _names(resource, shown),
            "versions": [_version(kind, shown)],
        },
    }


def definition_name(resource: Resource) -> str:
    """Return the name of the CRD, which Kubernetes prescribes: plural, dot, group."""
    return f"{resource.plural}.{resource.group}"


def object_schema(kind: Kind) -> Schema:
    """Return the schema of whole objects: the struct's, the two fields that say what it is, and the rules in CEL."""
    schema = schema_of(kind)
    resource = kind.resource
    schema["properties"] = {
        "apiVersion": {"description": f"Always {resource.api_version}.", "type": "string"},
        "kind": {"description": f"Always {resource.kind}.", "type": "string"},
        **schema["properties"],
    }
    if kind in SPEC_LEFT_TO_ADMISSION:
        del schema["required"]
    for place, rules in VALIDATIONS[kind].items():
        _at(schema, place)["x-kubernetes-validations"] = [rule.definition() for rule in rules]
    return schema


def _at(schema: Schema, place: str) -> Schema:
    """Return the schema of a place such as `spec.acme.solvers[].dns01`."""
    for name in place.split("."):
        schema = schema["properties"][name.removesuffix("[]")]
        if name.endswith("[]"):
            schema = schema["items"]
    return schema


def _names(resource: Resource, shown: Presentation) -> Schema:
    names: Schema = {
        "kind": resource.kind,
        "listKind": f"{resource.kind}List",
        "plural": resource.plural,
        "singular": resource.kind.lower(),
    }
    if shown.short_names:
        names["shortNames"] = list(shown.short_names)
    return names | {"categories": list(shown.categories)}


def _version(kind: Kind, shown: Presentation) -> Schema:
    version: Schema = {
        "name": kind.resource.version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [column.definition() for column in shown.columns],
    }
    if shown.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in shown.selectable]
    return version | {"schema": {"openAPIV3Schema": object_schema(kind)}}
