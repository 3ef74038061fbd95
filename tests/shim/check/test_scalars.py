"""Plain scalars, as kubectl's YAML library reads them; the expectations were made with go.yaml.in/yaml/v2."""

from __future__ import annotations

import math

import pytest

from shim.check.scalars import BINARY, STRING, Value, key_text, resolve, resolve_plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("Null", None), ("nuLL", "nuLL"),
        ("true", True), ("True", True), ("tRue", "tRue"), ("yes", True), ("on", True), ("ON", True), ("y", True),
        ("false", False), ("no", False), ("off", False), ("N", False), ("none", "none"),
        ("0", 0), ("80", 80), ("-1", -1), ("+1", 1), ("1_000", 1000), ("0777", 511), ("0o17", 15), ("0x1F", 31),
        ("0b101", 5), ("-0b11", -3), ("08", 8.0), ("1.5", 1.5), (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0), ("1e", "1e"),
        ("18446744073709551615", 2**64 - 1), ("18446744073709551616", float(2**64)), ("1e999", "1e999"),
        ("2026-01-01", "2026-01-01"), ("12:30:45", "12:30:45"), ("1.2.3", "1.2.3"), ("10.0.0.1", "10.0.0.1"),
        ("-", "-"), (".", "."), ("90d", "90d"), ("2160h", "2160h"), (".inf", math.inf), ("-.INF", -math.inf),
        ("9" * 5000, "9" * 5000),
    ],
)  # fmt: skip
def test_plain_scalar(text: str, value: Value) -> None:
    """Type and value; in Python True equals 1, so the type is compared too."""
    found = resolve_plain(text)

    assert (type(found), found) == (type(value), value)


def test_quoted_and_tagged_scalars() -> None:
    """Quotes make text, tags choose the type, `!!binary` is decoded; an unknown tag leaves the text."""
    assert resolve("on", None, plain=False) == "on"
    assert resolve("on", STRING, plain=False) == "on"
    assert resolve("1", "tag:yaml.org,2002:int", plain=False) == 1
    assert resolve("bGU=", BINARY, plain=False) == "le"
    assert resolve("x", "!mine", plain=False) == "x"


@pytest.mark.parametrize(("value", "key"), [("a", "a"), (True, "true"), (80, "80"), (1.0, "1"), (None, None)])
def test_key(value: Value, key: str | None) -> None:
    """Keys of JSON objects are text: `on:` is the key `true`."""
    assert key_text(value) == key
