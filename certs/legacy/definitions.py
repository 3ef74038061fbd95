"""The CustomResourceDefinitions of `certmanager.k8s.io/v1alpha1`: those of today's kinds, with the words of then.

So whatever could be written then is accepted, `kubectl explain` tells what today's pages tell, and what a field of that
name is checked for is checked here.  Of today's fields those stay that have come since: they do no harm.  No short
names and no categories: `kubectl get cert` must go on meaning today's kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from certs.api.crd import LABELS, PRESENTATIONS, definition_name, object_schema
from certs.api.schema import Schema, schema_of
from certs.legacy.kinds import TWINS, AnyLegacy, LegacyCertificate, LegacyCertificateStatus
from certs.legacy.words import ALGORITHMS, PROVIDERS

_TEXT: Final[Schema] = {"type": "string"}


def _object(description: str, **properties: Schema) -> Schema:
    return {"description": description, "type": "object", "properties": properties}


def _list(description: str, items: Schema) -> Schema:
    return {"description": description, "type": "array", "items": items, "x-kubernetes-list-type": "atomic"}


def _word(description: str, *words: str) -> Schema:
    return {"description": description, "type": "string", "enum": list(words)}


_HTTP01: Final = _object("Today: a solver with http01.ingress.", serviceType=_TEXT)
_PROVIDER: Final[Schema] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_DNS01: Final = _object("Today: solvers with dns01, and selectors.", providers=_list("Providers by name.", _PROVIDER))
_CONFIG: Final = _object(
    "How the names are proven.",
    domains=_list("Names.", _TEXT),
    http01=_object("Over HTTP.", ingress=_TEXT, ingressClass=_TEXT),
    dns01=_object("Over DNS.", provider=_TEXT),
)
_OF_CERTIFICATES: Final[Mapping[str, Schema]] = {
    "organization": _list("Today: subject.organizations.", _TEXT),
    "keyAlgorithm": _word("Today: privateKey.algorithm.", *(word for word in ALGORITHMS if word != "ed25519")),
    "keySize": {"description": "Today: privateKey.size.", "type": "integer"},
    "keyEncoding": _word("Today: privateKey.encoding.", "pkcs1", "pkcs8"),
    "acme": _object("Today: the solvers of the issuer.", config=_list("A way for some of the names.", _CONFIG)),
}
_SINCE: Final = ("privateKey", "subject")  # what the fields of PRIVATE_KEY and `organization` have become


def definition(kind: type[AnyLegacy]) -> dict[str, Any]:
    """Return the CustomResourceDefinition of the kind as plain dicts and lists, always in the same order."""
    resource, shown = kind.resource, PRESENTATIONS[TWINS[kind]]
    singular = resource.kind.lower()
    version: Schema = {
        "name": resource.version,
        "served": True,
        "storage": True,
        "deprecated": True,
        "deprecationWarning": f"{resource.api_version} {resource.kind} ended with cert-manager v0.10; certshim mirrors"
        " it to cert-manager.io/v1, and `certshim convert` writes that form",
        "subresources": {"status": {}},
        "additionalPrinterColumns": [column.definition() for column in shown.columns],
        "schema": {"openAPIV3Schema": _schema(kind)},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": definition_name(resource),
            # A group under k8s.io is Kubernetes' own to review; this one was cert-manager's, before there was a review.
            "annotations": {"api-approved.kubernetes.io": "unapproved, this was the group of cert-manager until v0.10"},
            "labels": dict(LABELS),
        },
        "spec": {
            "group": resource.group,
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "names": {
                "kind": resource.kind,
                "listKind": f"{resource.kind}List",
                "plural": resource.plural,
                "singular": singular,
            },
            "versions": [version],
        },
    }


def _schema(kind: type[AnyLegacy]) -> Schema:
    schema = object_schema(TWINS[kind])
    resource, properties = kind.resource, schema["properties"]
    properties["apiVersion"]["description"] = f"Always {resource.api_version}."
    spec: Schema = properties["spec"]["properties"]
    if kind is LegacyCertificate:
        for field in _SINCE:
            del spec[field]
        spec |= _OF_CERTIFICATES
        properties["status"] = {"description": "How it stands."} | schema_of(LegacyCertificateStatus)
    else:
        acme: Schema = spec["acme"]["properties"]
        dns01: Schema = acme["solvers"]["items"]["properties"]["dns01"]["properties"]
        for then, today in PROVIDERS.items():
            dns01[then] = dns01.pop(today)
        acme |= {"http01": _HTTP01, "dns01": _DNS01}
    return schema
