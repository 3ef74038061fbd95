"""`certshim notify test`: does everybody get a message who is told of certificates in trouble?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from shim.cli import place

if TYPE_CHECKING:
    from shim.notify.config import Receiver
    from shim.notify.credentials import ReadSecret


@click.group("notify")
def command() -> None:
    """Look after notifications (docs/notifications.md)."""


@command.command("test")
@click.option("--file", "-f", "path", required=True, metavar="FILE", help="What --notifications of the shim names.")
@click.option("--receiver", "-r", "only", multiple=True, metavar="NAME", help="Only this one. [all]")
@place.options(namespace="cert-manager", meaning="Where the Secrets are. [cert-manager]")
def test(path: str, only: tuple[str, ...], place: place.Place) -> None:
    """Send a test message to each receiver of a file.

    Exit code 0: all have taken it; 1: one has not; 2: the file is wrong.  A cluster is asked only where the file names
    Secrets.
    """
    from shim.notify.config import InvalidNotifications, SecretKey, read_file  # noqa: PLC0415 - for this command only

    try:
        receivers = [one for one in read_file(path).receivers if not only or one.name in only]
    except InvalidNotifications as error:
        raise click.UsageError(f"{path}:\n{error}") from error
    if missing := set(only) - {one.name for one in receivers}:
        raise click.UsageError(f"{path}: there is no receiver {', '.join(sorted(missing))}")

    def read_secret(ref: SecretKey) -> bytes:
        from shim.notify.credentials import secrets_of  # noqa: PLC0415

        return secrets_of(place.client, place.namespace)(ref)

    results = [_try(one, read_secret, place) for one in receivers]
    sys.exit(0 if all(results) else 1)


def _try(receiver: Receiver, read_secret: ReadSecret, place: place.Place) -> bool:
    from shim.kube.errors import KubeError  # noqa: PLC0415
    from shim.notify.credentials import NoCredential  # noqa: PLC0415
    from shim.notify.delivery import NotDelivered  # noqa: PLC0415
    from shim.notify.notifier import delivery_to  # noqa: PLC0415
    from shim.notify.testing import test_message  # noqa: PLC0415

    try:
        delivery_to(receiver, read_secret).send(test_message())
    except (NotDelivered, NoCredential) as error:
        click.echo(f"{receiver.name}: {error}", err=True)
        return False
    except KubeError as error:
        click.echo(f"{receiver.name}: {place.told(error)}", err=True)
        return False
    click.echo(f"{receiver.name}: sent")
    return True
