"""Which documents are ours to judge: by apiVersion and kind, lists opened, look-alikes told.

What is of another kind is nobody's business here and passes without a word, unless its apiVersion or kind is so
near one of ours that kubectl's answer (`no matches for kind`) would leave one searching.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from rapidfuzz.distance import OSA

from certs.api.core import Namespace, Secret
from certs.api.crd import KINDS
from certs.api.ingress import Ingress
from certs.api.meta import KubeObject
from certs.problems import Path, Problem, ProblemType
from certs.rules.nearest import nearest
from shim.check.nodes import Entry, Node, Scalar, Sequence, get, text_at, texts
from shim.check.nodes import Mapping as MappingNode
from shim.check.reading import IS_TEMPLATE, RENDER_FIRST, TEMPLATE
from shim.manifests.streams import Unreadable

Kinds = Mapping[tuple[str, str], type[KubeObject]]

JUDGED: Final[Kinds] = {(kind.resource.api_version, kind.resource.kind): kind for kind in (*KINDS, Ingress)}
FACTUAL: Final[Kinds] = {(kind.resource.api_version, kind.resource.kind): kind for kind in (Namespace, Secret)}
KNOWN: Final[Kinds] = {**JUDGED, **FACTUAL}
WORDS: Final = frozenset(kind for _, kind in JUDGED)
VERSIONS: Final = frozenset(version for version, _ in JUDGED)
INGRESS: Final = Ingress.resource

# Groups of ours and of Ingress, with all versions that there ever were and that are not served any more.
RETIRED: Final[Mapping[str, str]] = {
    "certmanager.k8s.io/v1alpha1": "is not served since cert-manager 0.11",
    **{
        f"{group}/{version}": "is not served since cert-manager 1.6"
        for group in ("cert-manager.io", "acme.cert-manager.io")
        for version in ("v1alpha2", "v1alpha3", "v1beta1")
    },
}
RETIRED_INGRESS: Final = frozenset(("extensions/v1beta1", "networking.k8s.io/v1beta1"))
CONVERT: Final = "run `certshim convert`"
LEGACY_RULE: Final = "legacy-version"
UNKNOWN_RULE: Final = "unknown-kind"
OWN_PREFIXES: Final = ("cert-manager.io/", "acme.cert-manager.io/", "certshim.io/")

MAX_EDITS: Final = 2
MAX_WORD: Final = 80  # characters; what is longer is no near miss


@dataclass(frozen=True, slots=True)
class Found:
    """A document, or an item of a list: its kind if it is one of ours, or why it is not judged."""

    node: MappingNode
    word: str
    kind: type[KubeObject] | None = None
    refused: Problem | Unreadable | None = None


def found_in(document: Node) -> Iterator[Found]:
    """Yield what of the document there is to judge, to know, or to refuse unseen."""
    if not isinstance(document, MappingNode):
        return
    version, word = text_at(document, "apiVersion"), text_at(document, "kind")
    items = get(document, "items")
    if word.endswith("List") and isinstance(items, Sequence):
        for item in items.items:
            yield from found_in(_typed(item, version, word.removesuffix("List")))
        return
    kind = KNOWN.get((version, word))
    if kind is not None:
        yield Found(document, word, kind, refused=_template(document))
    elif (problem := _misnamed(document, version, word)) is not None:
        yield Found(document, word, refused=problem)


def _typed(item: Node, version: str, word: str) -> Node:
    """Return the item with its list's type, if the list is of one kind (`IngressList`) and the item says none."""
    if not isinstance(item, MappingNode) or not word or "kind" in item.entries:
        return item
    head = {
        key: Entry(item.line, Scalar(item.line, text, text)) for key, text in (("apiVersion", version), ("kind", word))
    }
    return replace(item, entries=head | item.entries)


def _template(document: MappingNode) -> Unreadable | None:
    """Return where a template stands within quotes, which YAML takes for text."""
    annotations = get(document, "metadata", "annotations")
    own = (
        [entry.node for key, entry in annotations.entries.items() if key.startswith(OWN_PREFIXES)]
        if isinstance(annotations, MappingNode)
        else []
    )
    parts = [get(document, "metadata", "name"), get(document, "metadata", "namespace"), get(document, "spec"), *own]
    for text in chain.from_iterable(texts(part) for part in parts if part is not None):
        if TEMPLATE in text.text:
            return Unreadable(text.line, IS_TEMPLATE, RENDER_FIRST)
    return None


def _misnamed(document: MappingNode, version: str, word: str) -> Problem | None:
    """Return what is wrong with the type of a document that is nearly one of ours, None when it is a foreign one."""
    if version in RETIRED:
        return _wrong("apiVersion", version, RETIRED[version], CONVERT, LEGACY_RULE)
    if version in RETIRED_INGRESS and word == INGRESS.kind:
        return _wrong("apiVersion", version, "is not served since Kubernetes 1.22", CONVERT, LEGACY_RULE)
    if version in VERSIONS - {INGRESS.api_version} or (version == INGRESS.api_version and _is_near(word, INGRESS.kind)):
        return _unknown_kind(version, word)
    if word in WORDS and not version and isinstance(get(document, "spec"), MappingNode):
        detail = f"{word} without apiVersion"
        return Problem(
            Path("apiVersion"), ProblemType.REQUIRED, detail, remedy=_write(_versions(word)), rule=UNKNOWN_RULE
        )
    if word in WORDS and (meant := _near_version(version, word)):
        return _wrong("apiVersion", version, "is not served by any cluster", f"did you mean {meant}?", UNKNOWN_RULE)
    return None


def _wrong(path: str, value: str, detail: str, remedy: str, rule: str) -> Problem:
    return Problem(Path(path), ProblemType.INVALID, detail, value, remedy, rule)


def _unknown_kind(version: str, word: str) -> Problem:
    if not word:
        remedy = _write(tuple(kind for of, kind in JUDGED if of == version))
        return Problem(Path("kind"), ProblemType.REQUIRED, remedy=remedy, rule=UNKNOWN_RULE)
    if word in WORDS:
        return _wrong("apiVersion", version, f"has no kind {word}", _write(_versions(word)), UNKNOWN_RULE)
    kinds = [kind for of, kind in JUDGED if of == version]
    meant = nearest(word, kinds)
    remedy = f"did you mean {meant}?" if meant else _write(tuple(kinds))
    return _wrong("kind", word, f"is no kind of {version}", remedy, UNKNOWN_RULE)


def _versions(word: str) -> tuple[str, ...]:
    return tuple(version for version, kind in JUDGED if kind == word)


def _write(choices: tuple[str, ...]) -> str:
    *most, last = choices
    return f"write {', '.join(most)} or {last}" if most else f"write {last}"


def _near_version(version: str, word: str) -> str | None:
    """Return the apiVersion of that kind that was probably meant: same version, a group misspelled, or the reverse."""
    for known in _versions(word):
        group, written = known.partition("/")[0], version.partition("/")[0]
        if written == group or _is_near(written, group):
            return known
    return None


def _is_near(word: str, known: str) -> bool:
    return len(word) <= MAX_WORD and 0 < OSA.distance(word.lower(), known.lower(), score_cutoff=MAX_EDITS) <= MAX_EDITS
