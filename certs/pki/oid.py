"""Object identifiers as the API reads them: integers of 64 bits, separated by dots, and no further rule."""

from __future__ import annotations

import re
from typing import Final

_PART: Final = re.compile(r"[+-]?[0-9]{1,40}")
_INT64: Final = range(-(2**63), 2**63)


def parse_oid(text: str) -> tuple[int, ...] | None:
    """Return the numbers, or None when the text is no identifier.

    >>> parse_oid("1.2.840"), parse_oid("-1.02"), parse_oid("1.x")
    ((1, 2, 840), (-1, 2), None)
    """
    numbers = []
    for part in text.split("."):
        if not _PART.fullmatch(part) or int(part) not in _INT64:
            return None
        numbers.append(int(part))
    return tuple(numbers)
