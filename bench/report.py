"""How figures are shown and kept: a table on the terminal, records in a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.machine import Head
from bench.measurement import Measurement, is_met

_MARKS = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}


def show(head: Head, measurements: Sequence[Measurement], console: Console) -> None:
    """Print the machine, the table and the notes."""
    machine = head["machine"]
    tree = " with uncommitted changes" if head["dirty"] else ""
    console.print(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, Linux {machine['kernel']}, "
        f"Python {machine['python']}; load before: {machine['load_before']}; commit {head['commit'][:12]}{tree}",
        highlight=False,
    )
    console.print(table(measurements))
    for note in head["notes"]:
        console.print(f"note: {note}", style="yellow", highlight=False)


def table(measurements: Sequence[Measurement]) -> Table:
    """Return the figures as a table; the parts of a sum (`sum: part`) are set back."""
    made = Table("figure", "", "", "aim", "", box=None, header_style="bold")
    for column in (1, 3):
        made.columns[column].justify = "right"
    for one in measurements:
        whole, is_part, part = one["name"].partition(": ")
        aim = "" if one["aim"] is None else f"{'≤' if one['better'] == 'lower' else '≥'} {one['aim']:g}"
        name = f"[dim]  {part}[/]" if is_part else whole
        made.add_row(name, f"{one['value']:g}", one["unit"], aim, _MARKS[is_met(one)])
    return made


def write(head: Head, measurements: Sequence[Measurement], path: Path) -> None:
    """Write one list: the head record, then the figures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([head, *measurements], indent=1, ensure_ascii=False) + "\n")
