"""A line for each part that was looked at: a word in its colour, what was seen, and below it what to do."""

from __future__ import annotations

from typing import Final

import click

from shim.cli.colours import painted
from shim.cli.terminal import wrapped

COLUMN: Final = 9  # the longest word, "blocking", and a space
COLOURS: Final = {
    "ok": "green",
    "info": "cyan",
    "unknown": "cyan",
    "warning": "yellow",
    "failed": "red",
    "blocking": "red",
}


def tell(word: str, sentence: str, remedy: str) -> None:
    """Print them; an empty remedy is left out."""
    margin = " " * COLUMN
    text = wrapped(sentence, word.ljust(COLUMN), margin)
    click.echo(text.replace(word, painted(word, COLOURS[word]), 1))
    if remedy:
        click.echo(wrapped(remedy, f"{margin}└─ ", f"{margin}   "))
