"""The command line: one module per command, imported when that command runs.

The table below is all that `certshim --help` needs, so that it answers at once, and the webhook
does not carry what only the shim or an offline command uses.  Each module defines `command`.
The same program is the kubectl plug-in: called as `kubectl-certshim` it says `kubectl certshim`.
"""

from __future__ import annotations

import importlib
import io
import sys
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
    "account": Entry("shim.cli.account", "Look at the ACME account of an issuer, change its key, give it up."),
    "adopt": Entry("shim.cli.adopt", "Take over from cert-manager, or say what that would change."),
    "approve": Entry("shim.cli.approve", "Approve a CertificateRequest."),
    "check": Entry("shim.cli.check", "Judge manifests as admission would, with no cluster."),
    "completion": Entry("shim.cli.completion", "Write a script that completes commands in a shell."),
    "convert": Entry("shim.cli.convert", "Turn manifests of before cert-manager 1.0 into today's."),
    "crds": Entry("shim.cli.crds", "Write the CRDs, or check that they are current."),
    "create": Entry("shim.cli.create", "Create a CertificateRequest from a Certificate's manifest."),
    "deny": Entry("shim.cli.deny", "Deny a CertificateRequest."),
    "doctor": Entry("shim.cli.doctor", "Look at the installation itself, part by part."),
    "events": Entry("shim.cli.events", "Print what happened to a certificate."),
    "explain": Entry("shim.cli.explain", "Say what is wrong with a certificate, and what to do."),
    "inspect": Entry("shim.cli.inspect", "Show what a TLS Secret holds, and whether it can be served."),
    "notify": Entry("shim.cli.notify", "Send a test message to those who are notified."),
    "policies": Entry("shim.cli.policies", "Write the admission policies, or check that they are current."),
    "probe": Entry("shim.cli.probe", "Say how long a certificate is good for, for monitoring."),
    "reference": Entry("shim.cli.reference", "Write the reference pages, or check that they are current."),
    "renew": Entry("shim.cli.renew", "Have Certificates issued anew."),
    "rules": Entry("shim.cli.rules", "Print the rules of admission, or write their page."),
    "shim": Entry("shim.cli.shim", "Run the controllers and the HTTP-01 responder."),
    "solver": Entry("shim.cli.solver", "Answer one HTTP-01 challenge: what solver pods run."),
    "status": Entry("shim.cli.status", "Show everything about a certificate, object by object."),
    "ui": Entry("shim.cli.ui", "Serve a page about all certificates, on this machine."),
    "upgrade": Entry("shim.cli.upgrade", "Bring what an older installation has left up to date."),
    "version": Entry("shim.cli.version", "Print the version of this program, and of what the cluster has."),
    "wait": Entry("shim.cli.wait", "Wait until Certificates are ready."),
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
        """Return the command that the first argument names; say what comes near when there is none.

        `check api` is not `check` of a file of that name: such a file is `./api`.
        """
        if args[:2] == ["check", "api"]:
            return "check api", importlib.import_module("shim.cli.checkapi").command, args[2:]
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            ctx.fail(f"There is no command {name!r}.{_suggestion(name)} See {ctx.command_path} --help.")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; its errors are folded to the terminal."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            from shim.cli.exits import fitted  # noqa: PLC0415 - only for an error

            raise fitted(error) from error.__cause__

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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a mark that a terminal does not have is no reason to end
