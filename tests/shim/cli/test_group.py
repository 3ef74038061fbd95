"""The command line as a whole."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from shim.cli import COMMANDS, main


def test_help_lists_every_command_from_the_table() -> None:
    """The help shows name and sentence of each command."""
    output = CliRunner().invoke(main, ["--help"]).output

    for name, entry in COMMANDS.items():
        assert f"  {name} " in output
        assert entry.help in output


def test_help_imports_no_command() -> None:
    """Help answers without importing what a command needs: msgspec, YAML, kubernetes, the kinds."""
    script = (
        "import sys; from shim.cli import main; main(['--help'], standalone_mode=False);"
        "heavy = {'msgspec', 'yaml', 'kubernetes', 'acme', 'flask', 'rich', 'certs'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )

    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=30)  # noqa: S603


@pytest.mark.parametrize(
    "code",
    [
        "from shim.cli import main; main(['shim', '--kubeconfig=/nonexistent'])",
        "import webhook.server, webhook.app",
        "from shim.cli import main; main(['version', '--client'], standalone_mode=False)",
        "from shim.cli import main; main(['status', 'certificate', '--kubeconfig=/nonexistent'])",
        "import shim.cli.status, shim.cli.explained, shim.cli.progress, shim.cli.wait, shim.cli.doctor",
    ],
)
def test_only_a_terminal_needs_rich(code: str) -> None:
    """The processes carry nothing that draws, and what is piped starts without it."""
    script = f"import atexit, sys; atexit.register(lambda: print('rich' in sys.modules, end='')); {code}"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=30)  # noqa: S603

    assert done.stdout.endswith("False"), done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_help_of_its_own(name: str) -> None:
    """`certshim NAME --help` explains each command of the table, so no entry leads nowhere."""
    result = CliRunner().invoke(main, [name, "--help"])

    assert result.exit_code == 0
    assert f"{name} [OPTIONS]" in result.output


@pytest.mark.parametrize(
    ("typed", "meant"), [("crd", "'crds'"), ("refrence", "'reference'"), ("web-hook", "'webhook'"), ("xyzzy", None)]
)
def test_a_mistyped_command_is_answered_with_the_nearest(typed: str, meant: str | None) -> None:
    """An unknown command exits 2, and says what was probably meant when something comes near."""
    result = CliRunner().invoke(main, [typed])

    assert result.exit_code == 2
    assert f"There is no command '{typed}'." in result.output
    assert (f"Did you mean {meant}?" in result.output) if meant else ("Did you mean" not in result.output)


@pytest.mark.parametrize(
    "words",
    ["status cert", "status certificates", "wait certs", "inspect secrets", "create cr", "explain ing", "events certs"],
)
def test_kinds_go_by_the_names_of_kubectl(words: str) -> None:
    """Its short names and plurals, too."""
    assert CliRunner().invoke(main, [*words.split(), "--help"]).exit_code == 0


@pytest.mark.parametrize(
    ("program", "usage"),
    [("certshim", "Usage: certshim [OPTIONS]"), ("kubectl-certshim", "Usage: kubectl certshim [OPTIONS]")],
)
def test_usage_says_what_the_user_typed(program: str, usage: str) -> None:
    """As a kubectl plug-in the program is called by two words."""
    output = CliRunner().invoke(main, ["--help"], prog_name=program).output

    assert output.startswith(usage)


def test_the_plug_in_name_reaches_the_commands() -> None:
    """A command's usage begins with the same words."""
    output = CliRunner().invoke(main, ["crds", "--help"], prog_name="kubectl-certshim").output

    assert output.startswith("Usage: kubectl certshim crds [OPTIONS]")


def test_what_a_terminal_does_not_have_is_replaced() -> None:
    """Where it is not of UTF-8: marks and trees are not in Latin-1."""
    words = [sys.executable, "-c", "from shim.cli import main; main()", "probe", "\u2717:0"]
    latin = {**os.environ, "PYTHONIOENCODING": "latin-1"}

    done = subprocess.run(words, capture_output=True, env=latin, check=False, timeout=30)  # noqa: S603

    assert done.stdout.startswith(b'UNKNOWN: "?:0" is no endpoint'), done.stderr
