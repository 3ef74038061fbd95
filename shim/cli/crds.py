"""`certshim crds`: the CustomResourceDefinitions as YAML, one file per kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

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

    return {f"{definition_name(kind.resource)}.yaml": HEADER + _yaml(definition(kind)) for kind in KINDS}


def _yaml(tree: dict[str, Any]) -> str:
    """Return the tree as YAML in the order given, lists indented below their key as people write them."""
    import yaml  # noqa: PLC0415

    class Indented(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT002
            super().increase_indent(flow, indentless=False)

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - anchors would be for machines only
            return True

    text = yaml.dump(tree, Dumper=Indented, sort_keys=False, width=120, allow_unicode=True)
    assert isinstance(text, str)  # noqa: S101 - no stream was given
    return text
