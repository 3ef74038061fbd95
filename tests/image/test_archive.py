"""Layers and archives are functions of their folder."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from pathlib import Path

from tests.node.archive import write_archive, write_layer
from tests.node.containerfile import Stage

MOMENT = 1_767_225_600


def tree(folder: Path, names: tuple[str, ...]) -> Path:
    """Make a folder with these files, in that order, a link and a program."""
    folder.mkdir()
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    (folder / "link").symlink_to("b/two")
    (folder / "b/two").chmod(0o755)
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (MOMENT, MOMENT), follow_symlinks=False)
    return folder


def test_equal_folders_give_equal_layers(tmp_path: Path) -> None:
    """Whatever the order in which their files were made."""
    first = write_layer(tree(tmp_path / "x", ("a/one", "b/two")), tmp_path / "x.tar")
    second = write_layer(tree(tmp_path / "y", ("b/two", "a/one")), tmp_path / "y.tar")

    assert first == second == hashlib.sha256((tmp_path / "y.tar").read_bytes()).hexdigest()


def test_a_layer_has_what_the_folder_has(tmp_path: Path) -> None:
    write_layer(tree(tmp_path / "x", ("a/one", "b/two")), tmp_path / "x.tar")

    with tarfile.open(tmp_path / "x.tar") as tar:
        found = {
            entry.name: (entry.mode & 0o111 != 0, entry.linkname, entry.mtime) for entry in tar if not entry.isdir()
        }
    assert found == {
        "a/one": (False, "", MOMENT),
        "b/two": (True, "", MOMENT),
        "link": (True, "b/two", MOMENT),
    }


def test_an_archive_names_its_layer_and_who_runs_it(tmp_path: Path) -> None:
    digest = write_layer(tree(tmp_path / "x", ("b/two",)), tmp_path / "x.tar")
    stage = Stage("scratch", "", environment={"A": "1"}, user="65532:65532", entrypoint=("certshim",))

    write_archive(tmp_path / "x.tar", digest, stage, "docker.io/library/x:1", tmp_path / "image.tar", MOMENT)

    with tarfile.open(tmp_path / "image.tar") as tar:
        contents = {entry.name: file.read() for entry in tar if (file := tar.extractfile(entry))}
    manifest = json.loads(contents["manifest.json"])[0]
    configuration = json.loads(contents[manifest["Config"]])
    assert (manifest["RepoTags"], manifest["Layers"]) == (["docker.io/library/x:1"], ["layer.tar"])
    assert configuration["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(contents['layer.tar']).hexdigest()}"]
    assert configuration["config"]["User"] == "65532:65532"
    assert configuration["created"] == "2026-01-01T00:00:00+00:00"
