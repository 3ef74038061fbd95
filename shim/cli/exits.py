"""The exit codes of all commands, as docs/commands.md has them: what a script may rely on."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import click

from shim.cli.terminal import wrapped


class Exit(IntEnum):
    """How a command ended."""

    DONE = 0  # done, or all is well
    NOT_WELL = 1  # not done, or something is not well: missing, refused, failing
    WRONG_CALL = 2  # called wrongly; nothing was done (click's own)
    UNKNOWN = 3  # it cannot be told: no cluster, no answer, not in time


def fitted(error: click.ClickException) -> click.ClickException:
    """Return an error whose sentences are folded between words, where it is shown on a terminal.

    Those that click words itself stay as they are.
    """
    if type(error).__init__ not in {click.ClickException.__init__, click.UsageError.__init__}:
        return error
    first, *more = error.message.split("\n")
    lines = wrapped(first, "Error: ", err=True)[len("Error: ") :], *(wrapped(one, err=True) for one in more)
    message = "\n".join(lines)
    return type(error)(message, error.ctx) if isinstance(error, click.UsageError) else type(error)(message)


class Unknowable(click.ClickException):
    """It cannot be told how things are; the sentence says what was asked, and why there is no answer."""

    exit_code = Exit.UNKNOWN


class Miscalled(click.UsageError):
    """A plug-in of monitoring was called wrongly."""

    exit_code = Exit.UNKNOWN


class Plugin(click.Command):
    """A command that monitoring runs, where 2 means critical: called wrongly it ends with 3, as plug-ins do.

    (Monitoring Plugins Development Guidelines, "Plugin Return Codes".)
    """

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> click.Context:
        """Read the arguments."""
        try:
            return super().make_context(info_name, args, *rest, **extra)
        except click.UsageError as error:
            raise Miscalled(error.format_message(), error.ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise Miscalled(error.format_message(), error.ctx) from error
