"""`certshim check` as a command: arguments, exit codes, folders, standard input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from shim.cli import main

ROOT = Path(__file__).parents[3]
GOOD = """\
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: shop}
spec: {secretName: shop-tls, issuerRef: {name: le}, dnsNames: [shop.example.com]}
"""
REFUSED = GOOD.replace("dnsNames", "dnsnames")
UNREADABLE = "kind: [\n"


def run(*arguments: str | Path, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["check", *map(str, arguments)], input=stdin)


@pytest.mark.parametrize(
    ("text", "code"), [(GOOD, 0), ("", 0), (REFUSED, 1), (UNREADABLE, 2), (REFUSED + "---\n{{", 2)]
)
def test_exit_code(text: str, code: int) -> None:
    """0 accepted, 1 refused, 2 unreadable, on standard input as on files."""
    assert run("-", stdin=text.encode()).exit_code == code


def test_the_examples_are_clean() -> None:
    """What users copy passes without a word, taken as all that there is."""
    result = run("--strict", "--complete", ROOT / "manifests" / "examples")

    assert result.exit_code == 0, result.output
    assert "no warnings" in result.output


def test_the_hooks_run_what_there_is() -> None:
    """`.pre-commit-hooks.yaml` names commands and options of this program."""
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text()):
        program, *arguments = hook["entry"].split()

        assert program == "certshim"
        assert CliRunner().invoke(main, [*arguments, str(ROOT / "manifests" / "examples")]).exit_code == 0


def test_folders_are_searched(tmp_path: Path) -> None:
    """Recursively, by suffix, hidden folders left out; what is named twice is judged once."""
    for name in ("a.yaml", "deep/b.yml", "deep/c.json", ".git/d.yaml", "e.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(REFUSED)

    result = run("-o", "json", tmp_path, tmp_path / "a.yaml")

    files = [Path(one["file"]).name for one in json.loads(result.output)["results"]]
    assert files == ["a.yaml", "b.yml", "c.json"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Name the files to check"),
        (["--explain", "host-unprovble"], "did you mean host-unprovable?"),
        (["--output", "xml", "-"], "'xml' is not one of"),
        (["--settings", "nowhere.yaml", "-"], "--settings=nowhere.yaml: cannot be read: No such file"),
        (["nowhere.yaml"], "nowhere.yaml:1: deny unreadable: cannot be read: No such file or directory"),
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], words: str) -> None:
    """With a sentence that names the argument."""
    result = run(*arguments)

    assert result.exit_code == 2
    assert words in result.output


def test_settings_choose_actions(tmp_path: Path) -> None:
    """The file that the webhook reads; every mistake in it is told."""
    settings = tmp_path / "settings.yaml"
    annotations = b"{cert-manager.io/isuer: x}"
    typo = b"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: x, annotations: %s}\n" % annotations

    settings.write_text("rules: {unknown-annotation: warn}\n")
    assert run("--settings", settings, "-", stdin=typo).exit_code == 0
    assert run("--settings", settings, "--strict", "-", stdin=typo).exit_code == 1
    settings.write_text("rules: {unknown-anotation: warn, schema: off}\n")
    wrong = run("--settings", settings, "-", stdin=typo)
    assert wrong.exit_code == 2
    assert "did you mean unknown-annotation?" in wrong.output
    assert "schema" in wrong.output


def test_quiet_says_what_is_refused_and_nothing_else() -> None:
    """A hook that passes is silent."""
    assert run("--quiet", "-", stdin=GOOD.encode()).output == ""
    assert run("-q", "-", stdin=REFUSED.encode()).output.count("\n") == 1


def test_explains_a_rule() -> None:
    """What is found, why it matters, what to do, and who may change it."""
    output = run("--explain", "host-unprovable").output

    assert "No solver" in output or "no solver" in output
    assert "a policy may choose: deny, warn, off" in output


def test_no_colours_where_nobody_sees_them() -> None:
    """In a pipe the lines are plain."""
    assert "\x1b" not in run("-", stdin=REFUSED.encode()).output


@given(st.binary(max_size=300))
def test_no_bytes_make_it_crash(content: bytes) -> None:
    """Whatever comes in, the exit code is one of the three."""
    result = run("-", stdin=content)

    assert result.exit_code in {0, 1, 2}
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_as_a_process_without_the_clusters_client(tmp_path: Path) -> None:
    """The installed program, its exit code, and that it does not import what needs a cluster."""
    manifest = tmp_path / "x.yaml"
    manifest.write_text(REFUSED)
    script = (
        "import sys, atexit; from shim.cli import main;"
        "atexit.register(lambda: print(*{'kubernetes', 'acme', 'flask', 'ruamel.yaml', 'webhook'} & set(sys.modules)));"
        f"main(['check', {str(manifest)!r}])"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603

    assert done.returncode == 1
    first, *_, last = done.stdout.splitlines()
    assert first == f"{manifest}:4: deny schema spec.dnsnames: unknown field; did you mean dnsNames?"
    assert last == ""
