"""Reference pages of the kinds in Markdown, made from the same schemas as the CRDs.

A page begins with how the kind is addressed and found, then has one table for each object
within it; a field that is an object links to its table.  What a page says and what the API
server enforces cannot differ, since both come from `certs.api.schema`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from certs.api.crd import KINDS, PRESENTATIONS, Kind, definition_name, object_schema
from certs.api.schema import Schema

NOTICE: Final = "<!-- Made by `certshim reference` from the structs in certs/api; change those. -->\n"
FORMATS: Final = {"byte": "base64", "date-time": "time (RFC 3339)"}


def pages() -> dict[str, str]:
    """Return the text of each page by file name, the table of contents as README.md."""
    return {"README.md": contents()} | {_file(kind): page(kind) for kind in KINDS}


def contents() -> str:
    """Return the page that links to the others."""
    rows = [
        f"| [{kind.resource.kind}]({_file(kind)}) | `{kind.resource.api_version}` | {_sentence(object_schema(kind))} |"
        for kind in KINDS
    ]
    return "\n".join(
        (
            NOTICE,
            "# Reference\n",
            "The kinds and all their fields, as `kubectl explain` tells them too.\n",
            "| Kind | API version | |",
            "|---|---|---|",
            *rows,
            "",
        )
    )


def page(kind: Kind) -> str:
    """Return the page of one kind."""
    schema = object_schema(kind)
    return "\n".join((NOTICE, f"# {kind.resource.kind}\n", f"{_sentence(schema)}\n", _facts(kind), *_tables(schema)))


def _facts(kind: Kind) -> str:
    resource, shown = kind.resource, PRESENTATIONS[kind]
    columns = ", ".join(f"{one.name} (with `-o wide`)" if one.wide else one.name for one in shown.columns)
    rows = {
        "API version": f"`{resource.api_version}`",
        "Scope": "one namespace" if resource.namespaced else "the cluster",
        "With kubectl": _words((resource.plural, *shown.short_names)),
        "Part of": _words(shown.categories),
        "Columns": columns,
        "Field selectors": _words(path.removeprefix(".") for path in shown.selectable) or "names only",
        "CRD": f"`{definition_name(resource)}`",
    }
    return "\n".join(("| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items()), ""))


def _tables(schema: Schema) -> Iterator[str]:
    """Yield a section for each object below the top, in reading order."""
    for name in ("spec", "status"):
        yield from _section(name, schema["properties"][name])


def _section(path: str, schema: Schema) -> Iterator[str]:
    properties = schema["properties"]
    required = schema.get("required", ())
    rows = [_row(name, field, f"{path}.{name}", required=name in required) for name, field in properties.items()]
    yield "\n".join(
        (
            f"## {path}\n",
            f"{_sentence(schema)}\n",
            *(f"Rule: {rule['message']}.\n" for rule in schema.get("x-kubernetes-validations", ())),
            "| Field | Type | Required | Description |",
            "|---|---|---|---|",
            *rows,
            "",
        )
    )
    for name, field in properties.items():
        inner, steps = _element(field)
        if "properties" in inner:
            yield from _section(f"{path}.{name}{steps}", inner)


def _row(name: str, field: Schema, path: str, *, required: bool) -> str:
    words = [_sentence(field)]
    if choices := _element(field)[0].get("enum"):
        words.append(f"One of {_words(one for one in choices if one)}.")
    if default := field.get("default"):
        words.append(f"Default: `{default}`.")
    return f"| `{name}` | {_type(field, path)} | {'yes' if required else ''} | {_cell(' '.join(words))} |"


def _type(field: Schema, path: str) -> str:
    """Return the type in words, with a link when it is an object of its own table."""
    if "properties" in field:
        return f"[object](#{_anchor(path)})"
    if "items" in field:
        return f"list of {_type(field['items'], path)}"
    if "additionalProperties" in field:
        return f"map of {_type(field['additionalProperties'], path)}"
    if "x-kubernetes-int-or-string" in field:
        return "integer or string"
    return FORMATS.get(field.get("format", "")) or str(field.get("type", "any JSON"))


def _element(field: Schema) -> tuple[Schema, str]:
    """Return the schema inside lists, and the brackets that say so in a path."""
    if "items" in field:
        inner, steps = _element(field["items"])
        return inner, f"[]{steps}"
    return field, ""


def _anchor(heading: str) -> str:
    """Return the fragment that Markdown renderers give a heading: lower case, no punctuation."""
    return re.sub(r"[^a-z0-9_-]", "", heading.lower())


def _sentence(schema: Schema) -> str:
    return str(schema.get("description", ""))


def _words(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def _file(kind: Kind) -> str:
    return f"{kind.resource.kind.lower()}.md"
