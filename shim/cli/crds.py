"""`certshim crds`: the CustomResourceDefinitions as YAML, one file per kind."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

DIRECTORY: Final = Path("manifests/crds")
HEADER: Final = "# Made by `certshim crds` from the structs in certs/api; change those.\n"


@click.command("crds")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a file is not current.")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, allow_dash=True), default=DIRECTORY)
def command(check: bool, directory: Path) -> None:
    """Write the CustomResourceDefinitions to DIRECTORY (manifests/crds); `-` writes them to standard output."""
    from shim.cli.generated import publish  # noqa: PLC0415 - as below

    files = definitions()
    if str(directory) == "-":
        click.echo("---\n".join(files.values()), nl=False)
        return
    publish(files, directory, check=check, command=f"certshim crds {directory}")


def definitions() -> dict[str, str]:
    """Return the YAML of each definition by file name."""
    from certs.api.crd import KINDS, definition, definition_name  # noqa: PLC0415 - the group's help needs no kinds
    from shim.cli.generated import in_yaml  # noqa: PLC0415

    return {f"{definition_name(kind.resource)}.yaml": HEADER + in_yaml(definition(kind)) for kind in KINDS}
