"""What a conversion has to say: what was changed beyond the spelling, and what could not be carried over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Note(NamedTuple):
    """A sentence about a line (of the file before the conversion); `lost` ones leave something to a person."""

    line: int
    text: str
    is_lost: bool = False


@dataclass(slots=True)
class Notes:
    """The notes on one document, of which the tree begins in that line of its file; lines in it count from 0."""

    first_line: int
    found: list[Note] = field(default_factory=list)

    def changed(self, line: int, text: str) -> None:
        """Something is written differently, so that it goes on meaning the same."""
        self.found.append(Note(self.first_line + line, text))

    def lost(self, line: int, text: str) -> None:
        """Something could not be carried over; the text says what to do."""
        self.found.append(Note(self.first_line + line, text, is_lost=True))
