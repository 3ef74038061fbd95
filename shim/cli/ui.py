"""`certshim ui`: a read-only page about all certificates, on this machine, with your own rights."""

from __future__ import annotations

import secrets
import webbrowser
from typing import TYPE_CHECKING

import click

from shim.cli import place

if TYPE_CHECKING:
    from flask import Flask

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@click.command("ui")
@click.option("--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="Where to serve it. [127.0.0.1, any port]")
@click.option("--open/--no-open", "open_it", default=True, help="Open it in a browser. [open]")
@click.option(
    "--behind-proxies", type=click.IntRange(0, 5), default=0, metavar="NUMBER",
    help="So many proxies stand before it and say who may see it: no token is asked for. [0]",
)  # fmt: skip
@place.options(namespace="", meaning="Show this one only. [all]")
def command(listen: str, open_it: bool, behind_proxies: int, place: place.Place) -> None:
    """Serve a page about all certificates: what fails and why, what expires when, the chain of each and its events.

    It changes nothing, and shows what you may read.  The address that is printed lets in whoever has it; other
    addresses than those of this machine take --behind-proxies, since it asks nobody for a password.
    """
    from shim import flags  # noqa: PLC0415 - as everything that --help needs not
    from shim.ui.serving import Server  # noqa: PLC0415
    from shim.ui.web import Access, create_app  # noqa: PLC0415

    host = listen.rpartition(":")[0]
    try:
        address = flags.address(listen if host else "")  # without a host it would be all of them
    except ValueError as error:
        raise click.UsageError(
            f"--listen={listen}: write HOST:PORT, for example 127.0.0.1:8000, or port 0 for any."
        ) from error
    if not behind_proxies and host not in LOOPBACK:
        raise click.UsageError(
            f"--listen={listen}: whoever reaches it would see all; listen on 127.0.0.1, or serve it behind "
            "a proxy that asks people who they are (--behind-proxies=1)."
        )
    place.connect(workers=1).close()  # what is wrong with the credentials is told here, and not by a worker
    if not behind_proxies:
        place.reach()  # behind proxies nobody sits here: the page says what is not known yet
        place.close()  # before the worker is forked
    token = "" if behind_proxies else secrets.token_urlsafe(24)
    served: list[str] = []

    def ready(address: str) -> None:
        served.append(address)
        url = f"http://{address}/{f'?token={token}' if token else ''}"
        click.echo(f"Serving on {url}  (Ctrl-C ends it)")
        if open_it and not behind_proxies:
            webbrowser.open(url)

    def make() -> Flask:
        from shim.ui.source import Source  # noqa: PLC0415

        source = Source(place.connect(workers=8), place.namespace)
        source.start()
        port = served[0].rpartition(":")[2] if served else ""
        hosts = frozenset(f"{name}:{port}" for name in LOOPBACK) if token else frozenset()
        return create_app(source, Access(token, hosts, behind_proxies))

    try:
        server = Server(address, make, ready)
    except OSError as error:
        raise click.ClickException(str(error)) from error
    server.run()
