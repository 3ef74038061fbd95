"""What the demo prints: headings, commands, what they answered, steps with their time.

Colours are used on a terminal only, and not when NO_COLOR is set (https://no-color.org).
"""

from __future__ import annotations

import os
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

WIDTH: Final = 110
CUT: Final = 140  # tables of kubectl are wide, and worth it
_MARGIN: Final = "   "
_RESET: Final = "\x1b[0m"


class Screen:
    """Writes to one stream, a line at a time."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._coloured = out.isatty() and "NO_COLOR" not in os.environ
        self._scene = 0

    def title(self, text: str) -> None:
        """Say what all this is."""
        self._write(self._in("1", text))

    def scene(self, text: str) -> None:
        """Begin a numbered part."""
        self._scene += 1
        self._write(f"\n{self._in('1;36', f'{self._scene}  {text}')}")

    def say(self, text: str) -> None:
        """Write a paragraph, wrapped, after an empty line."""
        self._write("")
        self._write(textwrap.fill(text, WIDTH, initial_indent=_MARGIN, subsequent_indent=_MARGIN))

    def command(self, text: str, *, apart: bool = False) -> None:
        """Show a command as one types it; `apart` from what is above it by an empty line."""
        if apart:
            self._write("")
        self._write(f"{_MARGIN}{self._in('1', f'$ {text}')}")

    def lines(self, text: str) -> None:
        """Show text as it is, indented; what does not fit on a line is cut."""
        for line in text.rstrip("\n").splitlines():
            cut = line if len(line) <= CUT else f"{line[: CUT - 1]}…"
            self._write(f"{_MARGIN}{cut}".rstrip())

    def paragraphs(self, text: str) -> None:
        """Show text, wrapped as a terminal of this width would."""
        for line in text.rstrip("\n").splitlines():
            self._write(textwrap.indent("\n".join(textwrap.wrap(line, WIDTH, break_on_hyphens=False) or [""]), _MARGIN))

    def refused(self, text: str) -> None:
        """Show an error message that is meant to come."""
        wrapped = textwrap.wrap(text, WIDTH, initial_indent=_MARGIN, subsequent_indent=_MARGIN, break_on_hyphens=False)
        self._write("\n".join(self._in("33", line) for line in wrapped))

    def moment(self, seconds: float, what: str, text: str) -> None:
        """Show one step of something that is followed live."""
        self._write(f"{_MARGIN}{self._in('32', f'{seconds:6.2f} s')}  {what:<19}{text}")

    def pairs(self, *pairs: tuple[str, str], apart: bool = False) -> None:
        """Show names and values in two columns; `apart` as with a command."""
        if apart:
            self._write("")
        width = max(len(name) for name, _ in pairs) + 2
        for name, value in pairs:
            self._write(f"{_MARGIN}{name:<{width}}{value}")

    def failed(self, text: str) -> None:
        """Say what went wrong."""
        first, _, rest = text.partition("\n")
        wrapped = textwrap.fill(f"failed: {first}", WIDTH, subsequent_indent=_MARGIN, break_on_hyphens=False)
        self._write(f"\n{self._in('1;31', wrapped)}")
        if rest:
            self._write(textwrap.indent(rest, _MARGIN))

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show the text, and behind it how long the block took."""
        began = time.monotonic()
        self._write(f"{_MARGIN}{text:<90}", end="")
        try:
            yield
        except BaseException:
            self._write("")
            raise
        self._write(self._in("32", f"{time.monotonic() - began:5.1f} s"))

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}{_RESET}" if self._coloured else text

    def _write(self, text: str, end: str = "\n") -> None:
        self._out.write(text + end)
        self._out.flush()
