"""Bytes to the text of single documents.

The stream is split at `---` before anything is parsed, as kubectl does, so that one broken document does not hide
the others, and what is not touched can be written back byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

MAX_BYTES: Final = 64 * 2**20  # of one file; the largest bundles that projects publish have some ten


class Unreadable(Exception):
    """A document that is no YAML: where, why, what to do, and of a template the kind if it can be seen."""

    def __init__(self, line: int, detail: str, remedy: str = "", *, kind: str = "") -> None:
        super().__init__(f"{detail}; {remedy}" if remedy else detail)
        self.line = line
        self.detail = detail
        self.remedy = remedy
        self.kind = kind


class Chunk(NamedTuple):
    """What stands between two separators, and the line on which it begins."""

    line: int
    text: str


def decoded(content: bytes) -> str:
    """Return the text; a byte order mark is left out, and says UTF-16 where it is that; raises Unreadable."""
    if len(content) > MAX_BYTES:
        raise Unreadable(1, f"has more than {MAX_BYTES // 2**20} MiB", "check its parts one by one")
    encoding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(line, f"byte {content[error.start]:#04x} is not {encoding[:6].upper().rstrip('-')}") from None


def chunks(text: str) -> Iterator[Chunk]:
    """Yield the documents of a stream as text; each ends before the line that begins with `---`."""
    first = 1
    lines: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        # Directives (`%YAML 1.1`) belong to the document whose separator follows.
        if is_separator(line) and any(not is_blank(one) and one[0] != "%" for one in lines):
            yield Chunk(first, "\n".join((*lines, "")))
            first, lines = number, []
        lines.append(line)
    if any(lines):
        yield Chunk(first, "\n".join(lines))


def is_separator(line: str) -> bool:
    """Does the line end a document?  Nothing within one can begin with three dashes and a blank."""
    return line.startswith("---") and line[3:4] in {"", " ", "\t", "\r"}


def is_blank(line: str) -> bool:
    """Is there nothing but blanks and a comment in the line?"""
    bare = line.strip()
    return not bare or bare.startswith("#")
