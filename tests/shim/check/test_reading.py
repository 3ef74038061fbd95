"""Bytes to documents: what they say, on which line, and that no bytes make it raise."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.check.nodes import Mapping, Node, Plain, TooLarge, line_of
from shim.check.reading import read
from shim.manifests import streams
from shim.manifests.streams import Unreadable


def documents(text: str) -> list[Node]:
    found = list(read(text.encode()))
    nodes = [one for one in found if not isinstance(one, Unreadable)]
    assert len(nodes) == len(found), found
    return nodes


def only(text: str) -> Node:
    (node,) = documents(text)
    return node


def values(text: str) -> list[Any]:
    return [Plain()(node) for node in documents(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("---\na: 1\n--- # next\nb: 2\n---\n---\n", [{"a": 1}, {"b": 2}]),
        ("# only a comment\n", []),
        ("", []),
        ("a: |\n  x\n  --- y\nb: 1\n", [{"a": "x\n--- y\n", "b": 1}]),
        ("%YAML 1.1\n---\na: on\n", [{"a": True}]),
        ("a: b\n...\n---\nc: d\n", [{"a": "b"}, {"c": "d"}]),
        ("\ufeffa: b\n", [{"a": "b"}]),
        ("a: b\r\nc: d\r\n---\r\ne: f\r\n", [{"a": "b", "c": "d"}, {"e": "f"}]),
        ('{\n\t"a": [1, "on"]\n}\n', [{"a": [1, "on"]}]),
        ('{"a": "\\ud83d\\ude00"}', [{"a": "😀"}]),
        ("on: 1\n2: b\n", [{"true": 1, "2": "b"}]),
        ("a: &b {x: 1, z: 2}\nmade:\n  <<: *b\n  z: 3\n", [{"a": {"x": 1, "z": 2}, "made": {"z": 3, "x": 1}}]),
        ("m:\n  <<: [{x: 1}, {x: 2, z: 3}]\n", [{"m": {"x": 1, "z": 3}}]),
        ('m: {"<<": 1}\n', [{"m": {"<<": 1}}]),
        ("a: &x [1]\nb: *x\n", [{"a": [1], "b": [1]}]),
    ],
)
def test_reads(text: str, expected: list[Any]) -> None:
    """Streams, separators, byte order marks, line ends, JSON, merge keys and aliases."""
    assert values(text) == expected


def test_reads_utf_16() -> None:
    """What PowerShell's redirection writes."""
    (node,) = read("a: ü".encode("utf-16"))

    assert isinstance(node, Mapping)
    assert Plain()(node) == {"a": "ü"}


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"a: 1\nb: c: d\n", 2, "mapping values are not allowed"),
        (b"a:\n\tb: 1\n", 2, "a tab indents the line; indent with spaces"),
        (b"a: \xff\n", 1, "byte 0xff is not UTF-8"),
        (b"a: b\nc: \x00\n", 2, "has the character"),
        (b"a: {{ .Values.x }}\n", 1, "is a template, not YAML; render it first"),
        (b"a: 1\n{{- if .x }}\nb: 2\n{{- end }}\n", 2, "is a template"),
        (b"a: &a [*a]\n", 1, "contains itself"),
        (b"a: *nobody\n", 1, "define the anchor"),
        (b"? [a]\n: b\n", 1, "has a key that is no text"),
        (b"~: b\n", 1, "has a key that is no text"),
        (b"a:\n  <<: 1\n", 2, "merges (<<) what is no mapping"),
        (b"a: !!binary $\n", 1, "no base64"),
        (b"[" * 500, 1, "nested more than 200 levels"),
        (b"- " * 100_000, 1, "nest"),
        (b'{"a":' * 900 + b"1" + b"}" * 900, 1, "nested more than 200 levels"),
        (b'{"a":' * 9000 + b"1" + b"}" * 9000, 1, "nest"),
    ],
)
def test_says_where_and_why_it_cannot_read(content: bytes, line: int, words: str) -> None:
    """One sentence with the line on which the trouble is."""
    (found,) = read(content)

    assert isinstance(found, Unreadable)
    assert found.line == line
    assert words in str(found)


def test_a_broken_document_does_not_hide_the_others() -> None:
    """Each document stands for itself, and lines are those of the file."""
    first, broken, last = read(b"a: 1\n---\nb: [\n---\nc: 3\n")

    assert isinstance(first, Mapping)
    assert isinstance(broken, Unreadable)
    assert isinstance(last, Mapping)
    assert last.line == 5


def test_keeps_both_lines_of_a_key_that_stands_there_twice() -> None:
    """The last value counts, as for kubectl; that there are two is known."""
    node = only("a: 1\nb: 2\na: 3\n")

    assert isinstance(node, Mapping)
    assert node.twice == [("a", 3, 1)]
    assert Plain()(node) == {"a": 3, "b": 2}


def test_aliases_of_aliases_are_bounded() -> None:
    """A few lines that mean a billion values are not unfolded."""
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"] + [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]

    node = only("\n".join(lines))

    with pytest.raises(TooLarge):
        Plain()(node)


def test_a_file_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is on bytes, before anything is parsed."""
    monkeypatch.setattr(streams, "MAX_BYTES", 10)

    (found,) = read(b"a: " + b"x" * 10)

    assert isinstance(found, Unreadable)
    assert "MiB" in str(found)


TREE = """\
metadata:
  annotations:
    cert-manager.io/issuer: le
    a.b/c: d
  list: [a,
    b]
spec:
  tls:
    - hosts:
        - one
        - two
      secretName: x
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("", 1),
        ("metadata.annotations[cert-manager.io/issuer]", 3),
        ("metadata.annotations.a.b/c", 4),
        ("metadata.annotations[gone]", 2),
        ("metadata.list[1]", 6),
        ("spec.tls[0].hosts[1]", 11),
        ("spec.tls[0].secretName", 12),
        ("spec.tls[0].secretName.name", 12),
        ("spec.tls[1].hosts", 8),
        ("spec.tls[type]", 8),
        ("spec.tls[99999999999999999999]", 8),
        ("nothing", 1),
        ("spec.[", 7),
    ],
)
def test_line_of_a_path(path: str, line: int) -> None:
    """The line of what the path names, or of the nearest thing around it."""
    assert line_of(only(TREE), path) == line


YAMLISH = st.text(st.sampled_from("ab:- \n\t&*!<>[]{}'\"|#%?,.~0x1e"), max_size=60)


@given(st.one_of(st.binary(max_size=200), YAMLISH.map(str.encode)))
def test_no_bytes_make_it_raise(content: bytes) -> None:
    """Whatever is in a file, each document is a tree or a sentence."""
    for found in read(content):
        if isinstance(found, Unreadable):
            assert str(found)
            assert 1 <= found.line <= content.count(b"\n") + 1
        else:
            Plain()(found)


LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5)


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner), max_leaves=9))
def test_json_is_read_as_json(value: Any) -> None:
    """Any JSON document means what it means to a JSON parser."""
    import msgspec  # noqa: PLC0415

    found = list(read(msgspec.json.encode({"value": value})))

    assert [Plain()(node) for node in found if not isinstance(node, Unreadable)] == [{"value": value}]
