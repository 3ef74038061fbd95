"""Object identifiers as the API reads them: integers of 64 bits, separated by dots, and no further rule."""

from __future__ import annotations

from certs.atoi import atoi


def parse_oid(text: str) -> tuple[int, ...] | None:
    """Return the numbers, or None when the text is no identifier.

    >>> parse_oid("1.2.840"), parse_oid("-1.02"), parse_oid("1.x")
    ((1, 2, 840), (-1, 2), None)
    """
    try:
        return tuple(map(atoi, text.split(".")))
    except ValueError:
        return None
