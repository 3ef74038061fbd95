"""`certshim crds` and `certshim reference`: writing, and checking what was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from shim.cli import main

ROOT = Path(__file__).parents[3]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


@pytest.mark.parametrize(("command", "files"), [("crds", 6), ("policies", 1), ("reference", 8)])
def test_writes_and_then_finds_everything_current(command: str, files: int, tmp_path: Path) -> None:
    """A folder that does not exist is made; what was written passes the check."""
    folder = tmp_path / "new"

    assert run(command, folder).exit_code == 0
    assert len(list(folder.iterdir())) == files
    assert run(command, "--check", folder).exit_code == 0


def change(folder: Path) -> str:
    path = folder / "orders.acme.cert-manager.io.yaml"
    path.write_text(path.read_text() + "# by hand\n")
    return path.name


def remove(folder: Path) -> str:
    path = folder / "orders.acme.cert-manager.io.yaml"
    path.unlink()
    return path.name


def leave_over(folder: Path) -> str:
    path = folder / "gone.cert-manager.io.yaml"
    path.write_text("kind: CustomResourceDefinition\n")
    return path.name


@pytest.mark.parametrize("spoil", [change, remove, leave_over])
def test_check_names_what_is_stale_and_what_to_run(spoil: Callable[[Path], str], tmp_path: Path) -> None:
    """A changed, missing or left-over file makes the check exit 1 with a sentence; nothing is written."""
    run("crds", tmp_path)
    name = spoil(tmp_path)

    result = run("crds", "--check", tmp_path)

    assert result.exit_code == 1
    assert f"not current in {tmp_path}: {name}; run `certshim crds {tmp_path}`" in result.output
    assert run("crds", "--check", tmp_path).exit_code == 1


@pytest.mark.parametrize("spoil", [change, remove, leave_over])
def test_writing_mends_what_is_stale(spoil: Callable[[Path], str], tmp_path: Path) -> None:
    """After writing, the folder holds exactly the current files."""
    run("crds", tmp_path)
    spoil(tmp_path)

    assert "6 files, 1 changed" in run("crds", tmp_path).output
    assert run("crds", "--check", tmp_path).exit_code == 0


def test_leaves_other_files_alone(tmp_path: Path) -> None:
    """A file of another type in the folder is none of the command's business."""
    (tmp_path / "NOTES.txt").write_text("mine")

    run("crds", tmp_path)

    assert (tmp_path / "NOTES.txt").read_text() == "mine"


def test_dash_prints_one_stream_of_documents() -> None:
    """`certshim crds - | kubectl apply -f -` installs the kinds."""
    documents = list(yaml.safe_load_all(run("crds", "-").output))

    assert [one["kind"] for one in documents] == ["CustomResourceDefinition"] * 6


@pytest.mark.parametrize(
    ("command", "folder"),
    [
        ("crds", "manifests/chart/files/crds"),
        ("policies", "manifests/chart/files/policies"),
        ("reference", "docs/reference"),
    ],
)
def test_the_repository_is_current(command: str, folder: str) -> None:
    """Whoever changes a struct commits the generated files too."""
    result = run(command, "--check", ROOT / folder)

    assert result.exit_code == 0, result.output


def test_policies_follow_the_settings_of_the_webhook(tmp_path: Path) -> None:
    """What the webhook lets pass, the API server must not refuse."""
    settings = tmp_path / "admission.yaml"
    settings.write_text("rules: {tls-secret-twice: warn}")

    made = run("policies", "--admission-settings", settings, "-").output

    assert "tlsSecretTwice" in run("policies", "-").output
    assert "tlsSecretTwice" not in made
    assert [one["kind"] for one in yaml.safe_load_all(made)] == [
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ]


@pytest.mark.parametrize(
    ("text", "told"), [("rules: {tls-secret-twise: off}", "did you mean tls-secret-twice?"), ("[", "is no YAML")]
)
def test_wrong_settings_are_told(text: str, told: str, tmp_path: Path) -> None:
    settings = tmp_path / "admission.yaml"
    settings.write_text(text)

    result = run("policies", "--admission-settings", settings, "-")

    assert result.exit_code == 1
    assert told in result.output


def test_the_page_of_symptoms_beside_the_folder_is_checked_too(tmp_path: Path) -> None:
    folder = tmp_path / "docs" / "reference"
    run("reference", folder)
    (folder.parent / "troubleshooting.md").write_text("# By hand\n")

    result = run("reference", "--check", folder)

    assert result.exit_code == 1
    assert "troubleshooting.md is not current; run `certshim reference" in result.output
