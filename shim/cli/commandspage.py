"""docs/reference/commands.md: every command with its arguments and options, as click knows them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from typing import Final, NamedTuple

import click

from shim.cli import COMMANDS

PROGRAM: Final = "certshim"
# Subcommands that the table of the group has not.
MORE: Final = {"check api": "shim.cli.checkapi"}
HEAD: Final = """\
<!-- Made by `certshim reference` from the commands in shim/cli; change those. -->

# Commands

[What they are for](../commands.md) is told elsewhere; this is all of their options, as `--help` tells them, too. As a
plug-in of kubectl they are called `kubectl certshim …`. Errors are on stderr, with what to do. Exit codes, where a
command names no others: 0 when it is done, 1 when it failed, 2 when it was called wrongly,
[3](../commands.md#the-same-everywhere) when the cluster was not reached.

| command | |
|---|---|
"""


class Named(NamedTuple):
    """A command, and the words that call it."""

    name: str
    command: click.Command


def commands() -> Iterator[Named]:
    """Yield all commands and their subcommands, by name, but hidden ones."""
    modules = {name: entry.module for name, entry in COMMANDS.items()} | MORE
    for name in sorted(modules):
        yield from _under(Named(name, importlib.import_module(modules[name]).command))


def _under(one: Named) -> Iterator[Named]:
    yield one
    if isinstance(one.command, click.Group):
        for word, inner in one.command.commands.items():
            if not inner.hidden:
                yield from _under(Named(f"{one.name} {word}", inner))


def page() -> str:
    """Return the page."""
    rows = (f"| [{PROGRAM} {name}](#{PROGRAM}-{name}) | {_cell(entry.help)} |" for name, entry in COMMANDS.items())
    parts = (part for one in commands() for part in _about(one.name, one.command))
    return "\n".join((HEAD + "\n".join(rows), "", *parts))


def _about(name: str, command: click.Command) -> Iterator[str]:
    """Yield the section of a command."""
    context = click.Context(command, info_name=f"{PROGRAM} {name}")
    yield f"## {PROGRAM} {name}\n"
    yield f"```text\n{' '.join((PROGRAM, name, *command.collect_usage_pieces(context)))}\n```\n"
    yield f"{inspect.cleandoc(command.help or '')}\n".replace("\b\n", "")
    records = [
        record
        for one in command.params
        if isinstance(one, click.Option) and (record := one.get_help_record(context)) is not None
    ]
    if records:
        yield "| option | |"
        yield "|---|---|"
        yield from (f"| `{_cell(option)}` | {_cell(says)} |" for option, says in records)
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")
