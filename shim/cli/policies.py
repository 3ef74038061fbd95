"""`certshim policies`: the ValidatingAdmissionPolicy of the static rules for Ingresses, as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

if TYPE_CHECKING:
    from certs.rules.rule import Policy

DIRECTORY: Final = Path("manifests/chart/files/policies")
HEADER: Final = """\
# Made by `certshim policies` from certs/staticrules.py; change that.
#
# The rules for Ingresses that need nothing but the Ingress, evaluated by the API server itself: they hold when no
# webhook answers, too.  To leave them to the webhook alone, delete the binding.
"""


@click.command("policies")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a file is not current.")
@click.option(
    "--admission-settings",
    type=click.File("rb"),
    help="The webhook's own file of that name: rules that do not deny are left out.",
)
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, allow_dash=True), default=DIRECTORY)
def command(check: bool, admission_settings: BinaryIO | None, directory: Path) -> None:
    """Write the policies to DIRECTORY (the chart's); `-` writes them to standard output."""
    from shim.cli.generated import publish  # noqa: PLC0415 - the group's help needs neither

    files = policies(_read(admission_settings) if admission_settings else None)
    if str(directory) == "-":
        click.echo("---\n".join(files.values()), nl=False)
        return
    publish(files, directory, check=check, command=f"certshim policies {directory}")


def policies(chosen: Policy | None = None) -> dict[str, str]:
    """Return the YAML by file name: a policy and its binding, under the settings when some are given."""
    from certs.staticpolicy import objects  # noqa: PLC0415 - the group's help needs none of these
    from shim.cli.generated import in_yaml  # noqa: PLC0415

    made = objects(chosen) if chosen is not None else objects()
    return {"ingress.yaml": HEADER + "---\n".join(map(in_yaml, made))}


def _read(file: BinaryIO) -> Policy:
    """Return the settings of the file; raises ClickException with everything that is wrong."""
    import yaml  # noqa: PLC0415

    from certs.policy import read_policy  # noqa: PLC0415

    try:
        return read_policy(yaml.safe_load(file))
    except yaml.YAMLError as error:
        raise click.ClickException(f"{file.name}: is no YAML: {' '.join(str(error).split())}") from error
    except ValueError as error:
        raise click.ClickException("\n".join(f"{file.name}: {line}" for line in str(error).splitlines())) from error
