"""The forms in which a command tells what it found: text for people, a table, and a document for programs.

A document is one object where one was named, else a list; its members are the structs of `shim.chain.records` and
others, in camelCase, moments as RFC 3339 in UTC.  They are part of the interface (docs/commands.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import click

CommandT = TypeVar("CommandT", bound=Callable[..., Any])
DOCUMENTS: Final = ("json", "yaml")
WIDE: Final = 1 << 16  # YAML's lines are not folded: a sentence is a line, which grep finds
TABLES: Final = ("table", "wide")


def option(*forms: str, default: str | None = "text", meaning: str = "") -> Callable[[CommandT], CommandT]:
    """Give a command `-o` with these forms and those of documents; it gets `output`."""
    says = f"Form. [{meaning or default or 'lines'}]"
    return click.option("--output", "-o", type=click.Choice((*forms, *DOCUMENTS)), default=default, help=says)


def document(tree: object, form: str) -> str:
    """Return structs, lists and mappings of them as a document, without the end of its last line."""
    import msgspec  # noqa: PLC0415 - as everything that --help needs not

    if form == "json":
        return msgspec.json.format(msgspec.json.encode(tree)).decode()
    import yaml  # noqa: PLC0415

    plain = msgspec.to_builtins(tree)
    text: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=WIDE)
    return text.rstrip("\n")


def tell(records: Sequence[object], form: str, *, is_one: bool) -> None:
    """Print what was found: of one that was named the object, which may be missing; else a list."""
    if not is_one:
        click.echo(document(records, form))
    elif records:
        click.echo(document(records[0], form))
