"""Files made from the structs, kept in the repository so that users need not make them.

The commands that make such files (`crds`, `policies`, `reference`) either write them or, with --check, say which are
not what they would write: the check that keeps the repository current.  A file in the folder that
looks generated but no longer is (a kind was renamed) counts as stale, and writing removes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


def publish_file(path: Path, content: str, *, check: bool, command: str) -> None:
    """Do the same with one file in a folder of others."""
    is_stale = _content(path) != content
    if check and is_stale:
        raise click.ClickException(f"{path} is not current; run `{command}` and commit the result")
    if is_stale:
        _replace(path, content)
    if not check:
        click.echo(f"{path}: {'changed' if is_stale else 'current'}")


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


def in_yaml(tree: Mapping[str, Any]) -> str:
    """Return the tree as YAML in the order given, as people write it: lists indented, long texts in lines."""
    import yaml  # noqa: PLC0415 - the group's help needs none

    class Indented(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT002
            super().increase_indent(flow, indentless=False)

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - anchors would be for machines only
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = "|" if "\n" in value and " \n" not in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Indented.add_representer(str, text)
    dumped = yaml.dump(tree, Dumper=Indented, sort_keys=False, width=120, allow_unicode=True)
    assert isinstance(dumped, str)  # noqa: S101 - no stream was given
    return dumped
