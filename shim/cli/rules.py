"""`certshim rules`: all rules of admission as a table, or as the page of the documentation.

The examples on the page are judged while it is made, so that the sentences are those that a user will see.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click


@click.command("rules")
@click.option("--write", "target", type=click.Path(path_type=Path, dir_okay=False), help="Write the page there.")
@click.option("--check", "checked", type=click.Path(path_type=Path, dir_okay=False), help="Exit 1 unless current.")
def command(target: Path | None, checked: Path | None) -> None:
    """Print the rules of admission: id, default action, kinds, and what each finds."""
    from shim.cli import rulespage  # noqa: PLC0415 - the group's help needs no rules

    if target is None and checked is None:
        for line in table():
            click.echo(line)
    if checked is not None and (not checked.is_file() or checked.read_text("utf-8") != rulespage.page()):
        raise click.ClickException(f"{checked} is not current; run `certshim rules --write {checked}` and commit it")
    if target is not None:
        target.write_text(rulespage.page(), "utf-8")
        click.echo(f"{target}: written")


def table() -> Iterator[str]:
    """Yield a line for each rule."""
    from certs.rules.catalogue import CATALOGUE  # noqa: PLC0415 - as above

    entries = list(CATALOGUE.values())
    width = max(len(entry.id) for entry in entries)
    for entry in entries:
        yield f"{entry.id:{width}}  {entry.action:4}  {entry.sentence}  [{', '.join(entry.kinds)}]"
