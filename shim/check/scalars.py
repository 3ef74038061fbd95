"""What a plain YAML scalar means to kubectl.

kubectl reads YAML by the rules of YAML 1.1 in the form of its Go library (`go.yaml.in/yaml/v2`, file resolve.go):
`on`, `yes` and `n` are booleans, `0o17` and `017` are fifteen, a date stays text.  The file must be read in the
same way, or an annotation that kubectl refuses would pass here.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Final

Value = str | int | float | bool | None

STRING: Final = "tag:yaml.org,2002:str"
BINARY: Final = "tag:yaml.org,2002:binary"
RESOLVABLE: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float", "null", "timestamp"))


def _words() -> dict[str, Value]:
    spelled: Mapping[Value, str] = {True: "y yes true on", False: "n no false off", None: "null"}
    words: dict[str, Value] = {"": None, "~": None}
    for value, names in spelled.items():
        for name in names.split():
            words |= dict.fromkeys((name, name.capitalize(), name.upper()), value)
    infinite = float("inf")
    for name in (".inf", ".Inf", ".INF"):
        words |= {name: infinite, f"+{name}": infinite, f"-{name}": -infinite}
    return words | dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan"))


WORDS: Final = _words()
MAX_NUMBER: Final = 400  # characters; longer ones overflow a float, and Python refuses to read 4300 digits

_STARTS: Final = frozenset("+-.0123456789")
_INTEGER: Final = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INT64: Final = range(-(2**63), 2**64)  # what does not fit is a float


def resolve(text: str, tag: str | None, *, plain: bool) -> Value:
    """Return the value of a scalar: the text itself when it is quoted or tagged as such."""
    if tag == BINARY:
        return b64decode(text, validate=True).decode(errors="replace")  # ValueError: the caller says where
    if tag in RESOLVABLE or (plain and tag is None):
        return resolve_plain(text)
    return text


def resolve_plain(text: str) -> Value:
    """Return what an untagged plain scalar means.

    >>> resolve_plain("on"), resolve_plain("0777"), resolve_plain("1e3"), resolve_plain("2026-01-01")
    (True, 511, 1000.0, '2026-01-01')
    """
    if text in WORDS:
        return WORDS[text]
    if text[0] not in _STARTS or len(text) > MAX_NUMBER:
        return text
    return _number(text.replace("_", ""), text)


def _number(bare: str, text: str) -> Value:
    if match := _INTEGER.fullmatch(bare):
        sign, *digits = match.groups()
        base, found = next((base, found) for base, found in zip((16, 2, 8, 10), digits, strict=True) if found)
        value = int(sign + found, base)
        if value in _INT64:
            return value
    if _FLOAT.fullmatch(bare):
        number = float(bare)
        return text if abs(number) == float("inf") else number
    return text


def key_text(value: Value) -> str | None:
    """Return a scalar as the key of a JSON object, None for null, which kubectl refuses."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value).removesuffix(".0")
        case _:
            return str(value)
