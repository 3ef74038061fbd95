"""Values as Go prints them, and what is a space to Go.

Text by `%q`: quoted, with everything escaped that does not print.  Structs as JSON, under the names of Go's fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# Python counts U+001C to U+001F as well.
SPACES: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)

_NAMED: Final = {
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    '"': r"\"",
    "\\": r"\\",
}
_BYTE: Final = 0x80
_PLANE: Final = 0x10000


def quoted(text: str) -> str:
    r"""Return the text in double quotes.

    >>> print(quoted("a\tb\x01\u200b"))
    "a\tb\x01\u200b"
    """
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{"".join(map(_escaped, text))}"'


def quoted_char(char: str) -> str:
    r"""Return a character in single quotes.

    >>> print(quoted_char("\0"), quoted_char("'"), quoted_char('"'))
    '\x00' '\'' '"'
    """
    special = {'"': '"', "'": r"\'"}
    return f"'{special.get(char) or _escaped(char)}'"


def _escaped(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < _BYTE:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < _PLANE else f"\\U{code:08x}"


def in_go(value: object, fields: Mapping[str, str]) -> dict[str, object]:
    """Return a struct with those fields (Go's name and ours), as Go's encoder sees it: an empty list is null."""
    return {name: _listed(getattr(value, field)) for name, field in fields.items()}


def _listed(value: object) -> object:
    return (list(value) or None) if isinstance(value, tuple) else value
