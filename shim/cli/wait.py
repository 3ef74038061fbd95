"""`certshim wait`: until Certificates are ready, or it is known that they will not be by themselves."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import click

from shim.cli import kinds, place, progress, selection
from shim.cli.exits import Exit
from shim.cli.selection import Selection, all_chosen
from shim.cli.terminal import wrapped
from shim.cli.times import duration

if TYPE_CHECKING:
    from certs.api.certificate import Certificate

INTERVAL: Final = 0.5
MOST_NAMES: Final = 3


@click.group("wait", cls=kinds.Words)
def command() -> None:
    """Wait until Certificates are ready."""


@command.command("certificate")
@selection.options("Certificates", acts=True)
@click.option("--for", "what", type=click.Choice(["ready"]), default="ready", help="What to wait for. [ready]")
@click.option("--timeout", default="5m", callback=duration, help="How long at most. [5m]")
@place.options(all_namespaces=True)
def certificate(selection: Selection, what: str, timeout: timedelta, place: place.Place) -> None:
    """Wait until the Certificates NAME are ready, those with labels, or all.

    One that cannot become ready unless somebody changes something ends the wait, with the reason.
    Exit code 0: all are ready; 1: one will not be, or there is none; 3: not in time.
    """
    del what  # the one thing that there is to wait for
    waiting = _wait(place, selection, time.monotonic() + timeout.total_seconds())
    if waiting is None:
        click.echo("All are ready.")
    else:
        _explain(place, waiting)
        sys.exit(Exit.UNKNOWN)


def _wait(place: place.Place, selection: Selection, deadline: float) -> Certificate | None:
    """Return None once all are ready, one that is not when the time is over; ClickException when one is hopeless."""
    from certs.api.certificate import Certificate  # noqa: PLC0415 - as everything that --help needs not
    from shim.kube.errors import Unavailable  # noqa: PLC0415

    found: tuple[Certificate, ...] = ()
    with progress.bar() as bar:
        while True:
            try:
                found = all_chosen(place, selection, Certificate)
            except Unavailable:  # for a moment, as when it is restarted; one that never answers is not waited for
                if not found or time.monotonic() >= deadline:
                    raise
            waiting = [one for one in found if not _is_ready(one)]
            if not waiting:
                return None
            for one in waiting:
                if hopeless := _hopeless(one):
                    raise click.ClickException(
                        f"{_called(one)} will not become ready by itself: {hopeless.rstrip('.')}. What to do: "
                        f"certshim explain certificate {one.metadata.name} -n {one.metadata.namespace}{place.options}"
                    )
            bar.tell(len(found) - len(waiting), len(found), _said(waiting))
            if time.monotonic() >= deadline:
                return waiting[0]
            time.sleep(INTERVAL)


def _said(waiting: Sequence[Certificate]) -> str:
    more = "…" if len(waiting) > MOST_NAMES else ""
    return f"Waiting for {len(waiting)}: {', '.join(map(_called, waiting[:MOST_NAMES]))}{more}"


def _is_ready(one: Certificate) -> bool:
    """Is it ready for what it says now?  A condition of an older generation tells of what it said before."""
    from certs.api.meta import find_condition  # noqa: PLC0415

    ready = find_condition(one.status.conditions, "Ready")
    return ready is not None and ready.status == "True" and ready.observed_generation in {0, one.metadata.generation}


def _hopeless(one: Certificate) -> str:
    """Return why an attempt that has failed is not made again by itself; nothing when it is, or goes on."""
    from certs.api.meta import find_condition  # noqa: PLC0415

    issuing = find_condition(one.status.conditions, "Issuing")
    if issuing is None or issuing.status != "False" or "next attempt at" in issuing.message:
        return ""
    return issuing.message


def _explain(place: place.Place, one: Certificate) -> None:
    from shim.chain.explaining import explain  # noqa: PLC0415
    from shim.chain.reading import Reader  # noqa: PLC0415

    reader = Reader(place.client, one.metadata.namespace)
    told = explain(reader.chain(one), datetime.now(UTC), reader.led_until())
    click.echo(wrapped(f"Not in time. {told.text}", err=True), err=True)
    if told.advice:
        click.echo(f"\n{wrapped(told.advice, err=True)}", err=True)


def _called(one: Certificate) -> str:
    return f"{one.metadata.namespace}/{one.metadata.name}"
