"""`certshim reference`: a page per kind with all its fields, in Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

DIRECTORY: Final = Path("docs/reference")


@click.command("reference")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a page is not current.")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=DIRECTORY)
def command(check: bool, directory: Path) -> None:
    """Write the reference pages of the kinds to DIRECTORY (docs/reference)."""
    from certs.api.reference import pages  # noqa: PLC0415 - the group's help needs no kinds
    from shim.cli.generated import publish  # noqa: PLC0415

    publish(pages(), directory, check=check, command=f"certshim reference {directory}")
