"""What a command shows while it works: on a terminal something that moves, by rich; elsewhere plain lines.

It goes to standard error, so that standard output holds the result alone, and is gone when the work is done.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import click

if TYPE_CHECKING:
    from rich.console import Console

Say = Callable[[str], None]


class Bar(Protocol):
    """How far something is."""

    def tell(self, done: int, total: int, says: str) -> None:
        """Show it; `says` is a sentence about what is left."""


@contextmanager
def busy(says: str) -> Iterator[Say]:
    """Show on a terminal what is being done; call what is given to say something else.  Silent elsewhere.

    Nothing is to be printed meanwhile.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with _console().status(says) as status:
        yield status.update


@contextmanager
def bar() -> Iterator[Bar]:
    """Show how far something is: on a terminal a bar with the time, elsewhere a line when the sentence changes."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    drawn = _Drawn(_console())
    with drawn:
        yield drawn


class _Lines:
    def __init__(self) -> None:
        self._told = ""

    def tell(self, done: int, total: int, says: str) -> None:
        """Print the sentence, unless it was just said."""
        del done, total
        if says != self._told:
            click.echo(says, err=True)
        self._told = says


class _Drawn:
    def __init__(self, console: Console) -> None:
        from rich.live import Live  # noqa: PLC0415 - only where somebody looks
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TimeElapsedColumn  # noqa: PLC0415

        self._progress = Progress(SpinnerColumn(), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn())
        self._task = self._progress.add_task("", total=None)
        self._live = Live(self._progress, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)

    def __enter__(self) -> None:
        self._live.start()

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def tell(self, done: int, total: int, says: str) -> None:
        """Draw it, the sentence below in whole words."""
        from rich.console import Group  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        self._progress.update(self._task, completed=done, total=total)
        self._live.update(Group(self._progress, Text(f"  {says}", style="dim", overflow="ellipsis")))


def _console() -> Console:
    from rich.console import Console  # noqa: PLC0415

    return Console(stderr=True, highlight=False, markup=False, emoji=False)
