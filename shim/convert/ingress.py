"""Ingress of `extensions/v1beta1` and `networking.k8s.io/v1beta1`: backends, pathType, and how a challenge was chosen.

The annotation `kubernetes.io/ingress.class` stays as it is.  `spec.ingressClassName` would name an IngressClass
object, and nobody can tell from files whether there is one of that name; the API server refuses an Ingress that has
both; and controllers still read the annotation.
"""

from __future__ import annotations

from typing import Final

from certs.legacy.words import CHALLENGE_TYPE, DNS01_PROVIDER, LEGACY_GROUP
from shim.convert.notes import Notes
from shim.convert.trees import (
    Tree,
    add,
    get,
    is_quoted,
    line_of,
    mapping,
    mappings,
    move,
    quoted,
    remove,
    rename,
    text,
    unquote,
)
from shim.convert.uses import IssuerKey, Method, Use
from shim.convert.versions import (
    CLUSTER_ISSUER,
    EDIT_IN_PLACE,
    HTTP01_CLASS,
    HTTP01_CLASS_NAME,
    INGRESS_CLASS,
    ISSUER,
    TLS_ACME,
)

PATH_TYPE: Final = "ImplementationSpecific"  # what an absent one meant
ANNOTATIONS: Final = ("metadata", "annotations")


def convert_ingress(tree: Tree, notes: Notes) -> None:
    """Convert the spec."""
    spec = mapping(tree, "spec")
    if spec is None:
        return
    if "backend" in spec:
        rename(spec, "backend", "defaultBackend")
        _convert_backend(tree, ("spec", "defaultBackend"), notes)
    for i, rule in enumerate(mappings(spec, "rules")):
        for j, path in enumerate(mappings(rule, "http", "paths")):
            where = ("spec", "rules", i, "http", "paths", j)
            if "pathType" not in path:
                add(path, "pathType", PATH_TYPE, after="path")
            _convert_backend(tree, (*where, "backend"), notes)


def _convert_backend(tree: Tree, where: tuple[str | int, ...], notes: Notes) -> None:
    backend = mapping(tree, *where)
    if backend is None or not {"serviceName", "servicePort"} & backend.keys():
        return
    service = Tree()
    line = line_of(tree, *where)
    backend.insert(0, "service", service)
    if "serviceName" in backend:
        move(backend, "serviceName", service, "name")
    if "servicePort" in backend:
        port = Tree()
        service["port"] = port
        written = text(backend, "servicePort")
        number = written.isdecimal()
        if number and is_quoted(backend, "servicePort"):
            notes.changed(line, "servicePort: the quotes are gone, as no port can be named by digits alone")
            unquote(backend, "servicePort")
        move(backend, "servicePort", port, "number" if number else "name")


def is_legacy(tree: Tree) -> bool:
    """Did the shim of before v0.11 make certificates for the Ingress?"""
    return any(str(key).startswith(f"{LEGACY_GROUP}/") for key in mapping(tree, *ANNOTATIONS) or ())


def convert_challenge_choice(tree: Tree, notes: Notes) -> Use | None:
    """Remove the annotations that chose the challenge; return what the issuer has to know instead, if anything.

    Called for legacy Ingresses, when their keys have the names of today.
    """
    annotations = mapping(tree, *ANNOTATIONS)
    if annotations is None:
        return None
    if ISSUER in annotations and CLUSTER_ISSUER in annotations:
        line = line_of(tree, *ANNOTATIONS, ISSUER)
        notes.changed(line, f"{ISSUER}: removed, as {CLUSTER_ISSUER} won over it; together they are refused now")
        remove(annotations, ISSUER)
    if text(annotations, EDIT_IN_PLACE) == "true" and HTTP01_CLASS in annotations:
        line = line_of(tree, *ANNOTATIONS, HTTP01_CLASS)
        notes.changed(line, f"{HTTP01_CLASS}: removed, as {EDIT_IN_PLACE} won over it; both are refused now")
        remove(annotations, HTTP01_CLASS)
    kind, provider = text(annotations, CHALLENGE_TYPE), text(annotations, DNS01_PROVIDER)
    line = line_of(tree, *ANNOTATIONS, DNS01_PROVIDER if provider else CHALLENGE_TYPE)
    _keep_asking(tree, annotations, notes)
    for key in (CHALLENGE_TYPE, DNS01_PROVIDER):
        remove(annotations, key)
    issuer = _issuer(tree, annotations)
    method = Method(provider=provider) if kind == "dns01" or provider else _http01(annotations)
    if issuer is None:
        if provider:
            notes.lost(line, _unknown(provider))
        elif kind == "http01" and method.ingress_class:
            keep_class(tree, line, notes)
        return None
    return Use(issuer, _hosts(tree), method, notes, line, ingress=tree if kind == "http01" else None)


def keep_class(tree: Tree, line: int, notes: Notes) -> None:
    """Have an annotation say that challenges go through the Ingress's own class, as they did when it chose HTTP-01."""
    annotations = mapping(tree, *ANNOTATIONS)
    if annotations is not None:
        add(annotations, HTTP01_CLASS, annotations[INGRESS_CLASS], after=INGRESS_CLASS)
        notes.changed(
            line, f"{CHALLENGE_TYPE}: challenges went through the Ingress's class; {HTTP01_CLASS} says it now"
        )


def _unknown(provider: str) -> str:
    return f"the default issuer must prove these hosts with its provider {provider}; add a solver with dnsNames to it"


def _keep_asking(tree: Tree, annotations: Tree, notes: Notes) -> None:
    """These two annotations asked for a certificate by themselves; another one must do so now."""
    if not {CHALLENGE_TYPE, DNS01_PROVIDER} & annotations.keys():
        return
    if {ISSUER, CLUSTER_ISSUER, TLS_ACME} & annotations.keys():
        return
    key = CHALLENGE_TYPE if CHALLENGE_TYPE in annotations else DNS01_PROVIDER
    notes.changed(line_of(tree, *ANNOTATIONS, key), f'{key}: asked for a certificate; {TLS_ACME}: "true" does now')
    add(annotations, TLS_ACME, quoted("true"), after=key)


def _issuer(tree: Tree, annotations: Tree) -> IssuerKey | None:
    if CLUSTER_ISSUER in annotations:
        return IssuerKey("ClusterIssuer", "", text(annotations, CLUSTER_ISSUER))
    if ISSUER in annotations:
        return IssuerKey("Issuer", text(tree, "metadata", "namespace"), text(annotations, ISSUER))
    return None


def _http01(annotations: Tree) -> Method:
    """Return how HTTP-01 was solved: by the Ingress's own class, unless an annotation says it (which it still does)."""
    if {EDIT_IN_PLACE, HTTP01_CLASS, HTTP01_CLASS_NAME} & annotations.keys():
        return Method()
    return Method(ingress_class=text(annotations, INGRESS_CLASS))


def _hosts(tree: Tree) -> tuple[str, ...]:
    entries = mappings(tree, "spec", "tls")
    return tuple(str(host) for entry in entries for host in (get(entry, "hosts") or ()))
