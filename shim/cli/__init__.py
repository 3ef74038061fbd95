"""The command line: one module per command, imported when that command runs.

The table below is all that `certshim --help` needs, so that it answers at once, and the webhook
does not carry what only the shim or an offline command uses.  Each module defines `command`.
The same program is the kubectl plug-in: called as `kubectl-certshim` it says `kubectl certshim`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import click


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command lives, and its line in the help."""

    module: str
    help: str


COMMANDS: Final[Mapping[str, Entry]] = {
    "check": Entry("shim.cli.check", "Judge manifests as admission would, with no cluster."),
    "convert": Entry("shim.cli.convert", "Turn manifests of before cert-manager 1.0 into today's."),
    "crds": Entry("shim.cli.crds", "Write the CRDs, or check that they are current."),
    "policies": Entry("shim.cli.policies", "Write the admission policies, or check that they are current."),
    "reference": Entry("shim.cli.reference", "Write the reference pages, or check that they are current."),
    "rules": Entry("shim.cli.rules", "Print the rules of admission, or write their page."),
    "shim": Entry("shim.cli.shim", "Run the controllers and the HTTP-01 responder."),
    "webhook": Entry("shim.cli.webhook", "Run the admission webhook."),
}


# kubectl runs a program `kubectl-NAME` for the words `kubectl NAME`.
PLUGIN_NAMES: Final[Mapping[str, str]] = {"kubectl-certshim": "kubectl certshim"}


class LazyGroup(click.Group):
    """A group that lists its commands from a table and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return the command, importing its module; None when there is no such command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = importlib.import_module(entry.module).command
        assert isinstance(command, click.Command)  # noqa: S101 - what a command module is
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the table without importing the modules."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the first argument names; say what comes near when there is none."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            ctx.fail(f"There is no command {name!r}.{_suggestion(name)} See {ctx.command_path} --help.")
        return super().resolve_command(ctx, args)

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> click.Context:
        """Return the context, under the name by which the user knows the program."""
        return super().make_context(PLUGIN_NAMES.get(info_name or "", info_name), args, *rest, **extra)


def _suggestion(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistyped command

    near = get_close_matches(name, COMMANDS, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="certshim")
def main() -> None:
    """Certificates for Kubernetes, decided at apply time."""
