"""`certshim status certificate`: everything about certificates, object by object, as `cmctl status certificate`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from shim.cli import kinds, place, selection
from shim.cli import output as forms
from shim.cli.selection import Selection, chosen, tell_missing
from shim.cli.tables import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from certs.api.certificate import Certificate

STATES: Final = {"ready": "green", "waiting": "yellow", "expiring": "yellow", "failing": "red"}
COLUMNS: Final = (
    Column("NAMESPACE"),
    Column("NAME"),
    Column("READY", colours={"True": "green", "False": "red"}),
    Column("EXPIRES"),
    Column("RENEWAL"),
    Column("ISSUER"),
    Column("SECRET", is_wide=True),
    Column("REVISION", is_wide=True),
    Column("NAMES", is_wide=True, wraps=True),
    Column("STATE", wraps=True, colours=STATES),
)


@click.group("status", cls=kinds.Words)
def command() -> None:
    """Show everything about certificates, object by object."""


@command.command("certificate")
@selection.options("Certificates")
@forms.option("text", *forms.TABLES, default=None, meaning="text of one, table of several")
@place.options(all_namespaces=True)
def certificate(selection: Selection, output: str | None, place: place.Place) -> None:
    """Show the Certificates NAME, those with labels, or all.

    Of one, its issuer, Secret, request, Order, Challenges, and the events of each; of several, a line each.
    For what is wrong and what to do, see `certshim explain`.  Exit code 1: one that is named is not there.
    """
    from certs.api.certificate import Certificate  # noqa: PLC0415 - as everything that --help needs not

    found, missing = chosen(place, selection, Certificate)
    _tell(found, output or ("text" if selection.is_one else "table"), place, is_one=selection.is_one)
    sys.exit(tell_missing(place, Certificate, found, missing))


def _tell(found: Sequence[Certificate], form: str, place: place.Place, *, is_one: bool) -> None:
    from shim.chain.describing import describe  # noqa: PLC0415
    from shim.chain.reading import Reader  # noqa: PLC0415
    from shim.chain.recording import status_record  # noqa: PLC0415

    reader, now = Reader(place.client, place.namespace), datetime.now(UTC)
    match form:
        case "text":
            texts = ("\n".join(describe(reader.chain(one), now)) for one in found)
            for number, text in enumerate(texts):
                click.echo(f"\n{text}" if number else text)
        case "table" | "wide":
            _table(found, now, place, wide=form == "wide")
        case _:
            records = [status_record(reader.chain(one)) for one in found]
            forms.tell(records, form, is_one=is_one)


def _table(found: Sequence[Certificate], now: datetime, place: place.Place, *, wide: bool) -> None:
    from shim.cli import tables  # noqa: PLC0415

    rows = [_row(one, now) for one in found]
    first = 1 if place.namespace else 0
    tables.write(COLUMNS[first:], [row[first:] for row in rows], wide=wide)


def _row(one: Certificate, now: datetime) -> tuple[str, ...]:
    """Return a cell for each column."""
    from certs.api.meta import find_condition  # noqa: PLC0415
    from shim.chain.explaining import distance  # noqa: PLC0415
    from shim.ui.model import sentence, state_of  # noqa: PLC0415

    spec, status, state = one.spec, one.status, state_of(one, now)
    ready, said = find_condition(status.conditions, "Ready"), " ".join(sentence(one, state).split())
    word = state.name.lower()
    return (
        one.metadata.namespace,
        one.metadata.name,
        ready.status if ready is not None else "Unknown",
        distance(status.not_after - now) if status.not_after is not None else "",
        distance(status.renewal_time - now) if status.renewal_time is not None else "",
        f"{spec.issuer_ref.effective_kind}/{spec.issuer_ref.name}",
        spec.secret_name,
        str(status.revision or ""),
        ", ".join((*spec.dns_names, *spec.ip_addresses)),
        f"{word}: {said}" if said else word,
    )
