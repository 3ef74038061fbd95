"""`certshim convert` as a command: where it reads and writes, what it tells, and exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from shim.cli import main

OLD = """\
# ours
apiVersion: certmanager.k8s.io/v1alpha1
kind: Issuer
metadata: {name: ca}
spec: {ca: {secretName: ca}}
"""
NEW = OLD.replace("certmanager.k8s.io/v1alpha1", "cert-manager.io/v1")
NOTED = OLD.replace("kind: Issuer", "kind: Certificate").replace("{ca: {secretName: ca}}", "{commonName: x}")
LOSING = OLD.replace("{name: ca}", "{name: ca, annotations: {certmanager.k8s.io/mystery: x}}")
UNREADABLE = "apiVersion: certmanager.k8s.io/v1alpha1\nkind: [\n"


def run(*arguments: str | Path, stdin: str = "") -> Result:
    return CliRunner().invoke(main, ["convert", *map(str, arguments)], input=stdin)


def written(folder: Path, text: str = OLD, name: str = "old.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        (OLD, 0, ""),
        (NEW, 0, ""),
        (NOTED, 0, "<stdin>:5: changed: rotationPolicy"),
        (LOSING, 1, "<stdin>:4: to do: certmanager.k8s.io/mystery"),
        (UNREADABLE, 2, "unreadable: is not YAML"),
    ],
)
def test_exit_code_and_what_is_told(text: str, code: int, told: str) -> None:
    """0 all carried over, 1 something is left to do, 2 unreadable; told on standard error, with its line."""
    result = run("-f", "-", stdin=text)

    assert result.exit_code == code
    assert told in result.stderr
    assert (result.stderr == "") == (told == "")


def test_standard_input_to_standard_output() -> None:
    """What `kubectl apply -f -` shall get."""
    assert run("-f", "-", stdin=OLD).stdout == NEW


def test_what_cannot_be_read_is_passed_on_as_it_is() -> None:
    """Nothing is lost in a pipe."""
    assert run("-", stdin=UNREADABLE).stdout == UNREADABLE


def test_several_files_become_one_stream(tmp_path: Path) -> None:
    """With a separator between two documents, a file that begins with one keeps it."""
    first, second = written(tmp_path), written(tmp_path, f"---\n{OLD}", "second.yaml")
    third = written(tmp_path, OLD.rstrip("\n"), "third.yaml")

    assert run("-f", first, "-f", second, third).stdout == f"{NEW}---\n{NEW}---\n{NEW}"


def test_in_place_writes_what_changed_and_nothing_else(tmp_path: Path) -> None:
    """A folder at once; modes and links stay; no other file appears."""
    old = written(tmp_path)
    old.chmod(0o640)
    new = written(tmp_path, NEW, "new.yaml")
    link = tmp_path / "link.yaml"
    link.symlink_to(old)
    untouched = new.stat().st_mtime_ns, new.stat().st_ino

    result = run("-w", "-f", tmp_path)

    assert (result.exit_code, result.stdout) == (0, "")
    assert old.read_text() == NEW
    assert old.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert (new.stat().st_mtime_ns, new.stat().st_ino) == untouched
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.yaml", "new.yaml", "old.yaml"]


def test_diff_shows_and_writes_nothing(tmp_path: Path) -> None:
    """A unified diff that `patch` takes."""
    old = written(tmp_path)

    output = run("--diff", "-f", old).stdout

    assert "-apiVersion: certmanager.k8s.io/v1alpha1\n+apiVersion: cert-manager.io/v1\n" in output
    assert output.startswith(f"--- {old}\n+++ {old}\n@@ ")
    assert old.read_text() == OLD


def test_writes_to_a_file(tmp_path: Path) -> None:
    """`-o FILE`; `-o yaml` is what it is for cmctl, standard output."""
    made = tmp_path / "made.yaml"

    assert run("-f", written(tmp_path), "-o", made).stdout == ""
    assert made.read_text() == NEW
    assert run("-f", written(tmp_path), "-o", "yaml").stdout == NEW


def test_quiet_tells_only_what_is_left_to_do() -> None:
    """What was changed can be seen in the diff."""
    assert run("-q", "-", stdin=NOTED).stderr == ""
    assert "to do" in run("-q", "-", stdin=LOSING).stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Name the files to convert"),
        (["-w", "-f", "-"], "cannot be written in place"),
        (["-w", "-o", "x", "y.yaml"], "Choose one of -w and -o"),
        (["-o", "json", "x.yaml"], "only YAML is written"),
        (["nowhere.yaml"], "nowhere.yaml:1: unreadable: cannot be read: No such file or directory"),
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], words: str) -> None:
    """With a sentence that says what to do."""
    result = run(*arguments)

    assert result.exit_code == 2
    assert words in result.stderr


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    """And nothing is left behind."""
    result = run("-o", tmp_path / "no" / "such" / "folder.yaml", "-", stdin=OLD)

    assert result.exit_code == 1
    assert "cannot write" in result.stderr


def test_as_a_process(tmp_path: Path) -> None:
    """The installed program, from file to standard output."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", "from shim.cli import main; main()", "convert", "-f", str(written(tmp_path))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, NEW, "")
