"""What the terminal is like, and text that fits it.

Where standard output is no terminal, lines are as long as they are, have no colours, and nothing moves.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import Final, TextIO

WIDEST: Final = 120  # a paragraph over a whole wide screen is hard to read


def width(stream: TextIO | None = None) -> int | None:
    """Return how many columns the terminal has; None where the stream (standard output) leads to none."""
    return shutil.get_terminal_size().columns if (stream or sys.stdout).isatty() else None


def wrapped(text: str, first: str = "", rest: str = "", *, err: bool = False) -> str:
    """Return a paragraph between words, its lines after the first with `rest` before them; elsewhere one line.

    A word that is longer than a line stays whole, hyphens and all: it may be a name that somebody copies.
    With `err` it is for standard error.
    """
    columns = width(sys.stderr if err else sys.stdout)
    if columns is None:
        return f"{first}{text}"
    return folded(text, min(columns, WIDEST), first, rest)


def folded(text: str, columns: int, first: str = "", rest: str = "") -> str:
    """Return a paragraph in so many columns.

    >>> print(folded("see kubectl get ingress shop-of-everything", 20, "- ", "  "))
    - see kubectl get
      ingress
      shop-of-everything
    """
    return textwrap.fill(
        text,
        columns,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
