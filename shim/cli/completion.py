"""`certshim completion`: a script by which a shell completes the commands and options."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

# kubectl runs a program of this name for a plug-in, with the words so far, and reads candidates by line.
KUBECTL: Final = """\
#!/bin/sh
# kubectl_complete-certshim: put it on PATH, executable, beside kubectl-certshim.
certshim completion candidates -- "$@"
echo :4
"""
POWERSHELL: Final = """\
Register-ArgumentCompleter -Native -CommandName certshim -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
    if ($wordToComplete -eq '') { $words += '' }
    certshim completion candidates -- @words | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
    }
}
"""
SHELLS: Final = ("bash", "zsh", "fish", "powershell", "kubectl")


@click.group("completion", invoke_without_command=False)
def command() -> None:
    """Write a script that completes commands and options: bash, zsh, fish, powershell, kubectl.

    For bash: source <(certshim completion bash)
    """


def _script(shell: str) -> str:
    match shell:
        case "kubectl":
            return KUBECTL
        case "powershell":
            return POWERSHELL
        case _:
            from shim.cli import main  # noqa: PLC0415 - the group that this is a command of

            kind = get_completion_class(shell)
            assert kind is not None  # noqa: S101 - one of click's own
            return kind(main, {}, "certshim", "_CERTSHIM_COMPLETE").source() + "\n"


def _add(shell: str) -> None:
    @command.command(shell, help=f"Write the script for {shell}.")
    def write() -> None:
        click.echo(_script(shell), nl=False)


for _shell in SHELLS:
    _add(_shell)


@command.command("candidates", hidden=True)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def candidates(words: tuple[str, ...]) -> None:
    """Print what may stand in place of the last word, a line each."""
    from click.shell_completion import ShellComplete  # noqa: PLC0415

    from shim.cli import main  # noqa: PLC0415

    *before, last = words or ("",)
    for item in ShellComplete(main, {}, "certshim", "_CERTSHIM_COMPLETE").get_completions(list(before), last):
        click.echo(item.value)
