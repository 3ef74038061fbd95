"""Tables: aligned columns as kubectl's where nobody looks, and on a terminal in colours, with sentences folded.

fits       the terminal is wide enough for the longest word of each column: a table, by rich
does not   a block of lines for each row, so that no name is broken
no terminal  one line for each row, as long as it is
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import click

from shim.cli import terminal
from shim.cli.colours import painted

GAP: Final = 3  # spaces between columns, as kubectl's
NONE: Final = "<none>"
PADDING: Final = re.compile(r" +(\x1b\[0m)?$")  # rich fills lines up, which whoever copies them does not want
Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `wraps` for sentences, `is_wide` for `-o wide` only; `colours` by what a cell begins with."""

    title: str
    wraps: bool = False
    is_wide: bool = False
    colours: Mapping[str, str] = field(default_factory=dict)

    def colour(self, cell: str) -> str:
        """Return the colour of a cell, empty for none."""
        return next((colour for word, colour in self.colours.items() if cell.startswith(word)), "")


def write(columns: Sequence[Column], rows: Sequence[Row], *, wide: bool) -> None:
    """Print a table; each row has a cell for each column, those of `-o wide` too.  Nothing without rows."""
    if not rows:
        return
    shown = [number for number, column in enumerate(columns) if wide or not column.is_wide]
    columns = [columns[number] for number in shown]
    rows = [[row[number] or NONE for number in shown] for row in rows]
    screen = terminal.width()
    if screen is None:
        for line in plain(columns, rows):
            click.echo(line)
    elif fits(columns, rows, screen):
        _draw(columns, rows, screen)
    else:
        for line in blocks(columns, rows, screen):
            click.echo(line)


def plain(columns: Sequence[Column], rows: Sequence[Row]) -> Iterator[str]:
    """Yield a line for each row, under the titles."""
    lines = [[column.title for column in columns], *rows]
    widths = [max(map(len, cells)) + GAP for cells in zip(*lines, strict=True)]
    for line in lines:
        yield "".join(cell.ljust(size) for cell, size in zip(line, widths, strict=True)).rstrip()


def fits(columns: Sequence[Column], rows: Sequence[Row], screen: int) -> bool:
    """Can each word stand whole in a table of that width, and each sentence have a readable column?"""
    return sum(least(column, [row[number] for row in rows]) + GAP for number, column in enumerate(columns)) <= screen


def least(column: Column, cells: Sequence[str]) -> int:
    """Return how narrow a column can be."""
    if not column.wraps:
        return max(map(len, (column.title, *cells)))
    words = [word for cell in (column.title, *cells) for word in cell.split()]
    longest, whole = max(map(len, words)), max(map(len, cells))
    return max(longest, min(whole, READABLE))


READABLE: Final = 30  # columns for a sentence


def blocks(columns: Sequence[Column], rows: Sequence[Row], screen: int) -> Iterator[str]:
    """Yield the lines of a block for each row, an empty one between two."""
    size = max(len(column.title) for column in columns) + GAP
    for number, row in enumerate(rows):
        if number:
            yield ""
        for column, cell in zip(columns, row, strict=True):
            text = terminal.folded(cell, screen, column.title.ljust(size), " " * size)
            yield painted(text, column.colour(cell)) if column.colour(cell) else text


def _draw(columns: Sequence[Column], rows: Sequence[Row], screen: int) -> None:
    from rich.console import Console  # noqa: PLC0415 - only where somebody looks
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), collapse_padding=True, header_style="bold")
    for number, column in enumerate(columns):
        cells = [row[number] for row in rows]
        table.add_column(column.title, no_wrap=not column.wraps, min_width=least(column, cells))
    for row in rows:
        styled = (Text(cell, column.colour(cell)) for column, cell in zip(columns, row, strict=True))
        table.add_row(*styled)
    console = Console(width=screen, highlight=False, markup=False, emoji=False)
    with console.capture() as drawn:
        console.print(table)
    for line in drawn.get().splitlines():
        click.echo(PADDING.sub(r"\1", line))
