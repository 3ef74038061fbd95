"""PEM blocks as Go's `pem.Decode` finds them, step by step, where the decision must be the incumbent's.

Its way is not the obvious one: it takes the first END line and the last BEGIN line before it, lets lines with a colon
stand as headers, and passes over what does not fit together.  The label is any text.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_BEGIN: Final = b"-----BEGIN "
_END: Final = b"\n-----END "
_DASHES: Final = b"-----"
_HEADERS: Final = re.compile(rb"(?:[^\n:]*+:[^\n]*+(?:\n|\Z))*+")  # possessive: each line is looked at once


@dataclass(frozen=True, slots=True)
class GoBlock:
    """One block: its label, whether it has headers (RFC 1421), and what it holds."""

    label: bytes
    has_headers: bool
    der: bytes


def go_blocks(pem: bytes) -> Iterator[GoBlock]:
    """Yield the blocks in order."""
    rest = 0
    while (end := pem.find(_END, rest)) >= 0:
        begin = pem.rfind(_BEGIN, rest, end)
        trailer = end + len(_END)
        content = trailer
        if begin == rest or (begin > rest and pem[begin - 1 : begin] == b"\n"):
            label, content = _line(pem, begin + len(_BEGIN))
            if label.endswith(_DASHES):
                start, content = content, _behind_headers(pem, content)
                if content >= len(pem) or content > trailer:
                    return  # where Go gives up
                has_headers = content > start
                # Without headers the line break before END may be that of the BEGIN line.
                block = _content(pem, label, content, end) if content <= end + (not has_headers) else None
                if block is not None:
                    yield GoBlock(label[: -len(_DASHES)], has_headers, block)
                    _, rest = _line(pem, trailer - 1)
                    continue
        rest = trailer


def _behind_headers(pem: bytes, start: int) -> int:
    """Return where the first line without a colon starts."""
    found = _HEADERS.match(pem, start)
    return found.end() if found else start


def _content(pem: bytes, label: bytes, start: int, end: int) -> bytes | None:
    """Return what the block holds; None when its lines do not fit together or it is no base64."""
    closing, _ = _line(pem, end + len(_END))
    if closing != label:
        return None
    text = pem[start:end].translate(None, b" \t\r\n")
    if len(text) % 4:  # of a lonely `=` at the end Python says nothing
        return None
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        return None


def _line(pem: bytes, start: int) -> tuple[bytes, int]:
    """Return the line that starts there, without white space at its end, and where the next one starts."""
    end = pem.find(b"\n", start)
    if end < 0:
        return pem[start:].rstrip(b" \t"), len(pem)
    return pem[start:end].removesuffix(b"\r").rstrip(b" \t"), end + 1
