"""Files made from the structs, kept in the repository so that users need not make them.

Both commands that make such files (`crds`, `reference`) either write them or, with --check, say which are
not what they would write: the check that keeps the repository current.  A file in the folder that
looks generated but no longer is (a kind was renamed) counts as stale, and writing removes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click


def publish(files: Mapping[str, str], directory: Path, *, check: bool, command: str) -> None:
    """Write the files, or with `check` raise ClickException (exit code 1) naming those that are stale.

    `command` is what to run to bring them up to date.
    """
    stale = stale_files(files, directory)
    if check and stale:
        names = ", ".join(stale)
        raise click.ClickException(f"not current in {directory}: {names}; run `{command}` and commit the result")
    for name in stale:
        _replace(directory / name, files.get(name))
    if not check:
        click.echo(f"{directory}: {len(files)} files, {len(stale)} changed")


def stale_files(files: Mapping[str, str], directory: Path) -> list[str]:
    """Return the names of the files in the folder that differ, are missing, or are left over."""
    suffixes = {Path(name).suffix for name in files}
    present = {path.name for path in directory.glob("*") if path.suffix in suffixes}
    return sorted(name for name in present | files.keys() if _content(directory / name) != files.get(name))


def _content(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None


def _replace(path: Path, content: str | None) -> None:
    if content is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
