"""`certshim events`: what happened to certificates, told by all objects of their chains, in order."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from shim.cli import kinds, place, selection
from shim.cli import output as forms
from shim.cli.colours import painted
from shim.cli.exits import Exit
from shim.cli.selection import Selection, chosen, tell_missing
from shim.cli.tables import Column
from shim.cli.terminal import wrapped

if TYPE_CHECKING:
    from certs.api.certificate import Certificate
    from certs.api.core import Event
    from certs.api.ingress import Ingress

INTERVAL: Final = 1.0
COLUMNS: Final = (
    Column("NAMESPACE"),
    Column("AT"),
    Column("TYPE", colours={"Warning": "yellow"}),
    Column("OBJECT"),
    Column("REASON"),
    Column("TIMES", is_wide=True),
    Column("MESSAGE", wraps=True),
)


@click.command("events")
@kinds.argument
@selection.options("them")
@forms.option("text", *forms.TABLES)
@click.option("--watch", "-w", is_flag=True, help="Go on, and print what comes.")
@place.options(all_namespaces=True)
def command(kind: str, selection: Selection, output: str, watch: bool, place: place.Place) -> None:
    """Print the events of Certificates, or of Ingresses and their Certificates, with those of all that belongs to them.

    Also of requests, Orders, Challenges and the issuer; the oldest first.  Without names those of all in the namespace.
    Exit code 1: one that is named is not there.
    """
    if watch and output != "text":
        raise click.UsageError("--watch has no end, and a table or a document has: leave one of the two out.")
    from shim.kube.errors import Unavailable  # noqa: PLC0415 - as everything that --help needs not

    known: set[tuple[str, int]] = set()
    has_answered = False
    while True:
        try:
            found, missing = chosen(place, selection, kinds.type_of(kind))
            events = [one for one in _events(place, found) if (one.metadata.uid, one.count) not in known]
        except Unavailable:  # for a moment, as when it is restarted; one that never answers is not watched
            if not (watch and has_answered):
                raise
            time.sleep(INTERVAL)
            continue
        has_answered = True
        known |= {(one.metadata.uid, one.count) for one in events}
        _tell(events, output, place)
        if not watch or missing:
            break
        sys.stdout.flush()
        time.sleep(INTERVAL)
    if found and not known:
        click.echo("No events: Kubernetes keeps them for an hour, if nothing else was set.", err=True)
    code = tell_missing(place, kinds.type_of(kind), found, missing)
    sys.exit(code or Exit.DONE)


def _events(place: place.Place, found: Sequence[Ingress | Certificate]) -> list[Event]:
    """Return the events of all that belongs to them, the oldest first."""
    from certs.api.certificate import Certificate  # noqa: PLC0415 - as everything that --help needs not
    from certs.api.ingress import Ingress  # noqa: PLC0415
    from shim.chain.links import in_time  # noqa: PLC0415
    from shim.chain.reading import Reader  # noqa: PLC0415
    from shim.chain.recording import events_of  # noqa: PLC0415

    reader = Reader(place.client, place.namespace)
    events: list[Event] = []
    for one in found:
        if isinstance(one, Ingress):
            events += reader.events_of(one)
            certificates = reader.owned(Certificate, one)
        else:
            certificates = (one,)
        events += [event for certificate in certificates for event in events_of(reader.chain(certificate))]
    by_uid = {event.metadata.uid: event for event in events}
    return sorted(by_uid.values(), key=in_time)


def _tell(events: Sequence[Event], form: str, place: place.Place) -> None:
    match form:
        case "text":
            for event in events:
                text = wrapped(line(event, everywhere=not place.namespace), rest=" " * 10)
                is_warning = event.type == "Warning"
                click.echo(text.replace("Warning", painted("Warning", "yellow"), 1) if is_warning else text)
        case "table" | "wide":
            from shim.cli import tables  # noqa: PLC0415

            first = 1 if place.namespace else 0
            tables.write(COLUMNS[first:], [_row(event)[first:] for event in events], wide=form == "wide")
        case _:
            from shim.chain.recording import event_record  # noqa: PLC0415

            forms.tell([event_record(event) for event in events], form, is_one=False)


def line(event: Event, *, everywhere: bool = False) -> str:
    """Return an event as one line, with the namespace where they are of more than one."""
    from shim.chain.links import when  # noqa: PLC0415 - as everything that --help needs not

    times = f" (x{event.count})" if event.count > 1 else ""
    about = event.involved_object
    who = f"{f'{about.namespace}/' if everywhere else ''}{about.kind}/{about.name}"
    return f"{when(event):%H:%M:%S}  {event.type:<7}  {who}  {event.reason}{times}: {' '.join(event.message.split())}"


def _row(event: Event) -> tuple[str, ...]:
    from shim.chain.links import when  # noqa: PLC0415

    about = event.involved_object
    message, count = " ".join(event.message.split()), str(max(event.count, 1))
    at = f"{when(event):%Y-%m-%dT%H:%M:%SZ}"
    return about.namespace, at, event.type, f"{about.kind}/{about.name}", event.reason, count, message
