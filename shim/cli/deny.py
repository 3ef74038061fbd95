"""`certshim deny`: deny a CertificateRequest by hand, as `cmctl deny` does."""

from __future__ import annotations

import click

from shim.cli import approval, place


@click.command("deny")
@click.argument("name")
@click.option("--reason", default=approval.REASON, help=f"For machines. [{approval.REASON}]")
@click.option("--message", default='manually denied by "certshim"', help="For people.")
@place.options()
def command(name: str, reason: str, message: str, place: place.Place) -> None:
    """Deny the CertificateRequest NAME; that is for good.

    It takes the permission to deny for its issuer (the verb `approve` on `signers` of cert-manager.io).
    """
    approval.decide(place, name, "Denied", reason, message)
