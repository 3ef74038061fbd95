"""`certshim adopt`: take an installation over from cert-manager, and give it back."""

from __future__ import annotations

import sys

import click

from shim.cli import output as forms
from shim.cli import place, verdicts


@click.command("adopt")
@click.option("--check", "mode", flag_value="check", default=True, help="Only look. [this]")
@click.option("--switch", "mode", flag_value="switch", help="Stop cert-manager and start certshim.")
@click.option("--back", "mode", flag_value="back", help="Stop certshim and start cert-manager again.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Switch though something is blocking.")
@click.option("--install-namespace", default="cert-manager", help="Where certshim is installed. [cert-manager]")
@forms.option("text")
@place.cluster_options
def command(mode: str, install_namespace: str, output: str, place: place.Place, *, yes: bool, force: bool) -> None:
    """Say what will be different when certshim takes over from cert-manager, and switch.

    No certificate is re-issued, and no Secret is written.  A switch that was interrupted goes on when it is run again.
    Exit code of --check: 0, or 1 when something is blocking.
    """
    from shim.adopt.findings import Level, find  # noqa: PLC0415 - as everything that --help needs not
    from shim.adopt.seen import see  # noqa: PLC0415
    from shim.adopt.switching import Switch, Unfinished  # noqa: PLC0415
    from shim.kube.errors import KubeError  # noqa: PLC0415
    from shim.settings import FLAGS  # noqa: PLC0415

    place.reach()
    switch = Switch(place.transport, install_namespace, click.echo)
    if mode != "back":
        found = find(see(place.transport), frozenset(flag.name for flag in FLAGS))
        is_blocked = any(one.level is Level.BLOCKING for one in found)
        if output == "text":
            for one in found:
                verdicts.tell(one.level, f"{one.object}: {one.sentence}", one.remedy)
        else:
            forms.tell([one._asdict() for one in found], output, is_one=False)
        if mode == "check":
            sys.exit(1 if is_blocked else 0)
        if is_blocked and not force:
            raise click.ClickException(
                "something is blocking (see above); nothing was changed. --force switches anyway"
            )
    if not yes:
        click.confirm("Stop cert-manager and start certshim?" if mode == "switch" else "Go back?", abort=True)
    try:
        (switch.over if mode == "switch" else switch.back)()
    except (KubeError, Unfinished) as error:
        raise click.ClickException(
            f"{error}. What is said above was done; run the same command again to go on, or --back to undo it"
        ) from error
