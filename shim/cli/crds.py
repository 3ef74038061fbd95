"""`certshim crds`: the CustomResourceDefinitions as YAML, one file per kind."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

DIRECTORY: Final = Path("manifests/chart/files/crds")
LEGACY_DIRECTORY: Final = Path("manifests/chart/files/legacy")
HEADER: Final = "# Made by `certshim crds` from the structs in certs/api; change those.\n"


@click.command("crds")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a file is not current.")
@click.option("--legacy", is_flag=True, help="Those of certmanager.k8s.io/v1alpha1 instead, for the add-on.")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, allow_dash=True), required=False)
def command(check: bool, legacy: bool, directory: Path | None) -> None:
    """Write the CustomResourceDefinitions to DIRECTORY (the chart's); `-` writes them to standard output."""
    from shim.cli.generated import publish  # noqa: PLC0415 - as below

    files = legacy_definitions() if legacy else definitions()
    directory = directory or (LEGACY_DIRECTORY if legacy else DIRECTORY)
    if str(directory) == "-":
        click.echo("---\n".join(files.values()), nl=False)
        return
    option = "--legacy " if legacy else ""
    publish(files, directory, check=check, command=f"certshim crds {option}{directory}")


def definitions() -> dict[str, str]:
    """Return the YAML of each definition by file name."""
    from certs.api.crd import KINDS, definition, definition_name  # noqa: PLC0415 - the group's help needs no kinds
    from shim.cli.generated import in_yaml  # noqa: PLC0415

    return {f"{definition_name(kind.resource)}.yaml": HEADER + in_yaml(definition(kind)) for kind in KINDS}


def legacy_definitions() -> dict[str, str]:
    """Return the YAML of each definition of `certmanager.k8s.io/v1alpha1` by file name."""
    from certs.api.crd import definition_name  # noqa: PLC0415 - as above
    from certs.legacy.definitions import definition  # noqa: PLC0415
    from certs.legacy.kinds import TWINS  # noqa: PLC0415
    from shim.cli.generated import in_yaml  # noqa: PLC0415

    return {f"{definition_name(kind.resource)}.yaml": HEADER + in_yaml(definition(kind)) for kind in TWINS}
