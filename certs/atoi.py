"""Integers as Go's `strconv.Atoi` reads them: ASCII digits, a sign, 64 bits."""

from __future__ import annotations

from typing import Final

from certs.goprint import quoted

INT64: Final = range(-(2**63), 2**63)
_MOST_DIGITS: Final = len(str(INT64.stop))


def atoi(text: str) -> int:
    """Return the number; a ValueError has Go's text.

    >>> atoi("+07"), atoi("-1")
    (7, -1)
    """
    sign, digits = (text[:1], text[1:]) if text[:1] in {"+", "-"} else ("", text)
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"strconv.Atoi: parsing {quoted(text)}: invalid syntax")
    digits = digits.lstrip("0") or "0"
    # Counted first: making a number of many digits takes time, and Python refuses very many.
    if len(digits) > _MOST_DIGITS or int(sign + digits) not in INT64:
        raise ValueError(f"strconv.Atoi: parsing {quoted(text)}: value out of range")
    return int(sign + digits)
