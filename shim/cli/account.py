"""`certshim account`: look at the ACME account of an issuer, change its key, give it up.

Each asks the API server as whoever calls it, and the CA as the account.  The key is changed by the shim
(`certs.decide.keychange`): here the next one is stored beside the present one, and its use is waited for.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, Final

import click

from certs.outcomes import Failure
from shim.account import AccountAtHand, open_account
from shim.cli import place
from shim.cli.exits import Unknowable

LOOK_AGAIN: Final = 0.2  # seconds


@click.group("account", short_help="Look at the ACME account of an issuer, change its key, give it up.")
def command() -> None:
    """Look at the ACME account of an issuer, change its key, or give it up.

    ISSUER is issuer/NAME or clusterissuer/NAME; a mere NAME is whichever of the two there is.
    """


def _of_issuer(run: Callable[..., None]) -> Callable[..., None]:
    """Give a command the issuer that it is about, and have what fails told in a sentence."""

    @click.argument("issuer")
    @click.option(
        "--cluster-resource-namespace",
        default="cert-manager",
        metavar="NAME",
        help="Namespace of the Secrets of ClusterIssuers. [cert-manager]",
    )
    @place.options()
    @functools.wraps(run)
    def wrapped(issuer: str, cluster_resource_namespace: str, place: place.Place, **given: Any) -> None:
        try:
            run(open_account(place.client, issuer, place.namespace, cluster_resource_namespace), **given)
        except Failure as error:
            raise click.ClickException(str(error)) from error

    return wrapped


@command.command("show")
@_of_issuer
def show(account: AccountAtHand) -> None:
    """Print what is known of the account, here and at the CA."""
    for line in account.described():
        click.echo(line)


@command.command("rotate-key")
@click.option("--timeout", default=120.0, help="Seconds to wait for the shim. [120]")
@_of_issuer
def rotate_key(account: AccountAtHand, timeout: float) -> None:
    """Have the account belong to a new key; account, orders and certificates stay as they are.

    The new key is stored beside the old one, the CA is told of it, and then it takes the old one's place. Whatever
    is killed meanwhile, it goes on from there.  Exit code 3: the shim has not done it in time.
    """
    hashed, is_new = account.store_next_key()
    where = f"Secret {account.place}/{account.secret_name}"
    click.echo(f"A new key is in {where}." if is_new else f"A new key is in {where} already; it is gone on with.")
    end = time.monotonic() + timeout
    while not account.has_key(hashed):
        if time.monotonic() > end:
            raise Unknowable(
                f"{account.title} has not got the new key within {timeout:g} s: {account.what_happens()} The shim goes "
                "on with it by itself; see its events"
            )
        time.sleep(LOOK_AGAIN)
    click.echo(f"{account.title} signs with the new key. The account is still {account.uri}.")


@command.command("deactivate")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_of_issuer
def deactivate(account: AccountAtHand, yes: bool) -> None:
    """Give the account up, for good: the CA takes nothing of it and of its key any more.

    Certificates that were issued stay valid.
    """
    click.echo(f"The account {account.uri} of {account.title} would be deactivated. This cannot be taken back.")
    if not yes:
        click.confirm("Deactivate it?", abort=True)
    state = account.deactivate()
    click.echo(f"The CA says: {state}.")
    click.echo(
        f"{account.title} is not ready from now on. Delete Secret {account.place}/{account.secret_name}, whose key is "
        "of no use any more, to have a new account made; or delete the issuer."
    )
