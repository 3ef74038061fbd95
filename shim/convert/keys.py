"""Annotations, labels and finalizers of before, on objects of any kind."""

from __future__ import annotations

from typing import Final

from certs.annotations import deciding
from certs.legacy.words import CERTIFICATE_NAME, CHALLENGE_TYPE, DNS01_PROVIDER, KEYS, LEGACY_GROUP
from shim.convert.notes import Notes
from shim.convert.trees import Tree, line_of, mapping, move, remove, rename, sequence
from shim.convert.versions import FINALIZERS, GONE_LABELS

ANNOTATIONS: Final = ("metadata", "annotations")
LABELS: Final = ("metadata", "labels")
ELSEWHERE: Final = frozenset((CHALLENGE_TYPE, DNS01_PROVIDER))  # `shim.convert.ingress` reads and removes these


def convert_keys(tree: Tree, notes: Notes) -> None:
    """Rename keys of `certmanager.k8s.io/`, tell those that mean nothing any more."""
    for where in (ANNOTATIONS, LABELS):
        keys = mapping(tree, *where)
        today = frozenset(keys or ())
        for key in list(keys or ()):
            if keys is not None and str(key).startswith(f"{LEGACY_GROUP}/"):
                _convert(tree, keys, where, str(key), today, notes)
    _convert_certificate_name(tree)
    _convert_finalizers(tree)


def _convert(tree: Tree, keys: Tree, where: tuple[str, str], key: str, today: frozenset[str], notes: Notes) -> None:
    """Convert a key; `today` are those that stood there before any was converted."""
    new = KEYS.get(key)
    if new is None:
        if key not in ELSEWHERE and key != CERTIFICATE_NAME:
            notes.lost(line_of(tree, *where, key), f"{key}: nothing reads it any more; remove it")
        return
    decided = next((one for one in deciding(new) if one in today), None)
    if decided is not None:
        notes.changed(line_of(tree, *where, key), f"{key}: removed, as {decided} stands there too, and is what counts")
        remove(keys, key)
    else:
        rename(keys, key, new)


def _convert_certificate_name(tree: Tree) -> None:
    """Secrets carried the Certificate's name as a label, and carry it as an annotation now; bookkeeping labels go."""
    labels = mapping(tree, *LABELS)
    if labels is None:
        return
    if tree.get("kind") in {"Order", "Challenge"}:
        for key in GONE_LABELS & labels.keys():
            remove(labels, key)
    if CERTIFICATE_NAME in labels:
        annotations = mapping(tree, *ANNOTATIONS)
        if annotations is None:
            annotations = Tree()
            tree["metadata"].insert(list(tree["metadata"]).index("labels"), "annotations", annotations)
        move(labels, CERTIFICATE_NAME, annotations, NAME_ANNOTATION)
    if not labels:
        remove(tree["metadata"], "labels")


NAME_ANNOTATION: Final = "cert-manager.io/certificate-name"


def _convert_finalizers(tree: Tree) -> None:
    finalizers = sequence(tree, "metadata", "finalizers")
    for number, finalizer in enumerate(finalizers):
        if finalizer in FINALIZERS:
            finalizers[number] = FINALIZERS[finalizer]
