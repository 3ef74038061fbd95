"""`certshim policies`: the ValidatingAdmissionPolicy of the static rules for Ingresses, as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

DIRECTORY: Final = Path("manifests/policies")
HEADER: Final = """\
# Made by `certshim policies` from certs/staticrules.py; change that.
#
# The rules for Ingresses that need nothing but the Ingress, evaluated by the API server itself: they hold when no
# webhook answers, too.  To leave them to the webhook alone, delete the binding.
"""


@click.command("policies")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a file is not current.")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, allow_dash=True), default=DIRECTORY)
def command(check: bool, directory: Path) -> None:
    """Write the policies to DIRECTORY (manifests/policies); `-` writes them to standard output."""
    from shim.cli.generated import publish  # noqa: PLC0415 - the group's help needs neither

    files = policies()
    if str(directory) == "-":
        click.echo("---\n".join(files.values()), nl=False)
        return
    publish(files, directory, check=check, command=f"certshim policies {directory}")


def policies() -> dict[str, str]:
    """Return the YAML by file name: a policy and its binding."""
    from certs.staticpolicy import objects  # noqa: PLC0415
    from shim.cli.generated import in_yaml  # noqa: PLC0415

    return {"ingress.yaml": HEADER + "---\n".join(map(in_yaml, objects()))}
