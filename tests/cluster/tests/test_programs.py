"""The cache of built programs: its key, its progress line, and which Go is good enough."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cluster.programs import CONTROL_PLANE, PEBBLE, Part, cache_key
from tests.cluster.progress import Progress
from tests.cluster.toolchain import find_go


def test_key_is_stable() -> None:
    """The same inputs have the same key, and two parts different ones."""
    assert cache_key(CONTROL_PLANE) == cache_key(CONTROL_PLANE) != cache_key(PEBBLE)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(replace(PEBBLE, ldflags="-s"), id="flags"),
        pytest.param(replace(PEBBLE, packages=("x",)), id="packages"),
        pytest.param(replace(PEBBLE, name="controlplane"), id="module"),
    ],
)
def test_key_changes_with_what_goes_in(changed: Part) -> None:
    """Flags, packages and the module's files are part of the key."""
    assert cache_key(changed) != cache_key(PEBBLE)


def test_progress_counts_modules_and_packages() -> None:
    """Fetched modules and compiled packages are counted apart, warnings and indented lines not at all."""
    progress = Progress("pebble", packages_about=210)
    for line in ("go: downloading a v1\n", "runtime\n", "net/http\n", "# command\n", "\tdetail\n", "go: warning\n"):
        progress.saw(line)

    assert progress.text.endswith("1 modules fetched, 2 of about 210 packages compiled")


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        pytest.param("go1.26.0", "path", id="just new enough"),
        pytest.param("go1.27.3", "path", id="newer"),
        pytest.param("go1.30rc1", "path", id="a release candidate"),
        pytest.param("go1.9.7", "cache", id="older, though not by letters"),
        pytest.param("", "cache", id="broken"),
    ],
)
def test_go_of_path_when_new_enough(
    installed: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Go on PATH is taken when it is as new as go.mod says, else the one in the cache."""
    on_path, cached = tmp_path / "bin" / "go", tmp_path / "go-1.27.3" / "go" / "bin" / "go"
    for file in (on_path, cached):
        file.parent.mkdir(parents=True)
    on_path.write_text(f"#!/bin/sh\necho {installed}\n")
    on_path.chmod(0o755)
    cached.touch()
    shutil.copy(PEBBLE.module / "go.mod", tmp_path)
    monkeypatch.setenv("PATH", str(on_path.parent), prepend=":")

    assert find_go(tmp_path, tmp_path) == (on_path if expected == "path" else cached)
