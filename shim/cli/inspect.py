"""`certshim inspect secret`: what a TLS Secret holds, and whether it can be served, as `cmctl inspect secret`."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from shim.cli import kinds, place, progress
from shim.cli import output as forms


@click.group("inspect", cls=kinds.Words)
def command() -> None:
    """Look into what is stored."""


@command.command("secret")
@click.argument("name")
@forms.option("text")
@place.options()
def secret(name: str, output: str, place: place.Place) -> None:
    """Show the certificate in the Secret NAME, and whether key, chain and this computer's trust fit.

    The CA's CRL and OCSP responder are asked whether it is revoked, for five seconds each.
    Exit code 1: there is no certificate that can be read.
    """
    from certs.api.core import Secret  # noqa: PLC0415 - as everything that --help needs not
    from shim.inspecting import InvalidCertificate, describe, examine  # noqa: PLC0415

    found = place.client.get(Secret, place.namespace, name)
    now = datetime.now(UTC)
    try:
        with progress.busy("Asking the CA whether it is revoked"):
            inspected = examine(found.data, now)
    except InvalidCertificate as error:
        raise click.ClickException(f"cannot inspect Secret {place.namespace}/{name}: tls.crt: {error}") from error
    if output == "text":
        click.echo("\n".join(describe(inspected, now)))
    else:
        forms.tell([inspected], output, is_one=True)
