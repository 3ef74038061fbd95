"""The schemas of what is not ours: metadata, Ingress, and the little that we read of Namespace and Secret.

Our kinds bring their own schema (`certs.api.crd`).  These follow `meta/v1`, `networking.k8s.io/v1` and `v1`; a part
that nobody here reads takes anything.
"""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
NUMBER: Final[Schema] = {"type": "integer"}
FLAG: Final[Schema] = {"type": "boolean"}
ANYTHING: Final[Schema] = {}
TEXTS: Final[Schema] = {"type": "object", "additionalProperties": TEXT}


def of(*required: str, **properties: Schema) -> Schema:
    """Return the schema of an object with these fields and no others."""
    need = {"required": list(required)} if required else {}
    return {"type": "object", "properties": properties, "additionalProperties": False} | need


def many(schema: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": schema}


OWNER: Final = of(
    "apiVersion", "kind", "name", "uid",
    apiVersion=TEXT, kind=TEXT, name=TEXT, uid=TEXT, controller=FLAG, blockOwnerDeletion=FLAG,
)  # fmt: skip
METADATA: Final = of(
    name=TEXT,
    generateName=TEXT,
    namespace=TEXT,
    selfLink=TEXT,
    uid=TEXT,
    resourceVersion=TEXT,
    generation=NUMBER,
    creationTimestamp={"type": ["string", "null"]},  # Go writes null for none
    deletionTimestamp={"type": ["string", "null"]},
    deletionGracePeriodSeconds=NUMBER,
    labels=TEXTS,
    annotations=TEXTS,
    ownerReferences=many(OWNER),
    finalizers=many(TEXT),
    managedFields=ANYTHING,
)

PORT: Final = of(name=TEXT, number=NUMBER)
BACKEND: Final = of(
    service=of("name", name=TEXT, port=PORT),
    resource=of("kind", "name", apiGroup=TEXT, kind=TEXT, name=TEXT),
)
PATH: Final = of(
    "pathType", "backend",
    path=TEXT,
    pathType={"type": "string", "enum": ["Exact", "Prefix", "ImplementationSpecific"]},
    backend=BACKEND,
)  # fmt: skip
INGRESS_SPEC: Final = of(
    ingressClassName=TEXT,
    defaultBackend=BACKEND,
    tls=many(of(hosts=many(TEXT), secretName=TEXT)),
    rules=many(of(host=TEXT, http=of("paths", paths=many(PATH)))),
)

TYPE: Final[Schema] = {"apiVersion": TEXT, "kind": TEXT}
INGRESS: Final = of(**TYPE, metadata=METADATA, spec=INGRESS_SPEC, status=ANYTHING)
NAMESPACE: Final = of(**TYPE, metadata=METADATA, spec=ANYTHING, status=ANYTHING)
SECRET: Final = of(**TYPE, metadata=METADATA, type=TEXT, immutable=FLAG, data=TEXTS, stringData=TEXTS)

# Fields of today under the names that they had before, or have in people's minds.
FORMER: Final = {
    "serviceName": "write service: {name: …}",
    "servicePort": "write service: {port: {number: …}}, or name for a named port",
    "keyAlgorithm": "write privateKey: {algorithm: …}",
    "keySize": "write privateKey: {size: …}",
    "keyEncoding": "write privateKey: {encoding: …}",
    "organization": "write subject: {organizations: […]}",
    "emailSANs": "write emailAddresses",
    "uriSANs": "write uris",
    "csr": "write request",
    "authzURL": "write authorizationURL",
    "clouddns": "write cloudDNS",
    "azuredns": "write azureDNS",
    "acmedns": "write acmeDNS",
    "providers": "write solvers with a dns01 each; `certshim convert` does it",
    "config": "write solvers in the issuer; `certshim convert` does it",
}
