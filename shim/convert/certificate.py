"""Certificate: fields of the private key and the subject, names, and the solver configuration that went to the issuer.

What an absent field meant is written down where it means something else today: the common name was the first DNS
name, a private key was kept for ever, and a certificate was renewed thirty days before its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from certs.durations import parse_duration
from certs.legacy.words import ALGORITHMS, PRIVATE_KEY
from shim.convert.notes import Notes
from shim.convert.trees import Tree, add, gather, line_of, mapping, mappings, put, remove, rename, text, texts
from shim.convert.uses import IssuerKey, Method, Use
from shim.convert.versions import Age

MAX_COMMON_NAME: Final = 64  # bytes, RFC 5280 appendix A.1
RENEWED_BEFORE: Final = "720h"
DEFAULT_LIFETIME: Final = 2160  # hours: a third of it are the thirty days, so nothing needs to be said


def convert_certificate(tree: Tree, age: Age, notes: Notes) -> list[Use]:
    """Convert the spec; return what the issuer has to know."""
    spec = mapping(tree, "spec")
    if spec is None:
        return []
    uses = list(_uses(tree, spec, notes)) if age is Age.V1ALPHA1 else []
    remove(spec, "acme")
    _convert_private_key(spec, notes)
    if "organization" in spec:
        gather(spec, "subject", {"organization": "organizations"})
    rename(spec, "emailSANs", "emailAddresses")
    rename(spec, "uriSANs", "uris")
    if age is Age.V1ALPHA1:
        _keep_common_name(spec, notes)
        _keep_renewal(spec, notes)
    return uses


def _uses(tree: Tree, spec: Tree, notes: Notes) -> Iterator[Use]:
    issuer = issuer_of(tree, spec)
    for i, config in enumerate(mappings(spec, "acme", "config")):
        line = line_of(tree, "spec", "acme", "config", i)
        method = Method(
            provider=text(config, "dns01", "provider"),
            ingress_class=text(config, "http01", "ingressClass"),
            ingress_name=text(config, "http01", "ingress"),
        )
        yield Use(issuer, texts(config, "domains"), method, notes, line, certificate=tree)


def issuer_of(tree: Tree, spec: Tree) -> IssuerKey:
    """Return the issuer that the spec names."""
    kind = text(spec, "issuerRef", "kind") or "Issuer"
    namespace = "" if kind == "ClusterIssuer" else text(tree, "metadata", "namespace")
    return IssuerKey(kind, namespace, text(spec, "issuerRef", "name"))


def _convert_private_key(spec: Tree, notes: Notes) -> None:
    line = line_of(spec)
    key = gather(spec, "privateKey", PRIVATE_KEY)
    if key is None:
        key = Tree()
        add(spec, "privateKey", key)
    for field, words in (("algorithm", ALGORITHMS), ("encoding", {"pkcs1": "PKCS1", "pkcs8": "PKCS8"})):
        word = text(key, field)
        if word in words:
            put(key, field, words[word])
    if "rotationPolicy" not in key:
        add(key, "rotationPolicy", "Never")
        notes.changed(line, "rotationPolicy: Never, as it was; today each renewal brings a new key by default")


def _keep_common_name(spec: Tree, notes: Notes) -> None:
    names = texts(spec, "dnsNames")
    if text(spec, "commonName") or not names:
        return
    if len(names[0].encode()) > MAX_COMMON_NAME:
        return
    line = line_of(spec, "dnsNames")
    if "commonName" in spec:
        spec["commonName"] = names[0]
    else:
        spec.insert(list(spec).index("dnsNames"), "commonName", names[0])
    notes.changed(line, "commonName: the first DNS name, as it was when none was written; remove it unless needed")


def _keep_renewal(spec: Tree, notes: Notes) -> None:
    written = text(spec, "duration")
    if not written or text(spec, "renewBefore"):
        return
    try:
        lifetime = parse_duration(written).timedelta.total_seconds() / 3600
    except ValueError:
        return
    if lifetime in {0, DEFAULT_LIFETIME} or lifetime <= parse_duration(RENEWED_BEFORE).timedelta.total_seconds() / 3600:
        return
    line = line_of(spec, "duration")
    add(spec, "renewBefore", RENEWED_BEFORE, after="duration")
    notes.changed(line, "renewBefore: 30 days, as it was; today's default is a third of the lifetime")
