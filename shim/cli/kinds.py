"""The kinds that commands are about, by the names that kubectl has for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from certs.api.certificate import Certificate
    from certs.api.ingress import Ingress

CommandT = TypeVar("CommandT", bound=Callable[..., Any])
KINDS: Final = {
    "ingress": "ingress",
    "ingresses": "ingress",
    "ing": "ingress",
    "certificate": "certificate",
    "certificates": "certificate",
    "cert": "certificate",
    "certs": "certificate",
}

ALIASES: Final = KINDS | {
    "secrets": "secret",
    "cr": "certificaterequest",
    "crs": "certificaterequest",
    "certificaterequests": "certificaterequest",
}


class Words(click.Group):
    """A group whose commands are kinds, which may be called by each name that kubectl has for them."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a kind; None when there is none."""
        return super().get_command(ctx, ALIASES.get(cmd_name, cmd_name))


def argument(command: CommandT) -> CommandT:
    """Give a command its first word; it gets `kind`, `ingress` or `certificate`."""
    words = click.Choice(sorted(KINDS))
    return click.argument("kind", type=words, metavar="ingress|certificate", callback=_one)(command)


def _one(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    return KINDS[value]


def type_of(kind: str) -> type[Ingress | Certificate]:
    """Return the type of objects."""
    from certs.api.certificate import Certificate  # noqa: PLC0415 - as everything that --help needs not
    from certs.api.ingress import Ingress  # noqa: PLC0415

    return Ingress if kind == "ingress" else Certificate
