"""Files to files: which documents are converted, in which order, and what becomes of the rest.

Two passes, since issuers must know how the Certificates and Ingresses of all files prove their names: first every
other kind is converted and says what it expects of its issuer, then the issuers are.  A document in which nothing
was to be changed is written back as it was read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from certs.legacy.words import LEGACY_GROUP
from shim.convert.acme import convert_challenge, convert_order, convert_request
from shim.convert.certificate import convert_certificate
from shim.convert.ingress import convert_challenge_choice, convert_ingress, is_legacy, keep_class
from shim.convert.issuer import convert_issuer, is_old
from shim.convert.keys import convert_keys
from shim.convert.lines import with_old_lines
from shim.convert.notes import Note, Notes
from shim.convert.trees import Tree, add, mapping, mappings, put, remove, text
from shim.convert.uses import IssuerKey, Use
from shim.convert.versions import CERT_MANAGER, MARKS, OVERRIDE_CLASS, OVERRIDE_NAME, OWN_KINDS, Age, version_of
from shim.convert.yaml import LEFT, Document, parse, same
from shim.manifests.streams import Chunk, Unreadable, chunks, decoded

GROUP: Final = CERT_MANAGER.partition("/")[0]
ISSUERS: Final = frozenset(("Issuer", "ClusterIssuer"))
TRANSIENT: Final[Mapping[str, Callable[[Tree, Age, Notes], None]]] = {
    "CertificateRequest": convert_request,
    "Order": convert_order,
    "Challenge": convert_challenge,
}
WRITE_OUT: Final = "if it has anchors or <<, write out what they stand for first"


@dataclass(slots=True)
class Converted:
    """A file before and after, what there is to say about it, and what could not be read of it."""

    name: str
    before: str
    after: str
    notes: list[Note] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)

    @property
    def is_changed(self) -> bool:
        """Is there anything to write?"""
        return self.before != self.after


@dataclass(slots=True)
class _Part:
    """A document of a file, or text between documents that stays as it is."""

    chunk: Chunk
    document: Document | None = None
    objects: list[_Object] = field(default_factory=list)
    notes: Notes = field(default_factory=lambda: Notes(0))
    before: str = ""


@dataclass(slots=True)
class _Object:
    """An object of a document; the issuer waits for the uses."""

    tree: Tree
    kind: str
    age: Age | None
    notes: Notes


def convert(files: Iterable[tuple[str, bytes | Unreadable]]) -> list[Converted]:
    """Return each file as it should be today."""
    read = [_read(name, content) for name, content in files]
    objects = [one for _, parts in read for part in parts for one in part.objects]
    uses: defaultdict[IssuerKey, list[Use]] = defaultdict(list)
    for one in objects:
        for use in _convert(one):
            uses[use.issuer].append(use)
    old = _convert_issuers(objects, uses)
    for issuer, of_issuer in uses.items():
        if issuer not in old:
            _without_issuer(of_issuer)
    return [_written(result, parts) for result, parts in read]


# --- Reading ---------------------------------------------------------------------------------


def _read(name: str, content: bytes | Unreadable) -> tuple[Converted, list[_Part]]:
    result = Converted(name, "", "")
    try:
        if isinstance(content, Unreadable):
            raise content
        result.before = decoded(content)
    except Unreadable as error:
        result.unreadable.append(error)
        return result, []
    return result, [_part(chunk, result) for chunk in chunks(result.before)]


def _part(chunk: Chunk, result: Converted) -> _Part:
    part = _Part(chunk)
    if not any(mark in chunk.text for mark in MARKS):
        return part
    try:
        part.document = parse(Chunk(chunk.line, chunk.text.replace("\r\n", "\n")))
    except Unreadable as error:
        result.unreadable.append(error)
    if part.document is not None:
        part.notes = Notes(part.document.first_line)
        part.before = part.document.written()
        part.objects = list(_objects(part.document.tree, part.notes))
    return part


def _objects(tree: Tree, notes: Notes, of_list: tuple[str, str] = ("", "")) -> Iterator[_Object]:
    """Yield the objects of a document: itself, or the items of a list, which may leave their type to a typed list."""
    version, kind = text(tree, "apiVersion") or of_list[0], text(tree, "kind") or of_list[1]
    if not kind or not version:
        return
    known = version_of(version, kind)
    if known is not None and known.today != version and "apiVersion" in tree:
        put(tree, "apiVersion", known.today)
    if kind.endswith("List") and "items" in tree:
        item_type = (version, kind.removesuffix("List")) if known is not None else ("", "")
        for item in mappings(tree, "items"):
            yield from _objects(item, notes, item_type)
        return
    yield _Object(tree, kind, known.age if known is not None else None, notes)


# --- Converting ------------------------------------------------------------------------------


def _convert(one: _Object) -> list[Use]:
    """Convert everything but issuers; return what is expected of these."""
    tree, notes = one.tree, one.notes
    was_legacy = one.kind == "Ingress" and is_legacy(tree)
    convert_keys(tree, notes)
    use = convert_challenge_choice(tree, notes) if was_legacy else None
    if one.kind == "Ingress" and one.age is not None:
        convert_ingress(tree, notes)
    if use is not None:
        return [use]
    if one.age is None or one.age is Age.TODAY:
        return []
    if one.kind in OWN_KINDS:
        remove(tree, "status")  # the controller writes it anew, and fields of it are gone
        reference = mapping(tree, "spec", "issuerRef")
        if reference is not None and text(reference, "group") == LEGACY_GROUP:
            put(reference, "group", GROUP)
    if one.kind in TRANSIENT:
        TRANSIENT[one.kind](tree, one.age, notes)
    return convert_certificate(tree, one.age, notes) if one.kind == "Certificate" else []


def _convert_issuers(objects: Iterable[_Object], uses: Mapping[IssuerKey, list[Use]]) -> set[IssuerKey]:
    """Convert the issuers; return those that have now solvers for the uses."""
    old = set()
    for one in objects:
        if one.kind not in ISSUERS or one.age in (None, Age.TODAY):
            continue
        namespace = "" if one.kind == "ClusterIssuer" else text(one.tree, "metadata", "namespace")
        key = IssuerKey(one.kind, namespace, text(one.tree, "metadata", "name"))
        if is_old(one.tree):
            old.add(key)
        convert_issuer(one.tree, one.age, uses.get(key, ()), one.notes)
    return old


def _without_issuer(uses: Sequence[Use]) -> None:
    """Tell who asked, or a person, what the issuer cannot be told: it has solvers, or is not here.

    How Ingresses are served that chose nothing is the business of such an issuer's solvers already.
    """
    for use in uses:
        method, names = use.method, ", ".join(use.names)
        if method.provider:
            todo = f"give its solver for {method.provider} selector.dnsNames: [{names}]"
            use.notes.lost(use.line, f"{use.issuer} is not converted here; {todo}")
        elif use.certificate is not None and (method.ingress_class or method.ingress_name):
            same = {other.method for other in uses if other.certificate is use.certificate} == {method}
            (_override if same else _unsaid)(use, use.certificate)
        elif use.ingress is not None and method.ingress_class:
            keep_class(use.ingress, use.line, use.notes)


def _override(use: Use, certificate: Tree) -> None:
    method = use.method
    key, value = (OVERRIDE_NAME, method.ingress_name) if method.ingress_name else (OVERRIDE_CLASS, method.ingress_class)
    metadata = mapping(certificate, "metadata")
    if metadata is None:
        return
    annotations = mapping(metadata, "annotations")
    if annotations is None:
        annotations = Tree()
        add(metadata, "annotations", annotations)
    if key not in annotations:
        annotations[key] = value
        use.notes.changed(use.line, f"acme.config: the annotation {key} says it now")


def _unsaid(use: Use, _certificate: Tree) -> None:
    names = ", ".join(use.names)
    how = f"the Ingress {use.method.ingress_name}" if use.method.ingress_name else f"class {use.method.ingress_class}"
    todo = f"give it an HTTP-01 solver through {how} with selector.dnsNames: [{names}]"
    use.notes.lost(use.line, f"{use.issuer} is not converted here; {todo}")


# --- Writing ---------------------------------------------------------------------------------


def _written(result: Converted, parts: Iterable[_Part]) -> Converted:
    texts = []
    for part in parts:
        try:
            texts.append(_text(part))
            result.notes += part.notes.found
        except Unreadable as error:
            texts.append(part.chunk.text)
            result.unreadable.append(error)
    result.after = "".join(texts) if texts else result.before
    result.notes.sort(key=lambda note: note.line)
    return result


def _text(part: _Part) -> str:
    """Return the document's text: the old one when its tree is as it was."""
    if part.document is None:
        return part.chunk.text
    made = part.document.written()
    if made == part.before:
        return part.chunk.text
    kept = with_old_lines(part.document.chunk.text, part.before, made)
    again = parse(Chunk(part.chunk.line, kept))
    if again is None or not same(again.tree, part.document.tree):
        raise Unreadable(part.chunk.line, "cannot be written back so that it means the same", f"{LEFT}; {WRITE_OUT}")
    return kept.replace("\n", "\r\n") if "\r\n" in part.chunk.text else kept
