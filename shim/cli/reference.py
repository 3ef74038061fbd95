"""`certshim reference`: the pages that are made from the code, in Markdown.

A page per kind with all its fields, one of all commands, and beside the folder the page of symptoms.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

DIRECTORY: Final = Path("docs/reference")
COMMANDS: Final = "commands.md"
SYMPTOMS: Final = "troubleshooting.md"


@click.command("reference")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a page is not current.")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=DIRECTORY)
def command(check: bool, directory: Path) -> None:
    """Write the reference pages to DIRECTORY (docs/reference), and troubleshooting.md to the folder above."""
    from certs.api.reference import pages  # noqa: PLC0415 - the group's help needs no kinds
    from shim.cli import commandspage, troubleshooting  # noqa: PLC0415
    from shim.cli.generated import publish, publish_file  # noqa: PLC0415

    made_by = f"certshim reference {directory}"
    publish(pages() | {COMMANDS: commandspage.page()}, directory, check=check, command=made_by)
    publish_file(directory.parent / SYMPTOMS, troubleshooting.page(), check=check, command=made_by)
