"""`certshim doctor`: is the installation itself well, part by part?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from shim.cli import output as forms
from shim.cli import place, progress, verdicts
from shim.cli.exits import Exit

if TYPE_CHECKING:
    from shim.doctor.hops import Hop


@click.command("doctor")
@click.option("--install-namespace", default="cert-manager", help="Where certshim is installed. [cert-manager]")
@click.option("--leader-election-namespace", default="kube-system", help="Where its Lease is. [kube-system]")
@forms.option("text")
@place.cluster_options
def command(install_namespace: str, leader_election_namespace: str, output: str, place: place.Place) -> None:
    """Look at the installation: CRDs, pods, the webhook as the API server calls it, rights, leader, clocks, issuers.

    Nothing is changed; what creates something does so as a dry run.  Exit code 0: nothing has failed; 1: something has.
    """
    from shim.doctor.examination import examine  # noqa: PLC0415 - as everything that --help needs not
    from shim.doctor.looking import Looking  # noqa: PLC0415

    hops = _examined(examine(Looking(place.transport), install_namespace, leader_election_namespace), output)
    if output != "text":
        forms.tell(hops, output, is_one=False)
    sys.exit(Exit.NOT_WELL if any(hop.verdict == "failed" for hop in hops) else Exit.DONE)


def _examined(parts: Iterator[Hop], form: str) -> list[Hop]:
    """Return all parts; as text they are told one by one, since some take seconds."""
    hops: list[Hop] = []
    while True:
        with progress.busy(f"Looking at the installation, part {len(hops) + 1}"):
            hop = next(parts, None)
        if hop is None:
            return hops
        hops.append(hop)
        if form == "text":
            verdicts.tell(hop.verdict, f"{hop.name}: {hop.evidence}", hop.remedy)
