"""Lists and watches as they come over the wire: pages, lines, events, each decoded no further than needed.

An object that its kind's type does not accept must not hide the others, so lists fall back from one
decode of the whole page to one per object, and watch events keep their object raw until its turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec

from certs.api.meta import KubeObject, ObjectMeta
from shim.kube.errors import KubeError

ObjectT = TypeVar("ObjectT", bound=KubeObject)
ItemT = TypeVar("ItemT")

# etcd takes requests up to 1.5 MB; a line is an object and a few words, in JSON instead of protobuf.
_LONGEST_LINE: Final = 32 * 1024 * 1024


class ListMeta(msgspec.Struct, rename={"resource_version": "resourceVersion", "next": "continue"}):
    """The version of a list, and the token of its next page."""

    resource_version: str = ""
    next: str = ""


class Page(msgspec.Struct, Generic[ItemT]):
    """One page of a list; `items` is null when Go's slice was nil."""

    metadata: ListMeta
    items: tuple[ItemT, ...] | None = None


class Event(msgspec.Struct):
    """One line of a watch."""

    type: str
    object: msgspec.Raw


class Listed(NamedTuple, Generic[ItemT]):
    """One page of a list, decoded: its own metadata, its objects, and those that are unreadable."""

    metadata: ListMeta
    objects: tuple[ItemT, ...]
    unreadable: tuple[Unreadable, ...] = ()


class Bare(msgspec.Struct):
    """Any object, as far as all objects are alike."""

    metadata: ObjectMeta


class Unreadable(msgspec.Struct, frozen=True):
    """An object that its type did not accept, and why."""

    metadata: ObjectMeta
    error: str


class KindDecoder(Generic[ObjectT]):
    """Decodes objects, pages and events of one kind."""

    def __init__(self, kind: type[ObjectT]) -> None:
        self._object = msgspec.json.Decoder(kind)
        self._page: msgspec.json.Decoder[Page[ObjectT]] = msgspec.json.Decoder(Page[kind])  # type: ignore[valid-type]  # a type at run time
        self._raw_page = msgspec.json.Decoder(Page[msgspec.Raw])
        self._bare = msgspec.json.Decoder(Bare)
        self._event = msgspec.json.Decoder(Event)

    def event(self, line: bytes) -> Event:
        """Return a line of a watch; msgspec.DecodeError when it is none."""
        return self._event.decode(line)

    def object(self, raw: bytes | msgspec.Raw) -> ObjectT | Unreadable:
        """Return the object; Unreadable when its type does not accept it."""
        try:
            return self._object.decode(raw)
        except msgspec.DecodeError as error:
            return Unreadable(self.metadata(raw), str(error))

    def metadata(self, raw: bytes | msgspec.Raw) -> ObjectMeta:
        """Return what all objects have; empty when even that is unreadable."""
        try:
            return self._bare.decode(raw).metadata
        except msgspec.DecodeError:
            return ObjectMeta()

    def page(self, body: bytes) -> Listed[ObjectT]:
        """Return a page of a list; msgspec.DecodeError if it is none."""
        try:
            page = self._page.decode(body)
        except msgspec.DecodeError:
            return self._one_by_one(body)
        return Listed(page.metadata, page.items or ())

    def _one_by_one(self, body: bytes) -> Listed[ObjectT]:
        page = self._raw_page.decode(body)
        good: list[ObjectT] = []
        bad: list[Unreadable] = []
        for raw in page.items or ():
            item = self.object(raw)
            if isinstance(item, Unreadable):
                bad.append(item)
            else:
                good.append(item)
        return Listed(page.metadata, tuple(good), tuple(bad))


class Lines:
    """Cuts a stream of chunks into lines; each byte is looked at once, however small the chunks."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []
        self._length = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Give the lines that this chunk completes; KubeError for one that is longer than any object can be."""
        *complete, rest = chunk.split(b"\n")
        for end in complete:
            yield b"".join([*self._begun, end])
            self._begun.clear()
            self._length = 0
        if rest:
            self._begun.append(rest)
            self._length += len(rest)
            if self._length > _LONGEST_LINE:
                raise KubeError(f"cannot read a watch: it has a line of more than {_LONGEST_LINE} bytes")
