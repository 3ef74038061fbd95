"""`certshim approve`: approve a CertificateRequest by hand, as `cmctl approve` does."""

from __future__ import annotations

import click

from shim.cli import approval, place


@click.command("approve")
@click.argument("name")
@click.option("--reason", default=approval.REASON, help=f"For machines. [{approval.REASON}]")
@click.option("--message", default='manually approved by "certshim"', help="For people.")
@place.options()
def command(name: str, reason: str, message: str, place: place.Place) -> None:
    """Approve the CertificateRequest NAME; that is for good.

    It takes the permission to approve for its issuer (the verb `approve` on `signers` of cert-manager.io).
    """
    approval.decide(place, name, "Approved", reason, message)
